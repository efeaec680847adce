"""aiohttp's socket_factory opens no MPTCP connection where getaddrinfo() refuses protocol 262."""

import asyncio
import socket

from aiohttp import ClientConnectorError, ClientSession, TCPConnector, web


async def accept(request):
    await (answer := web.WebSocketResponse()).prepare(request)
    return answer


def plain(info):
    return socket.socket(info[0], info[1], 262)


def rewrapped(info):
    return socket.socket(info[0], info[1], socket.IPPROTO_TCP, fileno=plain(info).detach())


async def main():
    listener = plain((socket.AF_INET, socket.SOCK_STREAM))
    listener.bind(("127.0.0.1", 0))
    await (runner := web.ServerRunner(web.Server(accept))).setup()
    await web.SockSite(runner, listener).start()
    url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    for factory in plain, rewrapped:
        async with ClientSession(connector=TCPConnector(socket_factory=factory)) as session:
            try:
                ws = await session.ws_connect(url)
                kernel = ws.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, 43)
                print(f"{factory.__name__}: open, TCP_IS_MPTCP={kernel}")
            except ClientConnectorError as error:
                print(f"{factory.__name__}: {error.os_error!r}")


asyncio.run(main())
