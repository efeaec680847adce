"""The first MPTCP client kills a picows server."""

import asyncio
import multiprocessing
import socket

import picows

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
REQUEST += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"


async def serve():
    told = asyncio.get_running_loop().set_exception_handler
    told(lambda loop, what: print(f"- its event loop: {what['exception']}", flush=True))
    await picows.ws_create_server(lambda request: picows.WSListener(), sock=listener)
    await asyncio.sleep(60)


def attempt(what, proto):
    print(what, flush=True)
    server = multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(serve()))
    server.start()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) as client:
        client.connect(listener.getsockname())
        client.sendall(REQUEST)
        print("- its answer:", client.recv(1000).split(b"\r")[0])
    server.terminate()
    server.join()
    print(f"- its end: {server.exitcode}")


listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listener.bind(("127.0.0.1", 0))
listener.listen()
attempt("Server with a TCP client", 6)
attempt("Server with an MPTCP client", 262)
del socket.TCP_QUICKACK
attempt("Server without TCP_QUICKACK, with an MPTCP client", 262)
