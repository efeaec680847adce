"""uvicorn with a small ASGI application, in the shape that the event loop of `mpws_adapter` drives.

The implementations are its protocol classes for WebSocket; the library takes a listening socket (`Server.serve(sockets=)`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from mpws_foreign.shape import Connection, Library, Message, Server, need_socket_object, refuse

IMPLEMENTATIONS = ("websockets-sansio", "wsproto")


def load(implementation: str) -> tuple[str, Any, Any]:
    """Imports the library."""
    import uvicorn

    async def serve(
        handler: Any,
        *,
        open_timeout: float | None = None,
        close_timeout: float = 10.0,
        compression: str | None = None,
        sock: Any = None,
        max_size: int = 16 << 20,
        **other: Any,
    ) -> Server:
        refuse(**other)
        need_socket_object(sock)

        async def application(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "websocket":
                return
            await receive()
            await send({"type": "websocket.accept"})
            await handler(Talk(scope, receive, send))

        config = uvicorn.Config(
            application,
            ws=implementation,
            ws_max_size=max_size,
            ws_per_message_deflate=compression is not None,
            ws_ping_interval=None,
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        serving = Serving(uvicorn.Server(config), sock)
        await serving.begin()
        return serving

    library = Library(None, serve)
    return uvicorn.__version__, library, library


class Talk(Connection):
    """One connection, as an ASGI application sees it."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        # ASGI has no word for the socket; the methods belong to uvicorn's protocol object, which has its transport.
        sock = receive.__self__.transport.get_extra_info("socket")
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        super().__init__(sock, headers)
        self._receive = receive
        self._asgi_send = send

    async def _event(self) -> tuple[str, Any]:
        got = await self._receive()
        if got["type"] == "websocket.disconnect":
            self.close_code = got.get("code", 1005)
            self.close_reason = got.get("reason") or ""
            return "closed", None
        text = got.get("text")
        return "message", got["bytes"] if text is None else text

    async def _send(self, message: Message) -> None:
        field = "text" if isinstance(message, str) else "bytes"
        await self._asgi_send({"type": "websocket.send", field: message})

    async def _ping(self, content: bytes) -> None:
        refuse(pings_of_the_application=True)

    async def _close(self, code: int, reason: str) -> None:
        await self._asgi_send({"type": "websocket.close", "code": code, "reason": reason})


class Serving(Server):
    """A server of uvicorn in a task of this loop."""

    def __init__(self, server: Any, sock: Any) -> None:
        super().__init__([sock])
        self._server = server
        self._sock = sock
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Starts the server, and returns when it accepts on the socket, which listens already."""
        # `Server.serve` would take the process's signals.
        self._task = asyncio.get_running_loop().create_task(self._server._serve([self._sock]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the server ended at once")
            await asyncio.sleep(0)

    async def wait_closed(self) -> None:
        """Asks the server to end, and waits for it."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
