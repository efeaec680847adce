"""Connections and servers in the shape that `mpws_adapter.event_loop` drives."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, Callable, Union

from mpws_adapter.arguments import Unsupported

Message = Union[str, bytes]

NORMAL_CODES = (1000, 1001)
NOTHING_RECEIVED = 1006


class ConnectionClosed(Exception):
    """The connection has ended; the library's own error, where there was one, is its cause."""

    __module__ = "mpws"


class ConnectionClosedOK(ConnectionClosed):
    """The connection has ended with a close frame of a normal code."""

    __module__ = "mpws"


class State(enum.Enum):
    """States that the library's user can tell apart."""

    OPEN = 1
    CLOSED = 3


class Extension:
    """A negotiated extension."""

    def __init__(self, name: str) -> None:
        self.name = name


class Headers:
    """Fields of a request."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = [(name.lower(), value) for name, value in fields]

    def get_all(self, name: str) -> list[str]:
        """The values of a field."""
        return [value for known, value in self._fields if known == name.lower()]


class Transport:
    """Where the socket of a connection is found."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def get_extra_info(self, name: str) -> Any:
        """The socket, as asyncio's transports give it."""
        return self._sock if name == "socket" else None


class Connection:
    """One WebSocket connection. A library's subclass has the methods that begin with an underscore and raise here."""

    def __init__(self, sock: Any, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.transport = Transport(sock)
        self.request_headers = Headers(headers)
        self.subprotocol: str | None = None
        self.extensions: list[Extension] = []
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.state = State.OPEN
        self._early: deque[Message] = deque()
        self._reading = asyncio.Lock()

    async def _event(self) -> tuple[str, Any]:
        """The next thing that the library reports: `message`, `ping`, `pong` with content, or `closed`.

        Before `closed` it has set `close_code` and `close_reason`; pings are answered by the library, or here.
        """
        raise NotImplementedError

    async def _send(self, message: Message) -> None:
        raise NotImplementedError

    async def _send_fragment(self, message: Message, first: bool, last: bool) -> None:
        raise Unsupported("the library sends whole messages only")

    async def _ping(self, content: bytes) -> None:
        raise NotImplementedError

    async def _close(self, code: int, reason: str) -> None:
        raise NotImplementedError

    async def recv(self) -> Message:
        """The next message."""
        if self._early:
            return self._early.popleft()
        while True:
            kind, content = await self._next()
            if kind == "message":
                message: Message = content
                return message

    async def send(self, message: Message | list[Message]) -> None:
        """Sends a message, or the parts of one and an empty last frame, as `mpws_adapter.payload` cuts them."""
        if not isinstance(message, list):
            await self._send(message)
            return
        for index, part in enumerate(message):
            await self._send_fragment(part, index == 0, False)
        empty: Message = "" if isinstance(message[0], str) else b""
        await self._send_fragment(empty, False, True)

    async def ping(self) -> Awaitable[None]:
        """Sends a ping; what is returned waits for its pong."""
        content = b"mpws"
        await self._ping(content)

        async def answered() -> None:
            while True:
                kind, got = await self._next()
                if kind == "message":
                    self._early.append(got)
                elif kind == "pong" and bytes(got) == content:
                    return

        return answered()

    async def close(self, code: int, reason: str) -> None:
        """The closing handshake."""
        if self.state is State.OPEN:
            await self._close(code, reason)
            self.state = State.CLOSED

    async def _next(self) -> tuple[str, Any]:
        async with self._reading:
            if self.state is not State.OPEN:
                raise self._closed(None)
            try:
                kind, content = await self._event()
            except Exception as error:
                self.state = State.CLOSED
                if self.close_code is None:
                    self.close_code = NOTHING_RECEIVED
                raise self._closed(error) from error
            if kind == "closed":
                self.state = State.CLOSED
                raise self._closed(None)
            return kind, content

    def _closed(self, error: BaseException | None) -> ConnectionClosed:
        normal = error is None and self.close_code in NORMAL_CODES
        kind = ConnectionClosedOK if normal else ConnectionClosed
        return kind(f"code {self.close_code}, reason {self.close_reason!r}")


class QueuedConnection(Connection):
    """A connection of a library that calls back: what it reports waits in `events`."""

    def __init__(self, sock: Any, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(sock, headers)
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def _event(self) -> tuple[str, Any]:
        return await self.events.get()


class Tasks:
    """Tasks that nobody else holds: the event loop alone would let them go."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def end(self) -> None:
        """Cancels all of them and waits for their ends."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class Server:
    """A running server. A library's subclass stops what it has started."""

    def __init__(self, sockets: list[Any]) -> None:
        self.sockets = sockets
        self._serving = True

    def is_serving(self) -> bool:
        """Whether new connections are accepted."""
        return self._serving

    def close(self) -> None:
        """Begins to stop."""
        self._serving = False

    async def wait_closed(self) -> None:
        """Stops, and waits for the end."""
        raise NotImplementedError


class Library:
    """What `mpws_adapter.event_loop` takes for the client and the server module of `websockets`."""

    def __init__(
        self, connect: Callable[..., Any] | None, serve: Callable[..., Any] | None
    ) -> None:
        self.connect = connect or _no_client
        self.serve = serve or _no_server
        self.exceptions = Exceptions


class Exceptions:
    """The two classes of errors by which the event loop tells the end of a connection."""

    ConnectionClosed = ConnectionClosed
    ConnectionClosedOK = ConnectionClosedOK


def refuse(**asked: Any) -> None:
    """Says `unsupported` to what is asked for and the library, or its adapter, does not have."""
    for name, value in asked.items():
        if value:
            raise Unsupported(f"this peer has no {name.replace('_', ' ')}")


def need_socket_object(sock: Any) -> None:
    """Says `unsupported` where no socket is handed over, or its bare descriptor."""
    if not hasattr(sock, "fileno"):
        raise Unsupported("this peer has no way without a socket object")


async def _no_client(uri: str, **keywords: Any) -> Connection:
    raise Unsupported("the library has no client")


async def _no_server(handler: Any, **keywords: Any) -> Server:
    raise Unsupported("the library has no server")
