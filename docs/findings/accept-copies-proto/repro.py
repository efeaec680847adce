"""socket.accept() copies the listener's proto, so a TCP client is called MPTCP."""

import socket

SO_PROTOCOL = 38
TCP_IS_MPTCP = 43

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listener.bind(("127.0.0.1", 0))
listener.listen()
for name, proto in [("TCP", 6), ("MPTCP", 262)]:
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto)
    client.connect(listener.getsockname())
    accepted, _ = listener.accept()
    kernel = accepted.getsockopt(socket.SOL_SOCKET, SO_PROTOCOL)
    mptcp = accepted.getsockopt(socket.IPPROTO_TCP, TCP_IS_MPTCP)
    said = accepted.proto
    print(f"{name} client: accepted.proto={said} SO_PROTOCOL={kernel} TCP_IS_MPTCP={mptcp}")
    same = socket.socket(fileno=accepted.detach())
    print(f"{name} client: asked anew, socket(fileno=).proto={same.proto}")
