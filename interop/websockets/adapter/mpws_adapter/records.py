"""Errors and ends of connections as the protocol reports them."""

from __future__ import annotations

from typing import Any

MAX_CHAIN = 16
MAX_TEXT = 500


class Deadline(Exception):
    """The adapter's own deadline ended the operation."""

    __module__ = "mpws"


class NoSuchNumber(Exception):
    """The suite named a socket, connection or server that this peer never had."""

    __module__ = "mpws"


class ReplyTooLong(Exception):
    """The reply would be longer than a line may be."""

    __module__ = "mpws"


class Failed(Exception):
    """Carries a finished error record out of an operation."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__()
        self.record = record


def error_record(
    error: BaseException, socket_after: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The exception and what it came from, outermost first."""
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    link = "outermost"
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(chain) < MAX_CHAIN:
        seen.add(id(current))
        chain.append(_link(current, link))
        if current.__cause__ is not None:
            link, current = "cause", current.__cause__
        elif current.__suppress_context__:
            break
        else:
            link, current = "context", current.__context__
    record: dict[str, Any] = {"chain": chain}
    if socket_after is not None:
        record["socket_after"] = socket_after
    return record


def connection_end(connection: Any, error: BaseException | None) -> dict[str, Any]:
    """How a connection ended, as the library's API tells it; `error` is what the user's code saw."""
    # asyncio.Connection has no close_code from 13.0 to 14.0, and sync.Connection none up to 14.0.
    teller = connection if hasattr(connection, "close_code") else connection.protocol
    end: dict[str, Any] = {}
    if isinstance(teller.close_code, int):
        end["code"] = int(teller.close_code)
    if isinstance(teller.close_reason, str):
        end["reason"] = printable(teller.close_reason)
    if error is not None:
        end["error"] = error_record(error)
        word = _transport_word(error)
        if word is not None:
            end["transport"] = word
    return end


def class_name(kind: type) -> str:
    """Full name of a class; builtins go without a module."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def printable(text: str, limit: int = MAX_TEXT) -> str:
    """The text without lone surrogates (JSON for Rust has none), at most `limit` characters."""
    text = text[:limit]
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")[:limit]


def _link(error: BaseException, link: str) -> dict[str, Any]:
    try:
        text = str(error)
    except Exception as nested:
        text = f"str() failed: {class_name(type(nested))}"
    record: dict[str, Any] = {
        "class": class_name(type(error)),
        "message": printable(text),
        "link": link,
    }
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        record["errno"] = int(number)
    return record


def _transport_word(error: BaseException) -> str | None:
    current: BaseException | None = error
    for _ in range(MAX_CHAIN):
        if current is None:
            return None
        if isinstance(current, (ConnectionResetError, BrokenPipeError)):
            return "reset"
        if isinstance(current, EOFError):
            return "eof"
        current = current.__cause__ or current.__context__
    return None
