"""websocket-client does not apply timeout= to a socket that it is given."""

import base64
import hashlib
import socket
import threading

import websocket

HEAD = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def serve(listener, gone):
    connection = listener.accept()[0]
    key = connection.recv(10_000).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
    gone.wait(3)
    proof = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    connection.sendall(f"{HEAD}Sec-WebSocket-Accept: {proof}\r\n\r\n".encode())


def attempt(what, limit):
    listener = socket.create_server(("127.0.0.1", 0))
    gone = threading.Event()
    threading.Thread(target=serve, args=(listener, gone)).start()
    client = socket.create_connection(listener.getsockname())
    client.settimeout(limit)
    try:
        ws = websocket.create_connection("ws://localhost", timeout=0.2, socket=client)
        print(f"{what}: open after 3 s, {ws.gettimeout()=}, {client.gettimeout()=}")
    except websocket.WebSocketTimeoutException as error:
        print(f"{what}: {error!r}")
    gone.set()


attempt("timeout=0.2", None)
attempt("timeout=0.2 and settimeout(0.2)", 0.2)
