"""A process_request(path, headers) of 13.x that compares the path lets everybody in on 14.x."""

import asyncio
import http
import socket

import websockets

print("websockets", websockets.version.version)


async def gate(path, headers):
    if path == "/deny":
        return http.HTTPStatus.FORBIDDEN, [], b"no\n"


async def handler(ws):
    await ws.wait_closed()


async def main():
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    listener.bind(("127.0.0.1", 0))
    async with websockets.serve(handler, sock=listener, process_request=gate):
        host, port = listener.getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(
            b"GET /deny HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        print("GET /deny:", (await reader.readline()).decode().strip())
        writer.close()


asyncio.run(main())
