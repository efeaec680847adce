"""A plain TCP client of an MPTCP listener is accepted without some of the listener's options."""

import socket

OPTIONS = [
    ("SO_KEEPALIVE", socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ("TCP_NODELAY", socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ("SO_TIMESTAMP", socket.SOL_SOCKET, 29, 1),
    ("TCP_NOTSENT_LOWAT", socket.IPPROTO_TCP, 25, 4096),
    ("TCP_INQ", socket.IPPROTO_TCP, 36, 1),
]


def inherited(client_proto, listener_proto):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, listener_proto)
    for _, level, option, value in OPTIONS:
        listener.setsockopt(level, option, value)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, client_proto)
    client.connect(listener.getsockname())
    accepted, _ = listener.accept()
    lost = [
        name
        for name, level, option, value in OPTIONS
        if accepted.getsockopt(level, option) != value
    ]
    return ", ".join(lost) or "none"


print("TCP client of a TCP listener loses:", inherited(6, 6))
print("MPTCP client of an MPTCP listener loses:", inherited(262, 262))
print("TCP client of an MPTCP listener loses:", inherited(6, 262))
