"""The suite's end of the adapter protocol, small, for the tests of the adapter."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ADAPTER = Path(__file__).resolve().parent.parent / "adapter"
PEER_FILE = ADAPTER.parent / "peer.toml"
# Seconds after which a test gives an adapter up.
PATIENCE = 20.0


def implementations(site: str) -> set[str]:
    """The implementations that the installed version has: its packages of these names."""
    known = ("legacy", "asyncio", "sync", "trio")
    return {name for name in known if Path(site, "websockets", name, "client.py").is_file()}


def tested_elsewhere(site: str, implementation: str) -> bool:
    """Whether this version is for the matrix only, and one of ordinary runs has the implementation too."""
    try:
        import tomllib
    except ImportError:
        return False  # Python below 3.11
    versions = tomllib.loads(PEER_FILE.read_text(encoding="utf-8"))["python"]["versions"]
    ordinary = [one for one in versions if not one.get("matrix", False)]
    (installed,) = Path(site).glob("websockets-*.dist-info")
    is_ordinary = any(
        installed.name == f"websockets-{one['version']}.dist-info" for one in ordinary
    )
    return not is_ordinary and any(implementation in one["implementations"] for one in ordinary)


class Adapter:
    """A running adapter. It ends when `close` is called."""

    def __init__(self, site: str, implementation: str, adapter: Path = ADAPTER) -> None:
        self._folder = tempfile.mkdtemp(prefix="mpws-")
        path = f"{self._folder}/control"
        self._last = 0
        self._early: dict[int, dict[str, Any]] = {}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen()
            listener.settimeout(PATIENCE)
            words = [sys.executable, "-I", "-S", str(adapter)]
            words += ["--site", site, "--implementation", implementation]
            environment = {**os.environ, "MPWS_CONTROL": path}
            with open(f"{self._folder}/log", "wb") as log:
                self.process = subprocess.Popen(words, env=environment, stderr=log)
            self.control, _ = listener.accept()
        self.control.settimeout(PATIENCE)
        self._lines = self.control.makefile("rb")
        self.hello = json.loads(self._lines.readline())
        self.version = tuple(int(part) for part in self.hello["version"].split("."))

    def close(self) -> None:
        """Hangs up and makes sure of its end."""
        try:
            self.hang_up()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            shutil.rmtree(self._folder)

    def hang_up(self) -> int:
        """Closes the control socket; returns the exit status."""
        self._lines.close()
        self.control.close()
        return self.process.wait(PATIENCE)

    def post(self, op: str, **args: Any) -> int:
        """Sends a request without waiting."""
        self._last += 1
        line = json.dumps({"id": self._last, "op": op, "args": args})
        self.control.sendall(line.encode() + b"\n")
        return self._last

    def response(self, number: int) -> dict[str, Any]:
        """Waits for the response to one request."""
        while number not in self._early:
            line = self._lines.readline()
            if not line:
                raise AssertionError("the adapter has hung up")
            response = json.loads(line)
            self._early[response["id"]] = response
        return self._early.pop(number)

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        """The whole response."""
        return self.response(self.post(op, **args))

    def do(self, op: str, **args: Any) -> dict[str, Any]:
        """The reply of an operation that must work."""
        response = self.ask(op, **args)
        if "ok" not in response:
            raise AssertionError(f"{op}: {response}")
        reply: dict[str, Any] = response["ok"]
        return reply

    def error(self, op: str, **args: Any) -> dict[str, Any]:
        """The error of an operation that must fail."""
        response = self.ask(op, **args)
        if "error" not in response:
            raise AssertionError(f"{op}: {response}")
        error: dict[str, Any] = response["error"]
        return error

    def refusal(self, op: str, **args: Any) -> str:
        """Why the peer cannot do what it must not be able to do."""
        response = self.ask(op, **args)
        if "unsupported" not in response:
            raise AssertionError(f"{op}: {response}")
        reason: str = response["unsupported"]
        return reason

    def socket(self, protocol: str) -> int:
        """A new IPv4 socket."""
        number: int = self.do("socket.create", family="v4", protocol=protocol)["socket"]
        return number

    def listener(self, protocol: str) -> tuple[int, int]:
        """A listening socket on the loopback, and its port."""
        number = self.socket(protocol)
        port: int = self.do("socket.bind", socket=number, host="127.0.0.1", port=0)["port"]
        self.do("socket.listen", socket=number, backlog=8)
        return number, port

    def connected(self, protocol: str, port: int) -> int:
        """A socket connected to the loopback."""
        number = self.socket(protocol)
        self.do("socket.connect", socket=number, **target(port), how="blocking")
        return number

    def serve(self, protocol: str = "tcp", **more: Any) -> tuple[int, int]:
        """An echo server, unless told otherwise, and its port."""
        number, port = self.listener(protocol)
        wanted = {"behaviour": {"kind": "echo"}, **LIMITS, **more}
        return self.do("server.start", socket=number, **wanted)["server"], port

    def open(self, protocol: str, port: int, **more: Any) -> dict[str, Any]:
        """A WebSocket connection on a connected socket."""
        sock = self.connected(protocol, port)
        return self.do("client.open", uri=uri(port), socket=sock, **LIMITS, **more)


LIMITS = {"open_timeout_ms": 5000, "close_timeout_ms": 2000}


def target(port: int) -> dict[str, Any]:
    """Arguments of `socket.connect` for a port of the loopback."""
    return {"host": "127.0.0.1", "port": port, "deadline_ms": 5000}


def uri(port: int, path: str = "/") -> str:
    """URI of a server on the loopback."""
    return f"ws://127.0.0.1:{port}{path}"


def classes(error: dict[str, Any]) -> list[str]:
    """The class names of a chain."""
    return [link["class"] for link in error["chain"]]


def mptcp_is_there() -> bool:
    """Whether this host makes MPTCP sockets."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
    except OSError:
        return False
    return True
