"""What the library logs: to stderr, and the last lines kept for `process.log`."""

from __future__ import annotations

import json
import logging
import sys
from collections import deque
from typing import Callable

from .records import printable

FORMAT = "%(levelname)s %(name)s %(message)s"
KEPT_LINES = 500
# All lines of a reply together, in bytes of JSON: a line of the protocol ends at 1 MiB.
REPLY_BYTES = 1_000_000


class Log(logging.Handler):
    """Keeps the last lines and copies every line to stderr."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter(FORMAT))
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)

    def install(self, name: str = "websockets") -> None:
        """Turns the library's debug log on, as `logging.basicConfig(level=DEBUG)` would."""
        _leave_out_what_is_not_shown()
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logging module under the handler's lock."""
        try:
            lines = [printable(line) for line in self._text(record).splitlines()]
        except Exception:
            # A record that cannot be formatted is shown as such; the library must not notice.
            lines = [f"a log record of {record.name} could not be formatted"]
        self._kept.extend(lines)
        try:
            sys.stderr.write("".join(f"{line}\n" for line in lines))
        except OSError:
            pass  # nobody reads stderr any more

    def _text(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.exc_text or record.stack_info:
            return self.format(record)
        # What FORMAT says, without the formatter: a log at debug level is an eighth of a peer's work with it.
        return f"{record.levelname} {record.name} {record.getMessage()}"

    def lines(self, containing: str | None) -> list[str]:
        """The kept lines, oldest first; the oldest are left out where a reply cannot hold them all."""
        chosen: deque[str] = deque()
        room = REPLY_BYTES
        self.acquire()
        try:
            kept = list(self._kept)
        finally:
            self.release()
        for line in reversed(kept):
            if containing is None or containing in line:
                room -= len(json.dumps(line, ensure_ascii=False).encode()) + 1
                if room < 0:
                    break
                chosen.appendleft(line)
        return list(chosen)


def _leave_out_what_is_not_shown() -> None:
    """Spares each record the call's place in the source, thread, process and task, as the logging HOWTO advises."""
    logging._srcfile = None  # type: ignore[assignment]
    for name in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, name, False)


class Retries(logging.Handler):
    """Collects the failures that a reconnecting iterator swallows; the library only logs them."""

    def __init__(self, seen: Callable[[BaseException], None]) -> None:
        super().__init__(logging.DEBUG)
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        """Called while the library handles the failure, so it is the current exception as well."""
        if "connect failed" not in str(record.msg):
            return
        logged = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
        if logged is not None:
            self._seen(logged)
