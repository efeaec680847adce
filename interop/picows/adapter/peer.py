"""picows, in the shape that the event loop of `mpws_adapter` drives.

The library sets TCP_QUICKACK on every socket, which the kernel refuses on MPTCP ones. `plain` is the library as it is;
`without-quickack` takes the constant out of the socket module, where the library looks for it.
"""

from __future__ import annotations

import socket
from typing import Any

from mpws_foreign.shape import (
    Connection,
    Library,
    Message,
    QueuedConnection,
    Server,
    Tasks,
    need_socket_object,
    refuse,
)

IMPLEMENTATIONS = ("plain", "without-quickack")


def load(implementation: str) -> tuple[str, Any, Any]:
    """Imports the library."""
    # The suite's own option list has been read by now.
    if implementation == "without-quickack" and hasattr(socket, "TCP_QUICKACK"):
        del socket.TCP_QUICKACK
    import picows

    class Listener(picows.WSListener):  # type: ignore[misc, name-defined]
        """Puts what the library reports into a queue."""

        def __init__(self, request: Any, opened: Any) -> None:
            super().__init__()
            self._request = request
            self._opened = opened
            self._kind: Any = None
            self._parts: list[bytes] = []
            self.talk: Talk | None = None

        def on_ws_connected(self, transport: Any) -> None:
            """The opening handshake is over."""
            self.talk = Talk(picows, transport, self._request)
            if self._opened is not None:
                self._opened(self.talk)

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            """A frame came; its memory is the library's, so it is copied."""
            kinds = picows.WSMsgType
            assert self.talk is not None
            arrived = self.talk.events.put_nowait
            if frame.msg_type == kinds.PING:
                arrived(("ping", frame.get_payload_as_bytes()))
            elif frame.msg_type == kinds.PONG:
                arrived(("pong", frame.get_payload_as_bytes()))
            elif frame.msg_type == kinds.CLOSE:
                self.talk.close_code = int(frame.get_close_code())
                self.talk.close_reason = frame.get_close_reason() or ""
                # Nothing is sent where a close frame has been sent before.
                transport.send_close(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()
            else:
                if frame.msg_type != kinds.CONTINUATION:
                    self._kind = frame.msg_type
                self._parts.append(frame.get_payload_as_bytes())
                if frame.fin:
                    whole, self._parts = b"".join(self._parts), []
                    arrived(("message", whole.decode() if self._kind == kinds.TEXT else whole))

        def on_ws_disconnected(self, transport: Any) -> None:
            """The connection is gone."""
            if self.talk is not None:
                if self.talk.close_code is None:
                    self.talk.close_code = 1006
                self.talk.events.put_nowait(("closed", None))

    async def connect(
        uri: str,
        *,
        open_timeout: float,
        close_timeout: float,
        compression: str | None = None,
        sock: Any = None,
        max_size: int = 10 << 20,
        ssl: Any = None,
        server_hostname: str | None = None,
        **other: Any,
    ) -> Connection:
        refuse(compression=compression, **other)
        need_socket_object(sock)
        extra = {} if server_hostname is None else {"server_hostname": server_hostname}
        _, listener = await picows.ws_connect(
            lambda: Listener(None, None),
            uri,
            ssl_context=ssl,
            websocket_handshake_timeout=open_timeout,
            max_frame_size=max_size,
            socket_factory=lambda _: sock,
            **extra,
        )
        return listener.talk

    async def serve(
        handler: Any,
        *,
        open_timeout: float | None = None,
        close_timeout: float = 10.0,
        compression: str | None = None,
        sock: Any = None,
        max_size: int = 10 << 20,
        ssl: Any = None,
        **other: Any,
    ) -> Server:
        refuse(compression=compression, **other)
        need_socket_object(sock)
        handlers = Tasks()

        def opened(talk: Talk) -> None:
            handlers.begin(handler(talk))

        server = await picows.ws_create_server(
            lambda request: Listener(request, opened),
            websocket_handshake_timeout=open_timeout,
            max_frame_size=max_size,
            sock=sock,
            ssl=ssl,
        )
        return Serving(server, sock)

    library = Library(connect, serve)
    return picows.__version__, library, library


class Talk(QueuedConnection):
    """A connection of picows."""

    def __init__(self, picows: Any, transport: Any, request: Any) -> None:
        fields = [] if request is None else list(request.headers.items())
        super().__init__(transport.underlying_transport.get_extra_info("socket"), fields)
        self._kinds = picows.WSMsgType
        self._transport = transport

    async def _send(self, message: Message) -> None:
        await self._send_fragment(message, True, True)

    async def _send_fragment(self, message: Message, first: bool, last: bool) -> None:
        text = isinstance(message, str)
        kind = self._kinds.TEXT if text else self._kinds.BINARY
        content = message.encode() if isinstance(message, str) else message
        self._transport.send(kind if first else self._kinds.CONTINUATION, content, fin=last)

    async def _ping(self, content: bytes) -> None:
        self._transport.send_ping(content)

    async def _close(self, code: int, reason: str) -> None:
        self._transport.send_close(code, reason.encode())
        await self._transport.wait_disconnected()


class Serving(Server):
    """A server of picows: an asyncio server."""

    def __init__(self, server: Any, sock: Any) -> None:
        super().__init__([sock])
        self._server = server

    def close(self) -> None:
        """Stops listening."""
        super().close()
        self._server.close()

    async def wait_closed(self) -> None:
        """Waits for the end of the asyncio server."""
        await self._server.wait_closed()
