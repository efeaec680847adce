"""Two servers on one socket: the second one's wait_closed() never returns."""

import asyncio
import socket

from websockets.asyncio.server import serve

LIMIT = 3  # seconds


async def main():
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    listener.bind(("127.0.0.1", 0))
    servers = [await serve(lambda ws: None, sock=listener) for _ in range(2)]
    for number, server in enumerate(servers, 1):
        server.close()
        try:
            await asyncio.wait_for(server.wait_closed(), LIMIT)
            print(f"server {number}: stopped")
        except asyncio.TimeoutError:
            print(f"server {number}: wait_closed() still waits after {LIMIT} s")
            cause = server.close_task.exception()
            print(f"its close task has died of {cause!r}")


asyncio.run(main())
