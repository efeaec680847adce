"""After a fallback MPTCP_INFO is refused with one errno over IPv4 and with another over IPv6."""

import errno
import socket

SOL_MPTCP, MPTCP_INFO, TCP_IS_MPTCP = 284, 1, 43


def attempt(family, address):
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((address, 0))
    listener.listen()
    client = socket.socket(family, socket.SOCK_STREAM, 262)
    client.connect(listener.getsockname())
    kernel = client.getsockopt(socket.IPPROTO_TCP, TCP_IS_MPTCP)
    try:
        client.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
        answer = "MPTCP_INFO is there"
    except OSError as error:
        answer = f"MPTCP_INFO: {errno.errorcode[error.errno]} ({error.errno})"
    print(f"{family.name}: TCP_IS_MPTCP={kernel}, {answer}")


attempt(socket.AF_INET, "127.0.0.1")
attempt(socket.AF_INET6, "::1")
