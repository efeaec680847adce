"""What a server remembers of its connections, and what it answers to their messages."""

from __future__ import annotations

from typing import Any, Callable

from . import payload
from .arguments import Arguments, Unsupported
from .records import connection_end, printable

KEPT_MESSAGES = 64
KEPT_HEADERS = ("Host", "User-Agent", "Sec-WebSocket-Extensions")
KINDS = ("echo", "answer-twice", "answer-pairs", "answer-with", "close")


class Behaviour:
    """What a server does with each connection."""

    def __init__(self, args: Arguments) -> None:
        self.kind = args.choice("kind", KINDS)
        self._made: list[payload.Message] = []
        self.closing: tuple[int, str] | None = None
        if self.kind == "close":
            self.closing = (args.number("code", 1000, 4999), args.text("reason"))
        if self.kind == "answer-with":
            self._made = [payload.generate(0, args.number("size", maximum=payload.MAX_SIZE))]
        args.finish()

    def answers(self, message: payload.Message, number: int) -> list[payload.Message]:
        """What to send, message by message, after the message of this number (from 1)."""
        if self.kind == "answer-twice":
            return [message, message]
        if self.kind == "answer-pairs" and number % 2 == 1:
            return []
        return self._made or [message]


class Remembered:
    """One connection of a server."""

    def __init__(self, number: int, facts: dict[str, Any], connection: Any) -> None:
        self.received_count = 0
        self._received: list[dict[str, object]] = []
        self._record: dict[str, Any] = {
            "number": number,
            "facts": facts,
            "upgraded": True,
            "extensions": extensions(connection),
            "request_headers": _request_headers(connection),
        }
        if connection.subprotocol is not None:
            self._record["subprotocol"] = connection.subprotocol

    def receive(self, message: payload.Message) -> int:
        """Counts a message and keeps its digest where it is one of the first; returns its number."""
        if len(self._received) < KEPT_MESSAGES:
            self._received.append(payload.digested(message))
        self.received_count += 1
        return self.received_count

    def end(self, connection: Any, error: BaseException | None) -> None:
        """The connection has ended."""
        self._record["end"] = connection_end(connection, error)

    @property
    def ended(self) -> bool:
        """Whether the connection has ended."""
        return "end" in self._record

    def as_json(self) -> dict[str, Any]:
        """A `ConnectionRecord`."""
        return {
            **self._record,
            "received": list(self._received),
            "received_count": self.received_count,
        }


class History:
    """The connections of one server. `changed` is called after each beginning and each end."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._connections: list[Remembered] = []
        self._changed = changed

    def begin(self, connection: Any, facts: dict[str, Any]) -> Remembered:
        """A handler has started."""
        remembered = Remembered(len(self._connections) + 1, facts, connection)
        self._connections.append(remembered)
        self._changed()
        return remembered

    def end(self, remembered: Remembered, connection: Any, error: BaseException | None) -> None:
        """A handler is over."""
        remembered.end(connection, error)
        self._changed()

    def reached(self, seen: int, ended: int) -> bool:
        """Whether so many connections have been seen and so many have ended."""
        return len(self._connections) >= seen and self._ended() >= ended

    def as_json(self) -> list[dict[str, Any]]:
        """The connections so far."""
        return [remembered.as_json() for remembered in list(self._connections)]

    def _ended(self) -> int:
        return sum(remembered.ended for remembered in self._connections)


def behaviour(args: Arguments) -> Behaviour:
    """The behaviour, if this peer has it."""
    try:
        return Behaviour(args)
    except Unsupported as reason:
        raise Unsupported(f"behaviour: {reason}") from None


def extensions(connection: Any) -> list[str]:
    """Negotiated extensions by name; in legacy they hang on the connection itself."""
    holder = connection if hasattr(connection, "extensions") else connection.protocol
    return [str(extension.name) for extension in holder.extensions or []]


def _request_headers(connection: Any) -> list[tuple[str, str]]:
    request = getattr(connection, "request", None)
    headers = request.headers if request is not None else connection.request_headers
    return [(name, printable(value)) for name in KEPT_HEADERS for value in headers.get_all(name)]
