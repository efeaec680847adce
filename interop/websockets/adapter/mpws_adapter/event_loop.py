"""The implementations `legacy` and `asyncio`: one event loop on the main thread."""

from __future__ import annotations

import asyncio
import errno
import importlib
import logging
import os
import socket
import threading
import time
from collections.abc import Awaitable
from typing import Any, Callable, TypeVar

from . import forms, payload
from .arguments import Arguments, Unsupported
from .control import Control, Request, carry_out
from .history import History, extensions
from .logs import Log, Retries
from .peer import Numbered, Peer, Reply, blocking_connect, takes_keyword
from .records import Deadline, Failed, connection_end, error_record
from .requests import Burst, ClientOpen, ServerStart, ServerWait, SocketConnect
from .sockets import PROTOCOLS, Held, address, facts

Result = TypeVar("Result")

# Operations at once.
SLOTS = 1024


def run(control: Control, log: Log, client: Any, server: Any) -> None:
    """Serves requests for ever."""
    asyncio.run(_serve(control, log, client, server))


class Server:
    """A running server and what it has seen."""

    def __init__(self, wanted: ServerStart, closed: type[Exception], clean: type) -> None:
        self._behaviour = wanted.behaviour
        self._closed = closed
        self._clean = clean
        self._change = asyncio.Event()
        self.history = History(self.changed)
        self.library: Any = None
        self.sockets: list[Any] = []

    async def handler(self, connection: Any) -> None:
        """The handler of the library, for one connection."""
        remembered = self.history.begin(connection, connection_facts(connection))
        error: BaseException | None = None
        try:
            while True:
                message = await connection.recv()
                number = remembered.receive(message)
                if self._behaviour.closing is not None:
                    await connection.close(*self._behaviour.closing)
                    break
                for answer in self._behaviour.answers(message, number):
                    await connection.send(answer)
        except self._closed as closed:
            error = None if isinstance(closed, self._clean) else closed
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
        self._change = asyncio.Event()

    async def reaches(self, wanted: ServerWait) -> None:
        """Returns when the server has got so far."""
        while not (
            self.history.reached(wanted.seen, wanted.ended)
            and not (wanted.serving_ended and self.library.is_serving())
        ):
            await self._change.wait()

    def state(self) -> Reply:
        """A `ServerState`."""
        return {
            "serving": bool(self.library.is_serving()),
            "sockets": [facts(sock) for sock in self.sockets],
            "connections": self.history.as_json(),
        }


class LoopPeer(Peer):
    """Operations that may wait, as coroutines."""

    def __init__(self, log: Log, client: Any, server: Any) -> None:
        super().__init__(log)
        exceptions = importlib.import_module("websockets.exceptions")
        self._closed: type[Exception] = exceptions.ConnectionClosed
        self._clean: type[Exception] = exceptions.ConnectionClosedOK
        self._connect = client.connect
        self._serve = server.serve
        self._connections: Numbered[Any] = Numbered("connection")
        self._servers: Numbered[Server] = Numbered("server")
        self._iterations = 0
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

    async def _socket_connect(self, args: Arguments) -> Reply:
        wanted = SocketConnect(args)
        sock = self.sockets[wanted.socket].sock
        target = wanted.target(sock)
        loop = asyncio.get_running_loop()
        if wanted.how == "start":
            sock.setblocking(False)
            return {"errno": sock.connect_ex(target)}
        if wanted.how == "sock-connect":
            sock.setblocking(False)
            work: Awaitable[Any] = loop.sock_connect(sock, target)
        elif wanted.how == "add-writer":
            work = _connect_with_writer(sock, target)
        elif wanted.how == "executor":
            work = _connect_in_executor(sock, target)
        else:
            work = in_thread(lambda: blocking_connect(sock, target))
        await within(work, wanted.deadline, "socket.connect")
        return {"errno": 0}

    async def _client_open(self, args: Arguments) -> Reply:
        wanted = ClientOpen(args)
        held = wanted.held(self.sockets)
        connect = _top_level("connect") if wanted.top_level else self._connect
        keywords = wanted.keywords(held, "ssl")
        if wanted.protocol is not None:
            keywords["proto"] = PROTOCOLS[wanted.protocol]
        try:
            connection = await connect(wanted.uri, **keywords)
        except Exception as error:
            raise await _failed(error, held) from None
        return {
            "connection": self._connections.add(connection),
            "facts": connection_facts(connection),
            "subprotocol": connection.subprotocol,
            "extensions": extensions(connection),
        }

    async def _client_iterate(self, args: Arguments) -> Reply:
        uri = args.text("uri")
        number = args.optional_number("socket")
        attempts = args.number("attempts", 1)
        deadline = args.deadline()
        args.finish()
        keywords: dict[str, Any] = {"compression": None}
        if number is not None:
            keywords["sock"] = self.sockets[number].sock
        self._iterations += 1
        logger = logging.getLogger(f"websockets.client.iterate{self._iterations}")
        connections = 0
        retries: list[dict[str, Any]] = []
        enough = asyncio.Event()

        def retried(error: BaseException) -> None:
            retries.append(error_record(error))
            if connections + len(retries) >= attempts:
                enough.set()

        async def iterate() -> None:
            nonlocal connections
            iterator = self._connect(uri, logger=logger, **keywords)
            async for connection in iterator:
                connections += 1
                await connection.close()
                if connections + len(retries) >= attempts:
                    break

        handler = Retries(retried)
        logger.addHandler(handler)
        iterating = asyncio.ensure_future(iterate())
        counting = asyncio.ensure_future(enough.wait())
        tasks = (iterating, counting)
        try:
            await asyncio.wait(tasks, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        finally:
            logger.removeHandler(handler)
            for task in tasks:
                task.cancel()
        outcome, _ = await asyncio.gather(*tasks, return_exceptions=True)
        reply: Reply = {"connections": connections, "retries": retries}
        if isinstance(outcome, Exception):
            reply["error"] = error_record(outcome)
        return reply

    async def _connection_send(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        message = payload.message(args.inner("message"))
        fragments = args.number("fragments", 1, 64)
        deadline = args.deadline()
        args.finish()
        await within(_send(connection, message, fragments), deadline, "connection.send")
        return {}

    async def _connection_receive(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()
        return payload.digested(await within(connection.recv(), deadline, "connection.receive"))

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

        await within(burst(), wanted.deadline, "connection.burst")
        return {"rounds_us": rounds}

    async def _connection_ping(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()

        async def ping() -> None:
            await (await connection.ping())

        started = time.monotonic_ns()
        await within(ping(), deadline, "connection.ping")
        return {"rtt_us": (time.monotonic_ns() - started) // 1000}

    async def _connection_close(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        code, reason = args.number("code", maximum=65535), args.text("reason")
        deadline = args.deadline()
        args.finish()
        await within(connection.close(code, reason), deadline, "connection.close")
        return connection_end(connection, None)

    async def _connection_ended(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()

        async def drain() -> BaseException | None:
            while True:
                try:
                    await connection.recv()
                except self._closed as closed:
                    return None if isinstance(closed, self._clean) else closed

        error = await within(drain(), deadline, "connection.ended")
        return connection_end(connection, error)

    def _connection_facts(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        args.finish()
        holder = connection if hasattr(connection, "state") else connection.protocol
        return {"facts": connection_facts(connection), "state": holder.state.name}

    async def _server_start(self, args: Arguments) -> Reply:
        wanted = ServerStart(args)
        held = wanted.held(self.sockets)
        serve = _top_level("serve") if wanted.top_level else self._serve
        keywords = wanted.keywords(held, "ssl")
        if not takes_keyword(serve, "open_timeout"):
            del keywords["open_timeout"]  # the legacy server of 10.x has none
        server = Server(wanted, self._closed, self._clean)
        handler: Any = server.handler
        if wanted.form == forms.HANDLER_WITH_PATH:
            handler = server.handler_with_path
        elif wanted.form is not None:
            keywords["process_request"] = forms.HOOKS[wanted.form]
        keywords.update(wanted.extra)
        try:
            server.library = await serve(handler, **keywords)
        except Exception as error:
            raise await _failed(error, held) from None
        server.sockets = list(server.library.sockets)
        addresses = [address(sock.getsockname()) for sock in server.sockets]
        return {
            "server": self._servers.add(server),
            "addresses": [text for text in addresses if text is not None],
        }

    def _server_state(self, args: Arguments) -> Reply:
        server = self._servers[args.number("server")]
        args.finish()
        return server.state()

    async def _server_wait(self, args: Arguments) -> Reply:
        wanted = ServerWait(args)
        server = self._servers[wanted.server]
        try:
            await within(server.reaches(wanted), wanted.deadline, "server.wait")
        except Deadline:
            pass
        return server.state()

    async def _server_stop(self, args: Arguments) -> Reply:
        server = self._servers[args.number("server")]
        deadline = args.deadline()
        args.finish()
        server.library.close()
        server.changed()
        await within(server.library.wait_closed(), deadline, "server.stop")
        return {"connections": server.history.as_json()}

    async def _descriptors(self, args: Arguments) -> Reply:
        await _one_turn()
        return self._process_descriptors(args)


def connection_facts(connection: Any) -> dict[str, Any]:
    """Facts of the socket under a connection."""
    return facts(connection.transport.get_extra_info("socket"))


async def within(work: Awaitable[Result], seconds: float, what: str) -> Result:
    """Waits for the work so long; then gives it up with `mpws.Deadline`, never with the library's own error."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except BaseException:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    raise Deadline(f"{what} was not over after {round(seconds * 1000)} ms")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Runs blocking work in a thread of its own, which nobody waits for at the end."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is None:
            outcome.set_result(result)
        else:
            outcome.set_exception(error)

    def body() -> None:
        loop.call_soon_threadsafe(settle, *carry_out(work))

    threading.Thread(target=body, daemon=True).start()
    return await outcome


async def _serve(control: Control, log: Log, client: Any, server: Any) -> None:
    peer = LoopPeer(log, client, server)
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()

    async def operate(request: Request) -> None:
        started = time.monotonic()
        try:
            reply, error = await peer.carry_out(request), None
        except Exception as failed:
            reply, error = None, failed
        control.answer(request, started, reply, error)

    def begin(request: Request) -> None:
        task = loop.create_task(operate(request))
        running.add(task)
        task.add_done_callback(running.discard)

    def read() -> None:
        for request in control.requests():
            loop.call_soon_threadsafe(begin, request)

    threading.Thread(target=read, name="control", daemon=True).start()
    await loop.create_future()


async def _send(connection: Any, message: payload.Message, fragments: int) -> None:
    if fragments == 1:
        await connection.send(message)
    else:
        await connection.send(payload.parts(message, fragments))


async def _connect_in_executor(sock: socket.socket, target: Any) -> None:
    sock.setblocking(True)
    try:
        await asyncio.get_running_loop().run_in_executor(None, sock.connect, target)
    finally:
        sock.setblocking(False)


async def _connect_with_writer(sock: socket.socket, target: Any) -> None:
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    number = sock.connect_ex(target)
    if number == errno.EINPROGRESS:
        writable = asyncio.Event()
        loop.add_writer(sock.fileno(), writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(sock.fileno())
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


async def _failed(error: Exception, held: Held | None) -> Failed:
    """The error with what the library has done to the socket by the next turn of the loop."""
    record = error_record(error)
    await _one_turn()
    if held is not None:
        record["socket_after"] = held.facts()
    return Failed(record)


async def _one_turn() -> None:
    # One `sleep(0)` runs what is already scheduled; what that schedules needs the second.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _top_level(name: str) -> Any:
    return getattr(importlib.import_module("websockets"), name)
