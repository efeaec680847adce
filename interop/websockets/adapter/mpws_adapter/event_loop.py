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

from . import forms
from .arguments import Arguments, Unsupported
from .awaiting import AwaitingPeer, Server
from .control import Control, Request, carry_out
from .logs import Log, Retries
from .peer import Reply, blocking_connect, takes_keyword
from .records import Deadline, error_record
from .requests import ClientOpen, ServerStart, SocketConnect
from .sockets import PROTOCOLS, address, facts

Result = TypeVar("Result")

# Operations at once.
SLOTS = 1024


def run(control: Control, log: Log, client: Any, server: Any) -> None:
    """Serves requests for ever."""
    asyncio.run(_serve(control, log, client, server))


class LoopPeer(AwaitingPeer):
    """What `legacy` and `asyncio` do in their own way."""

    event = asyncio.Event

    def __init__(self, log: Log, client: Any, server: Any) -> None:
        super().__init__(log, client, server)
        self._iterations = 0

    async def within(self, work: Awaitable[Result], seconds: float, what: str) -> Result:
        """Waits for the work so long; then cancels it and leaves it alone."""
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

    async def turn(self) -> None:
        """One `sleep(0)` runs what is already scheduled; what that schedules needs the second."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def socket_facts(self, connection: Any) -> dict[str, Any]:
        """asyncio hands out a stand-in for the socket."""
        return facts(connection.transport.get_extra_info("socket"))

    async def close(self, connection: Any, code: int, reason: str) -> None:
        """Closes a connection."""
        await connection.close(code, reason)

    async def ping(self, connection: Any) -> None:
        """`ping` returns an awaitable for the pong."""
        await (await connection.ping())

    async def stop(self, server: Server) -> None:
        """Stops a server."""
        server.library.close()
        server.changed()
        await server.library.wait_closed()

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
        await self.within(work, wanted.deadline, "socket.connect")
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
        except Unsupported:
            raise
        except Exception as error:
            raise await self.failed(error, held) from None
        return self.opened(connection)

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

    async def _server_start(self, args: Arguments) -> Reply:
        wanted = ServerStart(args)
        held = wanted.held(self.sockets)
        serve = _top_level("serve") if wanted.top_level else self._serve
        keywords = wanted.keywords(held, "ssl")
        if not takes_keyword(serve, "open_timeout"):
            del keywords["open_timeout"]  # the legacy server of 10.x has none
        if takes_keyword(serve, "proto") and wanted.protocol is not None:
            keywords["proto"] = PROTOCOLS[wanted.protocol]
        server = Server(wanted, self)
        handler: Any = server.handler
        if wanted.form == forms.HANDLER_WITH_PATH:
            handler = server.handler_with_path
        elif wanted.form is not None:
            keywords["process_request"] = forms.HOOKS[wanted.form]
        keywords.update(wanted.extra)
        try:
            server.library = await serve(handler, **keywords)
        except Unsupported:
            raise
        except Exception as error:
            raise await self.failed(error, held) from None
        server.sockets = list(server.library.sockets)
        addresses = [address(sock.getsockname()) for sock in server.sockets]
        return {
            "server": self._servers.add(server),
            "addresses": [text for text in addresses if text is not None],
        }


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


def _top_level(name: str) -> Any:
    return getattr(importlib.import_module("websockets"), name)
