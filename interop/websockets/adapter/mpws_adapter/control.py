"""The control socket: requests in, responses out."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable, NoReturn

from .arguments import Unsupported
from .records import Failed, ReplyTooLong, error_record, printable

MAX_LINE = 1 << 20
# Linux: the other end is gone, or has shut down its writing half.
HUNG_UP = select.POLLHUP | select.POLLERR


class Request:
    """One line from the suite."""

    def __init__(self, line: bytes) -> None:
        fields = json.loads(line)
        self.id = fields["id"]
        self.op = fields["op"]
        self.args = fields["args"]
        if len(fields) != 3 or type(self.id) is not int or not isinstance(self.op, str):
            raise ValueError("not a request")


class Control:
    """The connection to the suite. At most `slots` operations run at once; then reading pauses."""

    def __init__(self, path: str, slots: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._writing = threading.Lock()
        self._slots = threading.Semaphore(slots)

    def hello(self, fields: dict[str, Any]) -> None:
        """Sends the first line."""
        self._write(fields)

    def requests(self) -> Iterator[Request]:
        """Requests as they come. Ends the process at the end of the file."""
        buffered = bytearray()
        while True:
            end = buffered.find(b"\n")
            if end < 0 and len(buffered) <= MAX_LINE:
                chunk = self._read()
                if not chunk:
                    leave()
                buffered += chunk
                continue
            if end < 0 or end > MAX_LINE:
                fault(f"a request is longer than {MAX_LINE} bytes")
            line = bytes(buffered[:end])
            del buffered[: end + 1]
            try:
                request = Request(line)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                fault(f"not a request: {error!r}")
            self._take_slot()
            yield request

    def answer(
        self, request: Request, started: float, ok: Any, error: BaseException | None
    ) -> None:
        """Sends the response and gives the operation's place to another one."""
        response: dict[str, Any] = {
            "id": request.id,
            "elapsed_us": int((time.monotonic() - started) * 1_000_000),
        }
        if error is None:
            response["ok"] = ok
        elif isinstance(error, Unsupported):
            response["unsupported"] = printable(str(error))
        elif isinstance(error, Failed):
            response["error"] = error.record
        else:
            response["error"] = error_record(error)
        self._write(response)
        self._slots.release()

    def _write(self, fields: dict[str, Any]) -> None:
        line = _encode(fields)
        if len(line) > MAX_LINE:
            too_long = ReplyTooLong(f"a reply of {len(line)} bytes")
            line = _encode(
                {
                    "id": fields["id"],
                    "elapsed_us": fields["elapsed_us"],
                    "error": error_record(too_long),
                }
            )
        try:
            with self._writing:
                self._socket.sendall(line)
        except OSError:
            leave()

    def _read(self) -> bytes:
        try:
            return self._socket.recv(1 << 16)
        except OSError:
            return b""

    def _take_slot(self) -> None:
        if self._slots.acquire(blocking=False):
            return
        # All places are taken, so nobody reads: watch for the end of the suite here.
        watch = select.poll()
        watch.register(self._socket, 0)
        while not self._slots.acquire(timeout=0.1):
            if any(events & HUNG_UP for _, events in watch.poll(0)):
                leave()


def carry_out(operation: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Runs an operation to its reply or its error."""
    try:
        return operation(), None
    except Exception as error:
        return None, error


def leave() -> NoReturn:
    """The suite has gone: nothing is worth finishing."""
    os._exit(0)


def fault(reason: str) -> NoReturn:
    """The suite or this program is wrong: say so and end."""
    sys.stderr.write(f"adapter: {printable(reason)}\n")
    sys.stderr.flush()
    os._exit(2)


def _encode(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"
