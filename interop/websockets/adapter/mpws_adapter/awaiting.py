"""What the implementations `legacy`, `asyncio` and `trio` have in common: operations that wait by `await`.

Each has a loop of its own kind, so what waits, gives up or closes is left to the subclass.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Awaitable
from typing import Any, Callable, TypeVar

from . import payload
from .arguments import Arguments, Unsupported
from .control import Request
from .history import History, extensions
from .logs import Log
from .peer import Numbered, Peer, Reply
from .records import Deadline, Failed, connection_end, error_record
from .requests import Burst, ServerStart, ServerWait
from .sockets import Held, facts

Result = TypeVar("Result")


class Server:
    """A running server and what it has seen.

    `event` makes an event of the loop's kind, `close` is the method of a connection that closes it.
    """

    def __init__(self, wanted: ServerStart, peer: AwaitingPeer) -> None:
        self._behaviour = wanted.behaviour
        self._peer = peer
        self._change = peer.event()
        self.history = History(self.changed)
        self.library: Any = None
        self.sockets: list[Any] = []
        self.error: BaseException | None = None

    async def handler(self, connection: Any) -> None:
        """The handler of the library, for one connection."""
        remembered = self.history.begin(connection, self._peer.socket_facts(connection))
        error: BaseException | None = None
        try:
            while True:
                message = await connection.recv()
                number = remembered.receive(message)
                if self._behaviour.closing is not None:
                    await self._peer.close(connection, *self._behaviour.closing)
                    break
                for answer in self._behaviour.answers(message, number):
                    await connection.send(answer)
        except self._peer.closed as closed:
            error = None if isinstance(closed, self._peer.clean) else closed
        except BaseException as failed:
            error = failed
            raise
        finally:
            self.history.end(remembered, connection, error)

    async def handler_with_path(self, connection: Any, path: str) -> None:
        """The handler in the form of 13.x and before."""
        await self.handler(connection)

    def changed(self) -> None:
        """Wakes those who wait for a change."""
        self._change.set()
        self._change = self._peer.event()

    def serving(self) -> bool:
        """Whether the library says that it accepts connections."""
        return bool(self.library.is_serving())

    async def reaches(self, wanted: ServerWait) -> None:
        """Returns when the server has got so far."""
        while not (
            self.history.reached(wanted.seen, wanted.ended)
            and not (wanted.serving_ended and self.serving())
        ):
            await self._change.wait()

    def state(self) -> Reply:
        """A `ServerState`."""
        state: Reply = {
            "serving": self.serving(),
            "sockets": [facts(sock) for sock in self.sockets],
            "connections": self.history.as_json(),
        }
        if self.error is not None:
            state["error"] = error_record(self.error)
        return state


class AwaitingPeer(Peer):
    """Operations that may wait, as coroutines."""

    # Makes an event of the loop's kind, with `set` and `wait`.
    event: Callable[[], Any]

    def __init__(self, log: Log, client: Any, server: Any) -> None:
        super().__init__(log)
        # Adapters of other libraries bring their own (mpws_foreign.shape).
        exceptions = getattr(client, "exceptions", None)
        if exceptions is None:
            exceptions = importlib.import_module("websockets.exceptions")
        self.closed: type[Exception] = exceptions.ConnectionClosed
        self.clean: type[Exception] = exceptions.ConnectionClosedOK
        self._connect = client.connect
        self._serve = server.serve
        self._connections: Numbered[Any] = Numbered("connection")
        self._servers: Numbered[Server] = Numbered("server")
        self.waiting: dict[str, Callable[[Arguments], Awaitable[Reply]]] = {
            "socket.connect": self._socket_connect,
            "client.open": self._client_open,
            "client.iterate": self._client_iterate,
            "connection.send": self._connection_send,
            "connection.receive": self._connection_receive,
            "connection.burst": self._connection_burst,
            "connection.ping": self._connection_ping,
            "connection.close": self._connection_close,
            "connection.ended": self._connection_ended,
            "server.start": self._server_start,
            "server.wait": self._server_wait,
            "server.stop": self._server_stop,
            "process.descriptors": self._descriptors,
        }
        self.immediate["connection.facts"] = self._connection_facts
        self.immediate["server.state"] = self._server_state

    # What each loop does in its own way.

    async def within(self, work: Awaitable[Result], seconds: float, what: str) -> Result:
        """Waits for the work so long; then gives it up with `mpws.Deadline`, never with the library's own error."""
        raise NotImplementedError

    async def turn(self) -> None:
        """Lets what is already scheduled run."""
        raise NotImplementedError

    def socket_facts(self, connection: Any) -> dict[str, Any]:
        """Facts of the socket under a connection."""
        raise NotImplementedError

    async def close(self, connection: Any, code: int, reason: str) -> None:
        """Closes a connection by the library's API."""
        raise NotImplementedError

    async def ping(self, connection: Any) -> None:
        """Sends a ping and waits for its pong."""
        raise NotImplementedError

    async def stop(self, server: Server) -> None:
        """Stops a server by the library's API."""
        raise NotImplementedError

    async def _socket_connect(self, args: Arguments) -> Reply:
        raise NotImplementedError

    async def _client_open(self, args: Arguments) -> Reply:
        raise NotImplementedError

    async def _client_iterate(self, args: Arguments) -> Reply:
        raise NotImplementedError

    async def _server_start(self, args: Arguments) -> Reply:
        raise NotImplementedError

    # What they all do alike.

    async def carry_out(self, request: Request) -> Reply:
        """Runs one operation."""
        args = Arguments(request.args)
        waiting = self.waiting.get(request.op)
        if waiting is not None:
            return await waiting(args)
        immediate = self.immediate.get(request.op)
        if immediate is not None:
            return immediate(args)
        raise Unsupported(f"unknown operation {request.op!r}")

    def opened(self, connection: Any) -> Reply:
        """The reply to `client.open` for a new connection."""
        return {
            "connection": self._connections.add(connection),
            "facts": self.socket_facts(connection),
            "subprotocol": connection.subprotocol,
            "extensions": extensions(connection),
        }

    async def failed(self, error: Exception, held: Held | None) -> Failed:
        """The error with what the library has done to the socket by the next turn of the loop."""
        record = error_record(error)
        await self.turn()
        if held is not None:
            record["socket_after"] = held.facts()
        return Failed(record)

    async def _connection_send(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        message = payload.message(args.inner("message"))
        fragments = args.number("fragments", 1, 64)
        deadline = args.deadline()
        args.finish()
        await self.within(_send(connection, message, fragments), deadline, "connection.send")
        return {}

    async def _connection_receive(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()
        message = await self.within(connection.recv(), deadline, "connection.receive")
        return payload.digested(message)

    async def _connection_burst(self, args: Arguments) -> Reply:
        wanted = Burst(args)
        connection = self._connections[wanted.connection]
        message = payload.generate(0, wanted.size)
        rounds: list[int] = []

        async def burst() -> None:
            for _ in range(wanted.rounds):
                started = time.monotonic_ns()
                for _ in range(wanted.writes):
                    await _send(connection, message, wanted.fragments)
                for _ in range(wanted.answers):
                    await connection.recv()
                rounds.append((time.monotonic_ns() - started) // 1000)

        await self.within(burst(), wanted.deadline, "connection.burst")
        return {"rounds_us": rounds}

    async def _connection_ping(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()
        started = time.monotonic_ns()
        await self.within(self.ping(connection), deadline, "connection.ping")
        return {"rtt_us": (time.monotonic_ns() - started) // 1000}

    async def _connection_close(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        code, reason = args.number("code", maximum=65535), args.text("reason")
        deadline = args.deadline()
        args.finish()
        await self.within(self.close(connection, code, reason), deadline, "connection.close")
        return connection_end(connection, None)

    async def _connection_ended(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()

        async def drain() -> BaseException | None:
            while True:
                try:
                    await connection.recv()
                except self.closed as closed:
                    return None if isinstance(closed, self.clean) else closed

        error = await self.within(drain(), deadline, "connection.ended")
        return connection_end(connection, error)

    def _connection_facts(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        args.finish()
        holder = connection if hasattr(connection, "state") else connection.protocol
        return {"facts": self.socket_facts(connection), "state": holder.state.name}

    def _server_state(self, args: Arguments) -> Reply:
        server = self._servers[args.number("server")]
        args.finish()
        return server.state()

    async def _server_wait(self, args: Arguments) -> Reply:
        wanted = ServerWait(args)
        server = self._servers[wanted.server]
        try:
            await self.within(server.reaches(wanted), wanted.deadline, "server.wait")
        except Deadline:
            pass
        return server.state()

    async def _server_stop(self, args: Arguments) -> Reply:
        server = self._servers[args.number("server")]
        deadline = args.deadline()
        args.finish()
        await self.within(self.stop(server), deadline, "server.stop")
        return {"connections": server.history.as_json()}

    async def _descriptors(self, args: Arguments) -> Reply:
        await self.turn()
        return self._process_descriptors(args)


async def _send(connection: Any, message: payload.Message, fragments: int) -> None:
    if fragments == 1:
        await connection.send(message)
    else:
        await connection.send(payload.parts(message, fragments))
