"""A Landlock rule set that forbids TCP connect lets MPTCP through."""

import ctypes
import socket
import struct

LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
ACCESS_NET_CONNECT_TCP = 1 << 1
PR_SET_NO_NEW_PRIVS = 38

libc = ctypes.CDLL(None, use_errno=True)
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listener.bind(("127.0.0.1", 0))
listener.listen()

attributes = struct.pack("QQ", 0, ACCESS_NET_CONNECT_TCP)
ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
assert ruleset >= 0, "Landlock with network rules (Linux 6.7) is needed"
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0

for name, proto in [("TCP", 6), ("MPTCP", 262)]:
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto)
    try:
        client.connect(listener.getsockname())
        print(f"{name}: connected")
    except OSError as error:
        print(f"{name}: {error}")
