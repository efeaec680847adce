"""Sockets for libraries that make their own: MPTCP where it is to be had, TCP where not or where it is asked for."""

from __future__ import annotations

import socket

IPPROTO_MPTCP = 262
TCP = int(socket.IPPROTO_TCP)


def made(family: int, protocol: int | None) -> socket.socket:
    """A stream socket of this protocol; without one MPTCP is preferred, as a careful user does."""
    if protocol is not None:
        return socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        return socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP)
    except OSError:
        # Switched off, unknown to the kernel or refused by a policy: the connection matters more.
        return socket.socket(family, socket.SOCK_STREAM, TCP)


def said_to_be_tcp(sock: socket.socket) -> socket.socket:
    """The same descriptor in an object whose `proto` is TCP; the kernel's socket stays what it is."""
    return socket.socket(sock.family, sock.type, TCP, fileno=sock.detach())


def listener(host: str, port: int, protocol: int | None) -> socket.socket:
    """A listening socket with SO_REUSEADDR."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = made(family, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(100)
    sock.setblocking(False)
    return sock
