"""The implementation `trio`: one trio run on the main thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar

import trio

from . import forms
from .arguments import Arguments, Unsupported
from .awaiting import AwaitingPeer, Server
from .control import Control, Request
from .logs import Log
from .peer import Reply, blocking_connect
from .records import Deadline
from .requests import ClientOpen, ServerStart, SocketConnect
from .sockets import address, facts

Result = TypeVar("Result")

# Operations at once.
SLOTS = 1024


def run(control: Control, log: Log, client: Any, server: Any) -> None:
    """Serves requests for ever."""
    trio.run(_serve, control, log, client, server)


class TrioServer(Server):
    """A server with a task of its own, which ends with it."""

    ended = False

    def serving(self) -> bool:
        """The library has no word for it; the task that serves is there, and its listeners are open."""
        return not self.ended and all(sock.fileno() >= 0 for sock in self.sockets)


class TrioPeer(AwaitingPeer):
    """What `trio` does in its own way."""

    event = trio.Event

    def __init__(self, log: Log, client: Any, server: Any, tasks: trio.Nursery) -> None:
        super().__init__(log, client, server)
        self._tasks = tasks

    async def within(self, work: Awaitable[Result], seconds: float, what: str) -> Result:
        """Waits for the work so long; then cancels it and leaves it alone."""
        outcome: list[tuple[Any, BaseException | None]] = []
        over = trio.Event()
        scope = trio.CancelScope()

        async def body() -> None:
            with scope:
                try:
                    outcome.append((await work, None))
                except Exception as error:
                    outcome.append((None, error))
            over.set()

        self._tasks.start_soon(body)
        with trio.move_on_after(seconds):
            await over.wait()
        if not outcome:
            scope.cancel()
            raise Deadline(f"{what} was not over after {round(seconds * 1000)} ms")
        result, error = outcome[0]
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    async def turn(self) -> None:
        """As in `event_loop`."""
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()

    def socket_facts(self, connection: Any) -> dict[str, Any]:
        """The socket lies under the stream, and that under the one for TLS."""
        stream = connection.stream
        if isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        return facts(stream.socket)

    async def close(self, connection: Any, code: int, reason: str) -> None:
        """Closes a connection."""
        await connection.aclose(code, reason)

    async def ping(self, connection: Any) -> None:
        """`ping` returns an event for the pong."""
        pong = await connection.ping()
        await pong.wait()

    async def stop(self, server: Server) -> None:
        """Stops a server."""
        await server.library.aclose()

    async def _socket_connect(self, args: Arguments) -> Reply:
        wanted = SocketConnect(args)
        sock = self.sockets[wanted.socket].sock
        target = wanted.target(sock)
        if wanted.how == "start":
            sock.setblocking(False)
            return {"errno": sock.connect_ex(target)}
        if wanted.how != "blocking":
            raise Unsupported(f"{wanted.how} is a way of asyncio")
        work = trio.to_thread.run_sync(blocking_connect, sock, target, abandon_on_cancel=True)
        await self.within(work, wanted.deadline, "socket.connect")
        return {"errno": 0}

    async def _client_open(self, args: Arguments) -> Reply:
        wanted = ClientOpen(args)
        if wanted.top_level:
            raise Unsupported("websockets.connect is never the trio implementation's")
        if wanted.protocol == "mptcp":
            raise Unsupported("the library makes its own sockets with TCP only")
        held = wanted.held(self.sockets)
        keywords = wanted.keywords(held, "ssl")
        try:
            if held is not None:
                # It is a stream that is handed over; that trio may refuse the socket is part of it.
                sock = keywords.pop("sock")
                keywords["stream"] = sock if wanted.as_descriptor else stream_of(sock)
            connection = await self._tasks.start(_hold, self._connect(wanted.uri, **keywords))
        except Exception as error:
            raise await self.failed(error, held) from None
        return self.opened(connection)

    async def _client_iterate(self, args: Arguments) -> Reply:
        raise Unsupported("the adapter knows the iterator of legacy and asyncio only")

    async def _server_start(self, args: Arguments) -> Reply:
        wanted = ServerStart(args)
        if wanted.top_level:
            raise Unsupported("websockets.serve is never the trio implementation's")
        held = wanted.held(self.sockets)
        server = TrioServer(wanted, self)
        keywords = wanted.keywords(held, "ssl")
        handler: Any = server.handler
        if wanted.form == forms.HANDLER_WITH_PATH:
            handler = server.handler_with_path
        elif wanted.form is not None:
            keywords["process_request"] = forms.HOOKS[wanted.form]
        keywords.update(wanted.extra)
        try:
            if held is not None:
                wrapped = trio.socket.from_stdlib_socket(keywords.pop("sock"))
                keywords["listeners"] = [trio.SocketListener(wrapped)]
            serve = partial(self._serve, handler, **keywords)
            server.library = await self._tasks.start(_run_server, server, serve)
        except Exception as error:
            raise await self.failed(error, held) from None
        server.sockets = [listener.socket for listener in server.library.listeners]
        addresses = [address(sock.getsockname()) for sock in server.sockets]
        return {
            "server": self._servers.add(server),
            "addresses": [text for text in addresses if text is not None],
        }


def stream_of(sock: socket.socket) -> trio.SocketStream:
    """The stream that takes the socket over."""
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


async def _hold(
    connector: Any, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED
) -> None:
    """A connection lives within the `async with` that opened it."""
    async with connector as connection:
        task_status.started(connection)
        await trio.sleep_forever()


async def _run_server(
    server: TrioServer, serve: Any, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED
) -> None:
    """A server's errors end it, and nothing beside it."""
    started = False

    class Status:
        """Takes note that the server has started, from when on nobody waits for its errors."""

        @staticmethod
        def started(library: Any) -> None:
            nonlocal started
            started = True
            task_status.started(library)

    try:
        await serve(task_status=Status)
    except Exception as error:
        if not started:
            raise
        server.error = error
    finally:
        server.ended = True
        server.changed()


async def _serve(control: Control, log: Log, client: Any, server: Any) -> None:
    async with trio.open_nursery() as tasks:
        peer = TrioPeer(log, client, server, tasks)
        token = trio.lowlevel.current_trio_token()

        async def operate(request: Request) -> None:
            started = time.monotonic()
            try:
                reply, error = await peer.carry_out(request), None
            except Exception as failed:
                reply, error = None, failed
            control.answer(request, started, reply, error)

        def read() -> None:
            for request in control.requests():
                token.run_sync_soon(tasks.start_soon, operate, request)

        threading.Thread(target=read, name="control", daemon=True).start()
        await trio.sleep_forever()
