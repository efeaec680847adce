"""A program under mptcpize gets the error of socket() where MPTCP is refused."""

import ctypes
import os
import subprocess
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SOCKET = "import socket; print(socket.socket().getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL))"


def attempt(what, *launcher):
    command = [*launcher, sys.executable, "-c", SOCKET]
    end = subprocess.run(command, capture_output=True, text=True, check=False)
    told = end.stdout or end.stderr
    print(f"{what}: {told.splitlines()[-1]}")


attempt("MPTCP on, mptcpize run", "mptcpize", "run")
flags = CLONE_NEWNET | (CLONE_NEWUSER if os.geteuid() else 0)
assert ctypes.CDLL(None).unshare(flags) == 0, "a network namespace is needed"
with open("/proc/sys/net/mptcp/enabled", "w") as switch:
    switch.write("0")
attempt("MPTCP off, alone")
attempt("MPTCP off, mptcpize run", "mptcpize", "run")
