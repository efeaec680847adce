// Talks in lines by a page of headless Chromium: node lines.js URI
// The page opens the WebSocket. It is led by the DevTools protocol over a pipe: JSON texts, each with a NUL behind it.
"use strict";

const { spawn } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const readline = require("readline");

const profile = fs.mkdtempSync(path.join(os.tmpdir(), "chromium-"));
const browser = spawn(
  "chromium",
  [
    "--headless=new",
    // Its sandbox needs namespaces that root inside a namespace cannot make.
    "--no-sandbox",
    "--disable-gpu",
    // Complaints about a missing D-Bus, mostly.
    "--log-level=3",
    "--disable-dev-shm-usage",
    "--no-first-run",
    // Nothing but the WebSocket may go out.
    "--disable-background-networking",
    "--disable-component-update",
    `--user-data-dir=${profile}`,
    "--remote-debugging-pipe",
    "about:blank",
  ],
  // A group of its own, so that none of its processes is left.
  { detached: true, stdio: ["ignore", "ignore", "inherit", "pipe", "pipe"] },
);
const [to, from] = [browser.stdio[3], browser.stdio[4]];

function leave(code, why) {
  if (why) console.error(why);
  try {
    process.kill(-browser.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
  process.exit(code);
}
browser.on("exit", (code) => leave(1, `the browser ended with ${code}`));
to.on("error", () => {});

const waiting = new Map();
let last = 0;
let session;

function ask(method, params = {}) {
  const id = ++last;
  to.write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
  return new Promise((resolve) => waiting.set(id, resolve));
}

let rest = Buffer.alloc(0);
from.on("data", (data) => {
  rest = Buffer.concat([rest, data]);
  for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1)) {
    const message = JSON.parse(rest.subarray(0, end).toString());
    if (message.id) {
      if (message.error) leave(1, message.error.message);
      waiting.get(message.id)(message.result);
    } else if (message.method === "Runtime.bindingCalled") {
      reported(JSON.parse(message.params.payload));
    }
  }
});

function reported({ kind, text }) {
  if (kind === "open") talk();
  if (kind === "open" || kind === "message") console.log(text);
  if (kind === "error") leave(1, "the page's WebSocket failed");
  if (kind === "close") leave(0);
}

const evaluate = (expression) => ask("Runtime.evaluate", { expression });

function talk() {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => evaluate(`socket.send(${JSON.stringify(line)})`));
  lines.on("close", () => evaluate("socket.close(1000)"));
}

async function main(uri) {
  const { targetInfos } = await ask("Target.getTargets");
  const { targetId } = targetInfos.find(({ type }) => type === "page");
  ({ sessionId: session } = await ask("Target.attachToTarget", { targetId, flatten: true }));
  await ask("Runtime.enable");
  await ask("Runtime.addBinding", { name: "report" });
  await evaluate(`
    const say = (kind, text = "") => report(JSON.stringify({ kind, text }));
    const socket = new WebSocket(${JSON.stringify(uri)});
    socket.onopen = () => say("open", "open");
    socket.onmessage = ({ data }) => say("message", data);
    socket.onerror = () => say("error");
    socket.onclose = () => say("close");
  `);
}

main(process.argv[2]);
