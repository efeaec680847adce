"""websocket-client, in the shape that the event loop of `mpws_adapter` drives: each blocking call in a thread."""

from __future__ import annotations

from typing import Any

from mpws_adapter.event_loop import in_thread
from mpws_foreign.shape import Connection, Library, Message, refuse

IMPLEMENTATIONS = ("sync",)

# Bytes; a limit below this is one that a case wants to be felt, and the library has none.
LEAST_LIMIT = 1 << 16


def load(implementation: str) -> tuple[str, Any, Any]:
    """Imports the library."""
    import websocket

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
        if sock is None:
            # Its own sockets are TCP, whatever is asked for.
            refuse(socket_of_its_own_over_MPTCP=True)
        if not hasattr(sock, "fileno"):
            refuse(bare_descriptors=True)

        def opening() -> Any:
            ws = websocket.create_connection(
                uri,
                timeout=open_timeout,
                socket=sock,
                subprotocols=list(subprotocols) or None,
                enable_multithread=True,
            )
            ws.settimeout(None)
            return ws

        ws = await in_thread(opening)
        return Talk(websocket, ws, sock, close_timeout)

    library = Library(connect, None)
    return websocket.__version__, library, library


class Talk(Connection):
    """A WebSocket of websocket-client."""

    def __init__(self, websocket: Any, ws: Any, sock: Any, close_timeout: float) -> None:
        super().__init__(sock)
        self._abnf = websocket.ABNF
        self._ws = ws
        self._close_timeout = close_timeout
        self.subprotocol = ws.subprotocol

    async def _event(self) -> tuple[str, Any]:
        try:
            opcode, got = await in_thread(lambda: self._ws.recv_data_frame(control_frame=True))
        except Exception:
            # The library leaves the socket open after an error of it.
            await in_thread(self._ws.shutdown)
            raise
        if opcode == self._abnf.OPCODE_TEXT:
            return "message", got.data.decode()
        if opcode == self._abnf.OPCODE_BINARY:
            return "message", got.data
        if opcode == self._abnf.OPCODE_PING:
            return "ping", got.data
        if opcode == self._abnf.OPCODE_PONG:
            return "pong", got.data
        self._note_close(got)
        await in_thread(self._ws.shutdown)
        return "closed", None

    async def _send(self, message: Message) -> None:
        opcode = self._opcode(message)
        await in_thread(lambda: self._ws.send(message, opcode))

    async def _send_fragment(self, message: Message, first: bool, last: bool) -> None:
        opcode = self._opcode(message) if first else self._abnf.OPCODE_CONT
        frame = self._abnf.create_frame(message, opcode, 1 if last else 0)
        await in_thread(lambda: self._ws.send_frame(frame))

    async def _ping(self, content: bytes) -> None:
        await in_thread(lambda: self._ws.ping(content))

    async def _close(self, code: int, reason: str) -> None:
        await in_thread(lambda: self._ws.close(code, reason.encode(), self._close_timeout))
        self._note_close(getattr(self._ws, "close_frame", None))

    def _opcode(self, message: Message) -> int:
        text = isinstance(message, str)
        return int(self._abnf.OPCODE_TEXT if text else self._abnf.OPCODE_BINARY)

    def _note_close(self, frame: Any) -> None:
        if frame is None:
            self.close_code = 1006
        elif len(frame.data) < 2:
            self.close_code = 1005
        else:
            self.close_code = int.from_bytes(frame.data[:2], "big")
            self.close_reason = frame.data[2:].decode("utf-8", "replace")
