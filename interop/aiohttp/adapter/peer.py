"""aiohttp's client and server, in the shape that the event loop of `mpws_adapter` drives.

The library makes its client sockets by a `socket_factory`, so none can be handed over connected. `plain` gives it an
MPTCP socket as it is, as its documentation suggests; `rewrapped` gives it the same descriptor in an object that
says TCP, which asyncio can resolve addresses for. The server is given a listening socket.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mpws_foreign.mptcp import listener, made, said_to_be_tcp
from mpws_foreign.shape import Connection, Extension, Library, Message, Server, refuse

IMPLEMENTATIONS = ("plain", "rewrapped")


def load(implementation: str) -> tuple[str, Any, Any]:
    """Imports the library."""
    import aiohttp
    import aiohttp.web

    async def connect(
        uri: str,
        *,
        open_timeout: float,
        close_timeout: float,
        compression: str | None = None,
        proto: int | None = None,
        subprotocols: Any = (),
        max_size: int = 4 << 20,
        ssl: Any = None,
        server_hostname: str | None = None,
        **other: Any,
    ) -> Connection:
        refuse(**other)

        def socket_factory(info: Any) -> Any:
            sock = made(info[0], proto)
            return said_to_be_tcp(sock) if implementation == "rewrapped" else sock

        connector = aiohttp.TCPConnector(socket_factory=socket_factory)
        session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=open_timeout)
        )
        try:
            ws = await session.ws_connect(
                uri,
                protocols=subprotocols,
                timeout=aiohttp.ClientWSTimeout(ws_close=close_timeout),
                compress=15 if compression else 0,
                max_msg_size=max_size,
                autoping=False,
                ssl=True if ssl is None else ssl,
                server_hostname=server_hostname,
            )
        except BaseException:
            await session.close()
            raise
        return Talk(aiohttp, ws, ws.get_extra_info("socket"), (), session)

    async def serve(
        handler: Any,
        *,
        open_timeout: float | None = None,
        close_timeout: float = 10.0,
        compression: str | None = None,
        sock: Any = None,
        host: str = "",
        port: int = 0,
        proto: int | None = None,
        subprotocols: Any = (),
        max_size: int = 4 << 20,
        ssl: Any = None,
        **other: Any,
    ) -> Server:
        refuse(**other)

        async def upgrade(request: Any) -> Any:
            ws = aiohttp.web.WebSocketResponse(
                protocols=subprotocols,
                timeout=close_timeout,
                compress=compression is not None,
                max_msg_size=max_size,
                autoping=False,
            )
            await ws.prepare(request)
            talk = Talk(
                aiohttp, ws, request.transport.get_extra_info("socket"), request.headers.items()
            )
            await handler(talk)
            return ws

        application = aiohttp.web.Application()
        application.router.add_get("/{path:.*}", upgrade)
        runner = aiohttp.web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            listening = listener(host, port, proto) if sock is None else sock
            await aiohttp.web.SockSite(runner, listening, ssl_context=ssl).start()
        except BaseException:
            await runner.cleanup()
            raise
        return Serving(runner, listening)

    library = Library(connect, serve)
    return aiohttp.__version__, library, library


class Talk(Connection):
    """A WebSocket of aiohttp, of either end."""

    def __init__(self, aiohttp: Any, ws: Any, sock: Any, headers: Any, session: Any = None) -> None:
        super().__init__(sock, headers)
        self._types = aiohttp.WSMsgType
        self._ws = ws
        self._session = session
        self.subprotocol = ws.protocol if session is not None else ws.ws_protocol
        self.extensions = [Extension("permessage-deflate")] if ws.compress else []

    async def _event(self) -> tuple[str, Any]:
        got = await self._ws.receive()
        types = self._types
        if got.type in (types.TEXT, types.BINARY):
            return "message", got.data
        if got.type is types.PING:
            await self._ws.pong(got.data)
            return "ping", got.data
        if got.type is types.PONG:
            return "pong", got.data
        if got.type is types.CLOSE:
            self.close_reason = got.extra or ""
        self.close_code = self._ws.close_code
        await self._end()
        if got.type is types.ERROR:
            raise got.data
        return "closed", None

    async def _send(self, message: Message) -> None:
        if isinstance(message, str):
            await self._ws.send_str(message)
        else:
            await self._ws.send_bytes(message)

    async def _ping(self, content: bytes) -> None:
        await self._ws.ping(content)

    async def _close(self, code: int, reason: str) -> None:
        await self._ws.close(code=code, message=reason.encode())
        self.close_code = self._ws.close_code
        await self._end()

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.close()


class Serving(Server):
    """A site of aiohttp on its listening socket."""

    def __init__(self, runner: Any, sock: Any) -> None:
        super().__init__([sock])
        self._runner = runner
        self._stopping: asyncio.Task[None] | None = None

    async def wait_closed(self) -> None:
        """Stops the runner."""
        await self._runner.cleanup()
