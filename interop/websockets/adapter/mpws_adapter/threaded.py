"""The implementation `sync`: a thread for each operation that may wait, and for each server."""

from __future__ import annotations

import importlib
import threading
import time
from typing import Any, Callable, TypeVar

from . import forms, payload
from .arguments import Arguments, Unsupported
from .control import Control, Request, carry_out
from .history import History, extensions
from .logs import Log
from .peer import Numbered, Peer, Reply, blocking_connect, takes_keyword
from .records import Deadline, Failed, connection_end, error_record
from .requests import Burst, ClientOpen, ServerStart, ServerWait, SocketConnect
from .sockets import Held, address, facts

Result = TypeVar("Result")

# Operations at once; each has a thread.
SLOTS = 256


def run(control: Control, log: Log, client: Any, server: Any) -> None:
    """Serves requests for ever."""
    peer = ThreadPeer(log, client, server)
    for request in control.requests():
        if request.op in peer.immediate:
            _operate(control, request, peer.immediate[request.op])
            continue
        operation = peer.waiting.get(request.op, _unknown(request.op))
        threading.Thread(target=_operate, args=(control, request, operation), daemon=True).start()


class Server:
    """A running server and what it has seen."""

    def __init__(self, wanted: ServerStart, closed: type[Exception], clean: type) -> None:
        self._behaviour = wanted.behaviour
        self._closed = closed
        self._clean = clean
        self._change = threading.Condition(threading.RLock())
        self.history = History(self._changed)
        self.library: Any = None
        self._error: BaseException | None = None
        self._serving = threading.Thread(target=self._serve, daemon=True)

    def handler(self, connection: Any) -> None:
        """The handler of the library, for one connection."""
        with self._change:
            remembered = self.history.begin(connection, connection_facts(connection))
        error: BaseException | None = None
        try:
            while True:
                message = connection.recv()
                number = remembered.receive(message)
                if self._behaviour.closing is not None:
                    connection.close(*self._behaviour.closing)
                    break
                for answer in self._behaviour.answers(message, number):
                    connection.send(answer)
        except self._closed as closed:
            error = None if isinstance(closed, self._clean) else closed
        except BaseException as failed:
            error = failed
            raise
        finally:
            with self._change:
                self.history.end(remembered, connection, error)

    def handler_with_path(self, connection: Any, path: str) -> None:
        """The handler in the form of the other implementations' 13.x and before."""
        self.handler(connection)

    def begin(self, library: Any) -> None:
        """Starts `serve_forever`."""
        self.library = library
        self._serving.start()

    def wait(self, wanted: ServerWait) -> None:
        """Returns when the server has got so far, or at the deadline."""
        until = time.monotonic() + wanted.deadline
        with self._change:
            self._change.wait_for(
                lambda: self.history.reached(wanted.seen, wanted.ended), wanted.deadline
            )
        if wanted.serving_ended:
            self._serving.join(max(0.0, until - time.monotonic()))

    def stop(self, seconds: float) -> None:
        """Shuts the library's server down; its connections it leaves alone."""
        until = time.monotonic() + seconds
        within(self.library.shutdown, seconds, "server.stop")
        self._serving.join(max(0.0, until - time.monotonic()))
        if self._serving.is_alive():
            raise Deadline(f"server.stop was not over after {round(seconds * 1000)} ms")

    def state(self) -> Reply:
        """A `ServerState`."""
        state: Reply = {
            "serving": self._serving.is_alive(),
            "sockets": [facts(self.library.socket)],
            "connections": self.history.as_json(),
        }
        if self._error is not None:
            state["error"] = error_record(self._error)
        return state

    def _serve(self) -> None:
        try:
            self.library.serve_forever()
        except BaseException as error:
            self._error = error

    def _changed(self) -> None:
        self._change.notify_all()


class ThreadPeer(Peer):
    """Operations that may wait, as functions to be called in a thread of their own."""

    def __init__(self, log: Log, client: Any, server: Any) -> None:
        super().__init__(log)
        exceptions = importlib.import_module("websockets.exceptions")
        self._closed: type[Exception] = exceptions.ConnectionClosed
        self._clean: type[Exception] = exceptions.ConnectionClosedOK
        self._connect = client.connect
        self._serve = server.serve
        self._connections: Numbered[Any] = Numbered("connection")
        self._servers: Numbered[Server] = Numbered("server")
        self.waiting: dict[str, Callable[[Arguments], Reply]] = {
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
        }
        self.immediate["connection.facts"] = self._connection_facts
        self.immediate["server.state"] = self._server_state

    def _socket_connect(self, args: Arguments) -> Reply:
        wanted = SocketConnect(args)
        sock = self.sockets[wanted.socket].sock
        target = wanted.target(sock)
        if wanted.how == "start":
            sock.setblocking(False)
            return {"errno": sock.connect_ex(target)}
        if wanted.how != "blocking":
            raise Unsupported(f"{wanted.how} is a way of asyncio")
        within(lambda: blocking_connect(sock, target), wanted.deadline, "socket.connect")
        return {"errno": 0}

    def _client_open(self, args: Arguments) -> Reply:
        wanted = ClientOpen(args)
        if wanted.top_level:
            raise Unsupported("websockets.connect is never the sync implementation's")
        if wanted.protocol == "mptcp":
            raise Unsupported("the library makes its own sockets with TCP only")
        held = wanted.held(self.sockets)
        keywords = wanted.keywords(held, _tls_name(self._connect))
        try:
            connection = self._connect(wanted.uri, **keywords)
        except Exception as error:
            raise _failed(error, held) from None
        return {
            "connection": self._connections.add(connection),
            "facts": connection_facts(connection),
            "subprotocol": connection.subprotocol,
            "extensions": extensions(connection),
        }

    def _client_iterate(self, args: Arguments) -> Reply:
        raise Unsupported("the adapter knows the iterator of legacy and asyncio only")

    def _connection_send(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        message = payload.message(args.inner("message"))
        fragments = args.number("fragments", 1, 64)
        deadline = args.deadline()
        args.finish()
        within(lambda: _send(connection, message, fragments), deadline, "connection.send")
        return {}

    def _connection_receive(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()
        return payload.digested(_receive(connection, deadline, "connection.receive"))

    def _connection_burst(self, args: Arguments) -> Reply:
        wanted = Burst(args)
        connection = self._connections[wanted.connection]
        message = payload.generate(0, wanted.size)
        rounds: list[int] = []
        given_up = threading.Event()

        def burst() -> None:
            for _ in range(wanted.rounds):
                started = time.monotonic_ns()
                for _ in range(wanted.writes):
                    _send(connection, message, wanted.fragments)
                for _ in range(wanted.answers):
                    connection.recv()
                if given_up.is_set():
                    return
                rounds.append((time.monotonic_ns() - started) // 1000)

        try:
            within(burst, wanted.deadline, "connection.burst")
        finally:
            given_up.set()
        return {"rounds_us": rounds}

    def _connection_ping(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()
        started = time.monotonic_ns()
        pong = connection.ping()
        if not pong.wait(deadline):
            raise Deadline(f"connection.ping was not over after {round(deadline * 1000)} ms")
        return {"rtt_us": (time.monotonic_ns() - started) // 1000}

    def _connection_close(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        code, reason = args.number("code", maximum=65535), args.text("reason")
        deadline = args.deadline()
        args.finish()
        within(lambda: connection.close(code, reason), deadline, "connection.close")
        return connection_end(connection, None)

    def _connection_ended(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        deadline = args.deadline()
        args.finish()
        until = time.monotonic() + deadline
        while True:
            try:
                _receive(connection, max(0.0, until - time.monotonic()), "connection.ended")
            except self._closed as closed:
                return connection_end(
                    connection, None if isinstance(closed, self._clean) else closed
                )

    def _connection_facts(self, args: Arguments) -> Reply:
        connection = self._connections[args.number("connection")]
        args.finish()
        return {"facts": connection_facts(connection), "state": connection.protocol.state.name}

    def _server_start(self, args: Arguments) -> Reply:
        wanted = ServerStart(args)
        if wanted.top_level:
            raise Unsupported("websockets.serve is never the sync implementation's")
        held = wanted.held(self.sockets)
        server = Server(wanted, self._closed, self._clean)
        keywords = wanted.keywords(held, _tls_name(self._serve))
        handler: Any = server.handler
        if wanted.form == forms.HANDLER_WITH_PATH:
            handler = server.handler_with_path
        elif wanted.form is not None:
            keywords["process_request"] = forms.for_threads(forms.HOOKS[wanted.form])
        keywords.update(wanted.extra)
        try:
            server.begin(self._serve(handler, **keywords))
        except Exception as error:
            raise _failed(error, held) from None
        try:
            listening = address(server.library.socket.getsockname())
        except OSError:
            listening = None
        return {
            "server": self._servers.add(server),
            "addresses": [] if listening is None else [listening],
        }

    def _server_state(self, args: Arguments) -> Reply:
        server = self._servers[args.number("server")]
        args.finish()
        return server.state()

    def _server_wait(self, args: Arguments) -> Reply:
        wanted = ServerWait(args)
        server = self._servers[wanted.server]
        server.wait(wanted)
        return server.state()

    def _server_stop(self, args: Arguments) -> Reply:
        server = self._servers[args.number("server")]
        deadline = args.deadline()
        args.finish()
        server.stop(deadline)
        return {"connections": server.history.as_json()}


def connection_facts(connection: Any) -> dict[str, Any]:
    """Facts of the socket under a connection, which 17.0 renamed."""
    return facts(connection.sock if hasattr(connection, "sock") else connection.socket)


def within(work: Callable[[], Result], seconds: float, what: str) -> Result:
    """Waits for the work so long; then leaves it alone and raises `mpws.Deadline`."""
    outcome: list[tuple[Any, BaseException | None]] = []
    thread = threading.Thread(target=lambda: outcome.append(carry_out(work)), daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise Deadline(f"{what} was not over after {round(seconds * 1000)} ms")
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _operate(control: Control, request: Request, operation: Callable[[Arguments], Reply]) -> None:
    started = time.monotonic()
    control.answer(request, started, *carry_out(lambda: operation(Arguments(request.args))))


def _unknown(name: str) -> Callable[[Arguments], Reply]:
    def refuse(args: Arguments) -> Reply:
        raise Unsupported(f"unknown operation {name!r}")

    return refuse


def _send(connection: Any, message: payload.Message, fragments: int) -> None:
    if fragments == 1:
        connection.send(message)
    else:
        connection.send(payload.parts(message, fragments))


def _receive(connection: Any, seconds: float, what: str) -> payload.Message:
    try:
        message: payload.Message = connection.recv(timeout=seconds)
    except TimeoutError as error:
        raise Deadline(f"{what} was not over after {round(seconds * 1000)} ms") from error
    return message


def _tls_name(function: Any) -> str:
    return "ssl" if takes_keyword(function, "ssl") else "ssl_context"


def _failed(error: Exception, held: Held | None) -> Failed:
    return Failed(error_record(error, None if held is None else held.facts()))
