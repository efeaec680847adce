"""asyncio leaves Nagle's algorithm on where the socket object says MPTCP."""

import asyncio
import socket
import statistics
import time

NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def attempt(client_proto, server_proto, on_listener=0):
    async def answer_every_second(reader, writer):
        accepted.append(writer.get_extra_info("socket").getsockopt(*NODELAY))
        while await reader.readline() and await reader.readline():
            writer.write(b"answer\n")

    accepted, rounds = [], []
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, server_proto)
    listener.setsockopt(*NODELAY, on_listener)
    listener.bind(("127.0.0.1", 0))
    await asyncio.start_server(answer_every_second, sock=listener)
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, client_proto)
    client.connect(listener.getsockname())
    reader, writer = await asyncio.open_connection(sock=client)
    for _ in range(30):
        began = time.monotonic()
        writer.write(b"one\n")
        writer.write(b"two\n")
        await reader.readline()
        rounds.append(time.monotonic() - began)
    mine = writer.get_extra_info("socket").getsockopt(*NODELAY)
    held = "" if mine else f"; median round at least 30 ms: {statistics.median(rounds) > 0.03}"
    print(f"{client_proto} to {server_proto}: client {mine}, accepted {accepted[0]}{held}")


for pair in [(6, 6), (262, 262), (6, 262), (262, 6), (262, 262, 1), (6, 262, 1)]:
    asyncio.run(attempt(*pair))
