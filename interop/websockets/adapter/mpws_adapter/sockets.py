"""The sockets of this peer, and what kernel and runtime say of any socket."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from .records import NoSuchNumber

IPPROTO_MPTCP = 262
SOL_MPTCP = 284
SO_PROTOCOL = 38
TCP_IS_MPTCP = 43
MPTCP_INFO = 1

# struct mptcp_info (linux/mptcp.h): mptcpi_flags and mptcpi_token, both u32 in host order.
MPTCP_INFO_SIZE = 120
FLAGS = slice(8, 12)
TOKEN = slice(12, 16)

PROTOCOLS = {"mptcp": IPPROTO_MPTCP, "tcp": int(socket.IPPROTO_TCP)}
FAMILIES = {"v4": socket.AF_INET, "v6": socket.AF_INET6, "unix": socket.AF_UNIX}
OPTIONS = {
    "nodelay": (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "reuseaddr": (socket.SOL_SOCKET, socket.SO_REUSEADDR),
    "reuseport": (socket.SOL_SOCKET, socket.SO_REUSEPORT),
    "v6only": (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
    "quickack": (socket.IPPROTO_TCP, socket.TCP_QUICKACK),
    "user-timeout": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    "syncnt": (socket.IPPROTO_TCP, socket.TCP_SYNCNT),
    "keepidle": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    "keepintvl": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    "keepcnt": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    "rcvbuf": (socket.SOL_SOCKET, socket.SO_RCVBUF),
    "sndbuf": (socket.SOL_SOCKET, socket.SO_SNDBUF),
    "priority": (socket.SOL_SOCKET, socket.SO_PRIORITY),
    "tos": (socket.IPPROTO_IP, socket.IP_TOS),
}

# Options that stand among the facts of a socket.
REPORTED = ("keepidle", "keepintvl", "keepcnt", "rcvbuf", "sndbuf", "priority", "tos")


class Held:
    """A socket object that belongs to the suite, whatever the library makes of it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        # TLS in `sync` detaches the object's descriptor, which stays open: so remember which it was.
        self._identity: tuple[int, int] | None = (sock.fileno(), os.fstat(sock.fileno()).st_ino)

    def rewrapped(self) -> Held:
        """Hands the descriptor to a new object that says it is TCP."""
        sock = self.sock
        self._identity = None
        return Held(socket.socket(sock.family, sock.type, socket.IPPROTO_TCP, fileno=sock.detach()))

    def facts(self) -> dict[str, Any]:
        """Facts of the descriptor, which may outlive the object's hold on it."""
        if self.sock.fileno() >= 0 or self._identity is None:
            return facts(self.sock)
        descriptor, inode = self._identity
        try:
            if os.fstat(descriptor).st_ino != inode:
                return facts(self.sock)
            found = descriptor_facts(descriptor)
        except OSError:
            return facts(self.sock)
        if found is None:
            return facts(self.sock)
        found["api_protocol"] = self.sock.proto
        return found


class Sockets:
    """The sockets by number."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}
        self._last = 0

    def add(self, held: Held) -> int:
        """Gives the socket its number."""
        self._last += 1
        self._held[self._last] = held
        return self._last

    def __getitem__(self, number: int) -> Held:
        held = self._held.get(number)
        if held is None:
            raise NoSuchNumber(f"no socket {number}")
        return held


def facts(sock: Any) -> dict[str, Any]:
    """What kernel and runtime say of a socket object (or asyncio's stand-in for one)."""
    record: dict[str, Any] = {"open": False, "api_protocol": int(sock.proto)}
    descriptor = sock.fileno()
    if descriptor < 0:
        return record
    try:
        record["blocking"] = os.get_blocking(descriptor)
    except OSError:
        return record
    record["open"] = True
    record["so_protocol"] = _option(sock, socket.SOL_SOCKET, SO_PROTOCOL)
    record["is_mptcp"] = _flag(sock, socket.IPPROTO_TCP, TCP_IS_MPTCP)
    record["nodelay"] = _flag(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY)
    record["keepalive"] = _flag(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    options = {name: _option(sock, *OPTIONS[name]) for name in REPORTED}
    record["options"] = {name: value for name, value in options.items() if value is not None}
    _add_mptcp_info(sock, record)
    for name, ask in (("local", sock.getsockname), ("remote", sock.getpeername)):
        try:
            record[name] = address(ask())
        except OSError:
            pass
    return {name: value for name, value in record.items() if value is not None}


def descriptor_facts(descriptor: int) -> dict[str, Any] | None:
    """Facts of a descriptor that belongs to somebody else; None where it is no internet socket."""
    try:
        sock = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    with sock:
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        record = facts(sock)
    del record["api_protocol"]
    return record


def open_sockets() -> list[dict[str, Any]]:
    """Facts of all internet sockets of this process, by descriptor."""
    found = []
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
        except OSError:
            continue
        record = descriptor_facts(int(name))
        if record is not None:
            found.append(record)
    return found


def target(sock: socket.socket, host: str, port: int) -> Any:
    """What the socket is bound or connected to; a socket of AF_UNIX has an abstract name."""
    return f"\0{host}" if sock.family == socket.AF_UNIX else (host, port)


def address(name: Any) -> str | None:
    """`ADDR:PORT` of an internet address, None of any other."""
    if not isinstance(name, tuple):
        return None
    host, port = name[0], name[1]
    if len(name) == 4:
        scope = f"%{name[3]}" if name[3] and "%" not in host else ""
        return f"[{host}{scope}]:{port}"
    return f"{host}:{port}"


def _add_mptcp_info(sock: Any, record: dict[str, Any]) -> None:
    try:
        info = sock.getsockopt(SOL_MPTCP, MPTCP_INFO, MPTCP_INFO_SIZE)
    except OSError as error:
        record["mptcp_info_errno"] = error.errno
        return
    if len(info) >= TOKEN.stop:
        record["mptcp_flags"] = int.from_bytes(info[FLAGS], sys.byteorder)
        record["token"] = int.from_bytes(info[TOKEN], sys.byteorder)


def _option(sock: Any, level: int, option: int) -> int | None:
    try:
        return int(sock.getsockopt(level, option))
    except OSError:
        return None


def _flag(sock: Any, level: int, option: int) -> bool | None:
    value = _option(sock, level, option)
    return None if value is None else value != 0
