"""What a client or a server is asked to be, and the keyword arguments of the library for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import forms
from .arguments import Arguments, Unsupported
from .history import behaviour
from .sockets import PROTOCOLS, Held, Sockets, target

if TYPE_CHECKING:
    import socket
    import ssl


class ClientOpen:
    """The arguments of `client.open`."""

    def __init__(self, args: Arguments) -> None:
        self.uri = args.text("uri")
        self.socket = args.optional_number("socket")
        self.as_descriptor = args.flag("as_descriptor")
        self.host = args.optional_text("host")
        self.port = args.optional_number("port", maximum=65535)
        self.null_host = args.flag("null_host")
        self.protocol = args.optional_choice("protocol", tuple(PROTOCOLS))
        self.open_timeout = args.number("open_timeout_ms") / 1000
        self.close_timeout = args.number("close_timeout_ms") / 1000
        self.deflate = args.flag("deflate")
        self.subprotocols = args.texts("subprotocols")
        self.max_size = args.optional_number("max_size")
        tls = args.optional_inner("tls")
        self.tls = None if tls is None else ClientTls(tls)
        self.top_level = args.flag("top_level")
        self.extra = args.mapping("extra")
        args.finish()
        if self.as_descriptor and self.socket is None:
            raise Unsupported("as_descriptor without a socket")
        if self.protocol is not None and self.socket is not None:
            raise Unsupported("protocol beside a socket")
        if self.null_host and (self.host is not None or self.port is not None):
            raise Unsupported("null_host beside host or port")

    def held(self, sockets: Sockets) -> Held | None:
        """The socket to hand over."""
        return None if self.socket is None else sockets[self.socket]

    def keywords(self, held: Held | None, tls_name: str) -> dict[str, Any]:
        """Keyword arguments of `connect`, which calls its TLS context `tls_name`."""
        keywords: dict[str, Any] = {
            "open_timeout": self.open_timeout,
            "close_timeout": self.close_timeout,
            "compression": "deflate" if self.deflate else None,
        }
        if held is not None:
            keywords["sock"] = held.sock.fileno() if self.as_descriptor else held.sock
        if self.host is not None:
            keywords["host"] = self.host
        if self.port is not None:
            keywords["port"] = self.port
        if self.null_host:
            keywords["host"] = keywords["port"] = None
        if self.subprotocols:
            keywords["subprotocols"] = self.subprotocols
        if self.max_size is not None:
            keywords["max_size"] = self.max_size
        if self.tls is not None:
            keywords[tls_name] = self.tls.context()
            if self.tls.server_name is not None:
                keywords["server_hostname"] = self.tls.server_name
        keywords.update(self.extra)
        return keywords


class ClientTls:
    """TLS of a client."""

    def __init__(self, args: Arguments) -> None:
        self.ca = args.text("ca")
        self.server_name = args.optional_text("server_name")
        args.finish()

    def context(self) -> ssl.SSLContext:
        """Trusts nothing but the given authority."""
        import ssl

        return ssl.create_default_context(cafile=self.ca)


class ServerStart:
    """The arguments of `server.start`."""

    def __init__(self, args: Arguments) -> None:
        self.socket = args.optional_number("socket")
        self.host = args.optional_text("host")
        self.port = args.optional_number("port", maximum=65535)
        self.protocol = args.optional_choice("protocol", tuple(PROTOCOLS))
        self.behaviour = behaviour(args.inner("behaviour"))
        self.open_timeout = args.number("open_timeout_ms") / 1000
        self.close_timeout = args.number("close_timeout_ms") / 1000
        self.deflate = args.flag("deflate")
        self.subprotocols = args.texts("subprotocols")
        self.max_size = args.optional_number("max_size")
        tls = args.optional_inner("tls")
        self.tls = None if tls is None else ServerTls(tls)
        self.reuse_port = args.flag("reuse_port")
        self.top_level = args.flag("top_level")
        self.form = args.optional_choice("form", forms.FORMS)
        self.extra = args.mapping("extra")
        args.finish()
        if self.protocol == "mptcp":
            raise Unsupported("the library makes listening sockets with TCP only")

    def held(self, sockets: Sockets) -> Held | None:
        """The socket to hand over."""
        return None if self.socket is None else sockets[self.socket]

    def keywords(self, held: Held | None, tls_name: str) -> dict[str, Any]:
        """Keyword arguments of `serve`, which calls its TLS context `tls_name`, without the hook."""
        keywords: dict[str, Any] = {
            "open_timeout": self.open_timeout,
            "close_timeout": self.close_timeout,
            "compression": "deflate" if self.deflate else None,
        }
        if held is not None:
            keywords["sock"] = held.sock
        if self.host is not None:
            keywords["host"] = self.host
        if self.port is not None:
            keywords["port"] = self.port
        if self.subprotocols:
            keywords["subprotocols"] = self.subprotocols
        if self.max_size is not None:
            keywords["max_size"] = self.max_size
        if self.tls is not None:
            keywords[tls_name] = self.tls.context()
        if self.reuse_port:
            keywords["reuse_port"] = True
        return keywords


class ServerTls:
    """TLS of a server."""

    def __init__(self, args: Arguments) -> None:
        self.certificate = args.text("certificate")
        self.key = args.text("key")
        args.finish()

    def context(self) -> ssl.SSLContext:
        """Shows the given certificate and asks for none."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Burst:
    """The arguments of `connection.burst`."""

    def __init__(self, args: Arguments) -> None:
        self.connection = args.number("connection")
        self.writes = args.number("writes", maximum=255)
        self.answers = args.number("answers", maximum=255)
        self.fragments = args.number("fragments", 1, 64)
        self.size = args.number("size", maximum=2**30)
        self.rounds = args.number("rounds", maximum=2**32 - 1)
        self.deadline = args.deadline()
        args.finish()


class ServerWait:
    """The arguments of `server.wait`."""

    def __init__(self, args: Arguments) -> None:
        self.server = args.number("server")
        self.seen = args.number("seen")
        self.ended = args.number("ended")
        self.serving_ended = args.flag("serving_ended")
        self.deadline = args.deadline()
        args.finish()


class SocketConnect:
    """The arguments of `socket.connect`."""

    WAYS = ("blocking", "start", "sock-connect", "executor", "add-writer")

    def __init__(self, args: Arguments) -> None:
        self.socket = args.number("socket")
        self._host, self._port = args.text("host"), args.number("port", maximum=65535)
        self.how = args.choice("how", self.WAYS)
        self.deadline = args.deadline()
        args.finish()

    def target(self, sock: socket.socket) -> Any:
        """What this socket is to be connected to."""
        return target(sock, self._host, self._port)
