"""After a message that ends with BFINAL (RFC 7692 section 7.2.3.4) the next one arrives empty."""

import base64
import hashlib
import re
import socket
import threading

from websockets.sync.client import connect

# "Hello" with BFINAL set, and "Hello" again: the two examples of RFC 7692 sections 7.2.3.4 and 7.2.3.1.
FINAL = bytes.fromhex("f348cdc9c9070000")
PLAIN = bytes.fromhex("f248cdc9c90700")


def serve(listener):
    sock, _ = listener.accept()
    request = sock.recv(65536).decode()
    key = re.search("Sec-WebSocket-Key: (.*)\r\n", request).group(1)
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: "
        + base64.b64encode(digest)
        + b"\r\n\r\n"
    )
    for body in (FINAL, PLAIN):
        sock.sendall(bytes([0xC1, len(body)]) + body)
    sock.recv(65536)
    sock.close()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,)).start()
with connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/", close_timeout=1) as ws:
    print("message with BFINAL:", repr(ws.recv(30)))
    print("message after it:   ", repr(ws.recv(30)))
