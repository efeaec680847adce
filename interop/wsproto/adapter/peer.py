"""wsproto, which does no I/O, on a small socket loop of its own: `sock_recv` and `sock_sendall` of asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import urllib.parse
from typing import Any

from mpws_foreign.shape import (
    Connection,
    Library,
    Message,
    Server,
    Tasks,
    need_socket_object,
    refuse,
)

IMPLEMENTATIONS = ("socket-loop",)

READ_BYTES = 1 << 16

# Bytes; a limit below this is one that a case wants to be felt, and the library has none.
LEAST_LIMIT = 1 << 16

# Seconds; without descriptors the next accept() fails at once.
AFTER_ACCEPT_ERROR = 1


def load(implementation: str) -> tuple[str, Any, Any]:
    """Imports the library."""
    import wsproto
    import wsproto.events

    async def connect(
        uri: str,
        *,
        open_timeout: float,
        close_timeout: float,
        compression: str | None = None,
        sock: Any = None,
        subprotocols: Any = (),
        max_size: int = LEAST_LIMIT,
        **other: Any,
    ) -> Connection:
        # The library has no limit, so what is to be let through is.
        refuse(compression=compression, max_size=max_size < LEAST_LIMIT, **other)
        need_socket_object(sock)
        parts = urllib.parse.urlsplit(uri)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        sock.setblocking(False)
        talk = Talk(wsproto, wsproto.ConnectionType.CLIENT, sock, close_timeout)
        request = wsproto.events.Request(
            host=parts.netloc, target=target, subprotocols=list(subprotocols)
        )
        try:
            await asyncio.wait_for(talk.open(request), open_timeout)
        except BaseException:
            sock.close()
            raise
        return talk

    async def serve(
        handler: Any,
        *,
        open_timeout: float | None = None,
        close_timeout: float = 10.0,
        compression: str | None = None,
        sock: Any = None,
        subprotocols: Any = (),
        **other: Any,
    ) -> Server:
        refuse(compression=compression, **other)
        need_socket_object(sock)
        sock.setblocking(False)

        async def one(accepted: Any) -> None:
            talk = Talk(wsproto, wsproto.ConnectionType.SERVER, accepted, close_timeout)
            try:
                await asyncio.wait_for(talk.accept(tuple(subprotocols)), open_timeout)
                await handler(talk)
            finally:
                accepted.close()

        serving = Serving(sock, one)
        serving.begin()
        return serving

    library = Library(connect, serve)
    return wsproto.__version__, library, library


class Talk(Connection):
    """A connection of wsproto and its socket."""

    def __init__(self, wsproto: Any, end: Any, sock: Any, close_timeout: float) -> None:
        super().__init__(sock)
        self._events = wsproto.events
        self._ws = wsproto.WSConnection(end)
        self._server = end is wsproto.ConnectionType.SERVER
        self._sock = sock
        if sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                # As asyncio does for its own; a socket in a wrong state says so when it is used.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._close_timeout = close_timeout
        self._parts: list[Any] = []

    async def open(self, request: Any) -> None:
        """The client's opening handshake."""
        await self._write(self._ws.send(request))
        answer = await self._raw_event()
        if not isinstance(answer, self._events.AcceptConnection):
            raise ConnectionError(f"the server's answer is {answer!r}")
        self.subprotocol = answer.subprotocol

    async def accept(self, subprotocols: tuple[str, ...]) -> None:
        """The server's opening handshake."""
        request = await self._raw_event()
        if not isinstance(request, self._events.Request):
            raise ConnectionError(f"the client's request is {request!r}")
        chosen = [name for name in request.subprotocols if name in subprotocols]
        self.subprotocol = chosen[0] if chosen else None
        fields = [(name.decode(), value.decode()) for name, value in request.extra_headers]
        # wsproto takes the offers out of the other fields.
        offers = [("Sec-WebSocket-Extensions", str(offer)) for offer in request.extensions]
        self.request_headers = type(self.request_headers)(
            [("Host", request.host), *fields, *offers]
        )
        answer = self._events.AcceptConnection(subprotocol=self.subprotocol)
        await self._write(self._ws.send(answer))

    async def _event(self) -> tuple[str, Any]:
        events = self._events
        while True:
            event = await self._raw_event()
            if isinstance(event, events.Message):
                self._parts.append(event.data)
                if event.message_finished:
                    parts, self._parts = self._parts, []
                    return "message", type(event.data)().join(parts)
            elif isinstance(event, events.Ping):
                await self._write(self._ws.send(event.response()))
                return "ping", bytes(event.payload)
            elif isinstance(event, events.Pong):
                return "pong", bytes(event.payload)
            elif isinstance(event, events.CloseConnection):
                self._note_close(event)
                if self._ws.state.name == "REMOTE_CLOSING":
                    await self._write(self._ws.send(event.response()))
                await self._hang_up()
                return "closed", None

    async def _send(self, message: Message) -> None:
        await self._send_fragment(message, True, True)

    async def _send_fragment(self, message: Message, first: bool, last: bool) -> None:
        text = isinstance(message, str)
        kind = self._events.TextMessage if text else self._events.BytesMessage
        await self._write(self._ws.send(kind(data=message, message_finished=last)))

    async def _ping(self, content: bytes) -> None:
        await self._write(self._ws.send(self._events.Ping(payload=content)))

    async def _close(self, code: int, reason: str) -> None:
        closing = self._events.CloseConnection(code=code, reason=reason)
        await self._write(self._ws.send(closing))

        async def answered() -> None:
            while not isinstance(event := await self._raw_event(), self._events.CloseConnection):
                pass
            self._note_close(event)

        try:
            await asyncio.wait_for(answered(), self._close_timeout)
        finally:
            await self._hang_up()

    async def _raw_event(self) -> Any:
        loop = asyncio.get_running_loop()
        while True:
            for event in self._ws.events():
                return event
            try:
                data = await loop.sock_recv(self._sock, READ_BYTES)
            except OSError:
                self._sock.close()
                raise
            # Nothing is the end of the file, which wsproto is told by None.
            self._ws.receive_data(data or None)

    async def _write(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._sock, data)

    async def _hang_up(self) -> None:
        """RFC 6455 section 7.1.1: the server closes first, the client waits for it."""
        if not self._server:
            loop = asyncio.get_running_loop()

            async def end_of_file() -> None:
                while await loop.sock_recv(self._sock, READ_BYTES):
                    pass

            try:
                await asyncio.wait_for(end_of_file(), self._close_timeout)
            except (OSError, asyncio.TimeoutError):
                pass  # then this end closes all the same
        self._sock.close()

    def _note_close(self, event: Any) -> None:
        self.close_code = int(event.code)
        self.close_reason = event.reason or ""


class Serving(Server):
    """Accepts on a listening socket."""

    def __init__(self, sock: Any, one: Any) -> None:
        super().__init__([sock])
        self._sock = sock
        self._one = one
        self._tasks = Tasks()

    def begin(self) -> None:
        """Starts to accept; a socket that cannot says so at once."""
        with contextlib.suppress(BlockingIOError):
            accepted, _ = self._sock.accept()
            accepted.setblocking(False)
            self._tasks.begin(self._one(accepted))
        self._tasks.begin(self._accept())

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(self._sock)
            except OSError:
                # Such as EMFILE: clients come and go, the server stays. It waits as asyncio's own servers do.
                await asyncio.sleep(AFTER_ACCEPT_ERROR)
                continue
            self._tasks.begin(self._one(accepted))

    async def wait_closed(self) -> None:
        """Ends accepting, and what was accepted."""
        await self._tasks.end()
        self._sock.close()
