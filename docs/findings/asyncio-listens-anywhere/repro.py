"""A socket that was never bound: asyncio listens on it, on a random port of every interface."""

import asyncio
import socket

from websockets.asyncio.server import serve


async def main():
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    async with serve(lambda ws: None, sock=sock):
        host, port = sock.getsockname()
        print(f"serve() raised no error; it listens on {host}, a port of its own: {port > 0}")
        client = socket.create_connection(("127.0.0.2", port))
        print("reached through", client.getpeername()[0])
        client.close()


asyncio.run(main())
