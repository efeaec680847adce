"""An unconnected socket: the asyncio client drops the errno, and its debug log shows the request as sent."""

import asyncio
import logging
import socket

import websockets.asyncio.client
import websockets.legacy.client

LINES = []


class Keep(logging.Handler):
    def emit(self, record):
        LINES.append(record.getMessage())


logging.getLogger("websockets").addHandler(Keep())
logging.getLogger("websockets").setLevel(logging.DEBUG)


async def attempt(connect):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    try:
        await connect("ws://localhost/", sock=sock)
    except Exception as error:
        chain = []
        while error is not None:
            chain.append(f"{type(error).__name__}[{getattr(error, 'errno', '')}]")
            error = error.__cause__ or error.__context__
        print(f"{connect.__module__}: {' from '.join(chain)}")
    sent = any(line.startswith("> GET") for line in LINES)
    named = any("Broken pipe" in line or "not connected" in line for line in LINES)
    print(f"debug log: shows the request as sent: {sent}, names the cause: {named}")
    LINES.clear()


asyncio.run(attempt(websockets.legacy.client.connect))
asyncio.run(attempt(websockets.asyncio.client.connect))
