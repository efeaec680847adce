"""The operations that cannot wait, the same for every implementation."""

from __future__ import annotations

import gc
import os
import resource
import socket
from typing import Any, Callable, TypeVar

from .arguments import Arguments
from .logs import Log
from .records import NoSuchNumber
from .sockets import FAMILIES, OPTIONS, PROTOCOLS, Held, Sockets, open_sockets, target

Reply = dict[str, Any]
Thing = TypeVar("Thing")

MODES: dict[str, float | None] = {"blocking": None, "nonblocking": 0.0, "timeout": 0.5}
HALVES = {"read": socket.SHUT_RD, "write": socket.SHUT_WR}


class Numbered(dict[int, Thing]):
    """Things that the suite knows by number."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._last = 0

    def add(self, thing: Thing) -> int:
        """Gives the thing its number."""
        self._last += 1
        self[self._last] = thing
        return self._last

    def __missing__(self, number: int) -> Thing:
        raise NoSuchNumber(f"no {self._what} {number}")


class Peer:
    """Sockets and log of this process. `immediate` maps names to operations that return at once."""

    def __init__(self, log: Log) -> None:
        self.sockets = Sockets()
        self._log = log
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._descriptor_limit, self._hardest_limit = limits
        self.immediate: dict[str, Callable[[Arguments], Reply]] = {
            "socket.create": self._socket_create,
            "socket.pair": self._socket_pair,
            "socket.set": self._socket_set,
            "socket.blocking": self._socket_blocking,
            "socket.bind": self._socket_bind,
            "socket.listen": self._socket_listen,
            "socket.shutdown": self._socket_shutdown,
            "socket.rewrap": self._socket_rewrap,
            "socket.close": self._socket_close,
            "socket.facts": self._socket_facts,
            "process.descriptors": self._process_descriptors,
            "process.limit": self._process_limit,
            "process.log": self._process_log,
        }

    def _socket_create(self, args: Arguments) -> Reply:
        family = FAMILIES[args.choice("family", tuple(FAMILIES))]
        kind = args.choice("kind", ("stream", "datagram"), "stream")
        protocol = args.choice("protocol", tuple(PROTOCOLS))
        by_constant = args.flag("by_constant")
        args.finish()
        if kind == "datagram":
            return {"socket": self._add(socket.socket(family, socket.SOCK_DGRAM))}
        if family == socket.AF_UNIX:
            return {"socket": self._add(socket.socket(family, socket.SOCK_STREAM))}
        number = PROTOCOLS[protocol]
        if by_constant:
            number = getattr(socket, f"IPPROTO_{protocol.upper()}")
        return {"socket": self._add(socket.socket(family, socket.SOCK_STREAM, number))}

    def _socket_pair(self, args: Arguments) -> Reply:
        args.finish()
        return {"sockets": [self._add(sock) for sock in socket.socketpair()]}

    def _socket_set(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        level, option = OPTIONS[args.choice("option", tuple(OPTIONS))]
        value = args.number("value", -(2**31), 2**31 - 1)
        args.finish()
        held.sock.setsockopt(level, option, value)
        return {}

    def _socket_blocking(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        mode = args.choice("mode", tuple(MODES))
        args.finish()
        held.sock.settimeout(MODES[mode])
        return {}

    def _socket_bind(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        host, port = args.text("host"), args.number("port", maximum=65535)
        args.finish()
        held.sock.bind(target(held.sock, host, port))
        if held.sock.family == socket.AF_UNIX:
            return {"port": 0}
        return {"port": held.sock.getsockname()[1]}

    def _socket_listen(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        backlog = args.number("backlog", -(2**31), 2**31 - 1)
        args.finish()
        held.sock.listen(backlog)
        return {}

    def _socket_shutdown(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        half = HALVES[args.choice("half", tuple(HALVES))]
        args.finish()
        held.sock.shutdown(half)
        return {}

    def _socket_rewrap(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        args.finish()
        return {"socket": self.sockets.add(held.rewrapped())}

    def _socket_close(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        args.finish()
        held.sock.close()
        return {}

    def _socket_facts(self, args: Arguments) -> Reply:
        held = self.sockets[args.number("socket")]
        args.finish()
        return held.facts()

    def _process_descriptors(self, args: Arguments) -> Reply:
        args.finish()
        gc.collect()
        return {"sockets": open_sockets()}

    def _process_limit(self, args: Arguments) -> Reply:
        free = args.optional_number("free")
        args.finish()
        limit = self._descriptor_limit
        if free is not None:
            # The kernel hands out the lowest free number.
            lowest = os.open("/dev/null", os.O_RDONLY)
            os.close(lowest)
            limit = lowest + free
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, self._hardest_limit))
        return {"limit": limit}

    def _process_log(self, args: Arguments) -> Reply:
        containing = args.optional_text("containing")
        args.finish()
        return {"lines": self._log.lines(containing)}

    def _add(self, sock: socket.socket) -> int:
        return self.sockets.add(Held(sock))


def blocking_connect(sock: socket.socket, where: Any) -> None:
    """`connect` in blocking mode; the mode is put back afterwards."""
    mode = sock.gettimeout()
    sock.setblocking(True)
    try:
        sock.connect(where)
    finally:
        sock.settimeout(mode)


def takes_keyword(function: Any, name: str) -> bool:
    """Whether a function of the library has a keyword argument of this name."""
    if isinstance(function, type):
        function = function.__init__  # type: ignore[misc]
    defaults: dict[str, Any] = getattr(function, "__kwdefaults__", None) or {}
    return name in defaults
