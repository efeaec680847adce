"""A connect that never ends: the legacy client takes open_timeout and twice close_timeout."""

import asyncio
import socket
import time

import websockets.asyncio.client
import websockets.legacy.client

# A listener whose queue is full: the kernel drops further SYNs, so connect() stays under way.
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listener.bind(("127.0.0.1", 0))
listener.listen(0)
queued = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
queued.connect(listener.getsockname())


async def attempt(connect, **limits):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    sock.setblocking(False)
    sock.connect_ex(listener.getsockname())
    began = time.monotonic()
    try:
        await connect("ws://localhost/", sock=sock, **limits)
    except asyncio.TimeoutError:
        took = time.monotonic() - began
        full = limits["open_timeout"] + 2 * limits["close_timeout"]
        text = ", ".join(f"{name}={value}" for name, value in limits.items())
        print(f"{connect.__module__}, {text}: no sooner than {full} s: {took >= full}")


asyncio.run(attempt(websockets.legacy.client.connect, open_timeout=1, close_timeout=0))
asyncio.run(attempt(websockets.legacy.client.connect, open_timeout=1, close_timeout=2))
# With close_timeout=1000 this would take half an hour, if it were as slow.
asyncio.run(attempt(websockets.asyncio.client.connect, open_timeout=1, close_timeout=1000))
