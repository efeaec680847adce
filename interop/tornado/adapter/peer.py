"""tornado's server, in the shape that the event loop of `mpws_adapter` drives.

The server takes a listening socket (`HTTPServer.add_socket`). The client makes its own, by TCP only, and is left out.
"""

from __future__ import annotations

from typing import Any

from mpws_foreign.shape import (
    Library,
    Message,
    QueuedConnection,
    Server,
    Tasks,
    need_socket_object,
    refuse,
)

IMPLEMENTATIONS = ("asyncio",)


def load(implementation: str) -> tuple[str, Any, Any]:
    """Imports the library."""
    import tornado
    import tornado.httpserver
    import tornado.web
    import tornado.websocket

    async def serve(
        handler: Any,
        *,
        open_timeout: float | None = None,
        close_timeout: float = 10.0,
        compression: str | None = None,
        sock: Any = None,
        max_size: int = 10 << 20,
        **other: Any,
    ) -> Server:
        refuse(compression=compression, **other)
        need_socket_object(sock)
        handlers = Tasks()

        class Handler(tornado.websocket.WebSocketHandler):
            """Puts what the library reports into a queue."""

            talk: Talk

            def open(self, *words: str, **more: str) -> None:
                """The opening handshake is over."""
                self.talk = Talk(self)
                handlers.begin(handler(self.talk))

            def on_message(self, message: Any) -> None:
                """A message came."""
                self.talk.events.put_nowait(("message", message))

            def on_pong(self, data: bytes) -> None:
                """A pong came."""
                self.talk.events.put_nowait(("pong", data))

            def on_close(self) -> None:
                """The connection is gone."""
                self.talk.close_code = self.close_code or 1006
                self.talk.close_reason = self.close_reason or ""
                self.talk.events.put_nowait(("closed", None))

        application = tornado.web.Application(
            [(".*", Handler)], websocket_max_message_size=max_size
        )
        server = tornado.httpserver.HTTPServer(application)
        sock.setblocking(False)
        server.add_socket(sock)
        return Serving(server, sock)

    library = Library(None, serve)
    return tornado.version, library, library


class Talk(QueuedConnection):
    """A connection of tornado's server."""

    def __init__(self, handler: Any) -> None:
        fields = list(handler.request.headers.get_all())
        super().__init__(handler.ws_connection.stream.socket, fields)
        self._handler = handler

    async def _send(self, message: Message) -> None:
        await self._handler.write_message(message, binary=isinstance(message, bytes))

    async def _ping(self, content: bytes) -> None:
        self._handler.ping(content)

    async def _close(self, code: int, reason: str) -> None:
        self._handler.close(code, reason)
        while (await self.events.get())[0] != "closed":
            pass


class Serving(Server):
    """A server of tornado on its listening socket."""

    def __init__(self, server: Any, sock: Any) -> None:
        super().__init__([sock])
        self._server = server

    def close(self) -> None:
        """Stops listening."""
        super().close()
        self._server.stop()

    async def wait_closed(self) -> None:
        """Ends the connections."""
        await self._server.close_all_connections()
