// An echo server, as the documentation of ws writes it: node echo.js HOST PORT
"use strict";

const { WebSocketServer } = require("ws");

const [host, port] = process.argv.slice(2);
const server = new WebSocketServer({ host, port: Number(port) });

server.on("connection", (socket) => {
  socket.on("message", (message, binary) => socket.send(message, { binary }));
  socket.on("error", console.error);
});
