"""Drives the adapter of a foreign library as the suite does: `MPWS_PEER=aiohttp MPWS_SITE=DIR python -m unittest` in this
folder. `DIR` holds the library.
"""

from __future__ import annotations

import ast
import errno
import os
import shutil
import struct
import sys
import tempfile
import unittest
from contextlib import closing
from pathlib import Path
from typing import Any

INTEROP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(1, str(INTEROP / "websockets" / "tests"))

from bare_end import CLOSE, TEXT, BareServer, bare_client
from imports import is_killed_for_asking, nursery, ready
from suite_end import LIMITS, Adapter, mptcp_is_there, target, uri

SITE = os.environ.get("MPWS_SITE", "")
NAME = os.environ.get("MPWS_PEER", "")
EXPECT_ALL = os.environ.get("MPWS_EXPECT_ALL") == "1"
DEADLINE = {"deadline_ms": 10_000}
CODE = 4321
# What a server answers to a close frame with this code, where it is not the same: RFC 6455 section 5.5.1 says "typically".
ANSWERS = {"aiohttp": 1000}
MESSAGE = {"type": "literal", "text": "Grüße"}


def peer_file() -> dict[str, Any]:
    """The `peer.toml`, which Python below 3.11 cannot read."""
    import tomllib

    return tomllib.loads((INTEROP / NAME / "peer.toml").read_text(encoding="utf-8"))


def implementations() -> tuple[str, ...]:
    """What the adapter calls its implementations, read without running it."""
    tree = ast.parse((INTEROP / NAME / "adapter" / "peer.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "IMPLEMENTATIONS":
            names: tuple[str, ...] = ast.literal_eval(node.value)
            return names
    raise AssertionError("peer.py names no implementations")


class Foreign(unittest.TestCase):
    """The tests that hold for every library; each for every implementation."""

    folder: str
    file: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        if not (SITE and NAME):
            raise (AssertionError if EXPECT_ALL else unittest.SkipTest)(
                "MPWS_SITE and MPWS_PEER do not name a library"
            )
        cls.file = peer_file()
        # The adapter as the command lays it out: shared modules first, its own last.
        cls.folder = tempfile.mkdtemp(prefix="mpws-adapter-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        python = cls.file["python"]
        folders = [INTEROP / shared for shared in python["shared"]]
        for source in (*folders, INTEROP / NAME / python["adapter"]):
            shutil.copytree(
                source,
                cls.folder,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("tests", "__pycache__"),
            )

    def start(self, implementation: str) -> Any:
        """A running adapter, which ends with the block."""
        return closing(Adapter(SITE, implementation, Path(self.folder)))

    def role(self, role: str) -> None:
        """Leaves out what the library is not."""
        if role not in self.file["roles"]:
            self.skipTest(f"{NAME} is no {role}")

    @property
    def hands_over(self) -> bool:
        """Whether sockets are handed to it."""
        return "sock-handover" in self.file["features"]

    def serve(self, adapter: Adapter, protocol: str = "tcp") -> tuple[int, int]:
        """A server of the library on a socket that was handed over."""
        return adapter.serve(protocol)

    def open(self, adapter: Adapter, port: int) -> Any:
        """The response to opening a connection, over TCP."""
        if self.hands_over:
            sock = adapter.connected("tcp", port)
            return adapter.ask("client.open", uri=uri(port), socket=sock, **LIMITS)
        return adapter.ask("client.open", uri=uri(port), protocol="tcp", **LIMITS)

    def talk(self, adapter: Adapter, port: int, answer: int) -> None:
        """Echo and close of a client; the server answers the close frame with this code."""
        opened = self.open(adapter, port)
        self.assertIn("ok", opened)
        connection = opened["ok"]["connection"]
        self.assertEqual(opened["ok"]["facts"]["so_protocol"], 6)
        adapter.do(
            "connection.send", connection=connection, message=MESSAGE, fragments=1, **DEADLINE
        )
        got = adapter.do("connection.receive", connection=connection, **DEADLINE)
        self.assertEqual((got["type"], got["size"]), ("text", len("Grüße".encode())))
        end = adapter.do(
            "connection.close", connection=connection, code=CODE, reason="so", **DEADLINE
        )
        self.assertEqual(end["code"], answer)

    def test_the_greeting_says_what_the_file_pins(self) -> None:
        python = self.file["python"]
        self.assertEqual(
            [one["name"] for one in python["implementations"]], list(implementations())
        )
        for implementation in implementations():
            with self.subTest(implementation), self.start(implementation) as adapter:
                self.assertEqual(adapter.hello["name"], python["library"])
                versions = [one["version"] for one in python["versions"]]
                self.assertIn(adapter.hello["version"], versions)

    def test_a_client_gets_its_message_and_its_close_code_back(self) -> None:
        self.role("client")
        for implementation in implementations():
            with self.subTest(implementation), self.start(implementation) as adapter:
                if "server" in self.file["roles"]:
                    server, port = self.serve(adapter)
                    self.talk(adapter, port, ANSWERS.get(NAME, CODE))
                    waited = adapter.do("server.wait", server=server, seen=1, ended=1, **DEADLINE)
                    (record,) = waited["connections"]
                    self.assertEqual(record["end"]["code"], CODE)
                    self.assertEqual(record["received_count"], 1)
                else:
                    bare = BareServer()
                    self.talk(adapter, bare.port, CODE)
                    bare.wait()
                    self.assertEqual(bare.close_code, CODE)

    def test_a_server_answers_a_bare_client(self) -> None:
        self.role("server")
        for implementation in implementations():
            with self.subTest(implementation), self.start(implementation) as adapter:
                server, port = self.serve(adapter)
                client = bare_client(port)
                client.write_frame(TEXT, b"hello")
                self.assertEqual(client.frame(), (TEXT, b"hello"))
                client.write_frame(CLOSE, struct.pack("!H", CODE))
                opcode, content = client.frame()
                answer = ANSWERS.get(NAME, CODE)
                self.assertEqual((opcode, content[:2]), (CLOSE, struct.pack("!H", answer)))
                client.close()
                waited = adapter.do("server.wait", server=server, seen=1, ended=1, **DEADLINE)
                (record,) = waited["connections"]
                self.assertEqual(record["end"]["code"], CODE)

    def test_a_refused_connect_keeps_its_errno(self) -> None:
        self.role("client")
        for implementation in implementations():
            with self.subTest(implementation), self.start(implementation) as adapter:
                # Bound and not listening: nobody else can have the port.
                bound = adapter.socket("tcp")
                port = adapter.do("socket.bind", socket=bound, host="127.0.0.1", port=0)["port"]
                if self.hands_over:
                    sock = adapter.socket("tcp")
                    error = adapter.error(
                        "socket.connect", socket=sock, **target(port), how="blocking"
                    )
                else:
                    error = self.open(adapter, port)["error"]
                errnos = [link.get("errno") for link in error["chain"]]
                self.assertIn(errno.ECONNREFUSED, errnos)

    def test_no_import_asks_for_mptcp(self) -> None:
        self.assertTrue(is_killed_for_asking())
        for implementation in implementations():
            with self.subTest(implementation):
                said = ready(Path(self.folder), SITE, implementation)
                self.assertEqual(said, {"nursery": nursery.PROTOCOL})

    def test_a_client_takes_the_socket_that_is_handed_over_and_closes_it(self) -> None:
        self.role("client")
        if not self.hands_over:
            self.skipTest(f"{NAME} makes its own sockets")
        for implementation in implementations():
            with self.subTest(implementation), self.start(implementation) as adapter:
                bare = BareServer()
                sock = adapter.connected("tcp", bare.port)
                local = adapter.do("socket.facts", socket=sock)["local"]
                opened = adapter.do("client.open", uri=uri(bare.port), socket=sock, **LIMITS)
                self.assertEqual(opened["facts"]["local"], local)
                connection = opened["connection"]
                adapter.do(
                    "connection.close", connection=connection, code=1000, reason="", **DEADLINE
                )
                bare.wait()
                self.assertFalse(adapter.do("socket.facts", socket=sock)["open"])

    def test_a_server_takes_the_socket_that_is_handed_over_and_closes_it(self) -> None:
        self.role("server")
        if not mptcp_is_there():
            raise (AssertionError if EXPECT_ALL else unittest.SkipTest)("no MPTCP on this host")
        for implementation in implementations():
            with self.subTest(implementation), self.start(implementation) as adapter:
                server, port = self.serve(adapter, "mptcp")
                state = adapter.do("server.state", server=server)
                (facts,) = state["sockets"]
                self.assertTrue(state["serving"])
                self.assertEqual((facts["so_protocol"], facts["local"]), (262, f"127.0.0.1:{port}"))
                adapter.do("server.stop", server=server, **DEADLINE)
                left = adapter.do("process.descriptors")["sockets"]
                self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
