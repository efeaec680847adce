"""asyncio cannot connect an MPTCP socket where getaddrinfo() refuses protocol 262."""

import asyncio
import socket

MPTCP = 262
TCP_IS_MPTCP = 43


async def attempt(what, listener, client):
    try:
        await asyncio.get_running_loop().sock_connect(client, listener.getsockname())
        kernel = client.getsockopt(socket.IPPROTO_TCP, TCP_IS_MPTCP)
        print(f"{what}: connected, TCP_IS_MPTCP={kernel}")
    except OSError as error:
        print(f"{what}: {type(error).__name__} {error}")
    client.close()


def fresh():
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    client.setblocking(False)
    return client


async def main():
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    await attempt("sock_connect", listener, fresh())
    # The cure: the same descriptor behind an object that says TCP. The kernel still speaks MPTCP.
    inner = fresh().detach()
    rewrapped = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 6, fileno=inner)
    await attempt("sock_connect, rewrapped as TCP", listener, rewrapped)


asyncio.run(main())
