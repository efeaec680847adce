// A client that talks in lines: node lines.js URI. Standard input is sent, line by line; what comes is printed.
"use strict";

const readline = require("readline");
const WebSocket = require("ws");

const socket = new WebSocket(process.argv[2]);

socket.on("open", () => {
  console.log("open");
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => socket.send(line));
  lines.on("close", () => socket.close(1000));
});
socket.on("message", (message) => console.log(message.toString()));
socket.on("close", () => process.exit(0));
socket.on("error", (error) => {
  console.error(String(error));
  process.exit(1);
});
