"""What is asked of every implementation, and of those that run on an event loop. `test_adapter.py` runs it."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import socket
import struct
import threading
import unittest
from contextlib import closing
from typing import Any, ClassVar

from suite_end import (
    LIMITS,
    Adapter,
    classes,
    implementations,
    mptcp_is_there,
    target,
    tested_elsewhere,
    uri,
)

SITE = os.environ.get("MPWS_SITE", "")
EXPECT_ALL = os.environ.get("MPWS_EXPECT_ALL") == "1"
TRANSPORTS = ("tcp", "mptcp")
CONNECTION_CLOSED = "websockets.exceptions.ConnectionClosedError"
MESSAGES: tuple[dict[str, Any], ...] = (
    {"type": "text", "size": 65, "seed": 7},
    {"type": "binary", "size": 100_000, "seed": 2**63},
    {"type": "text", "size": 0, "seed": 0},
    {"type": "literal", "text": "Grüße, \U0001f600"},
)


def digest(message: dict[str, Any]) -> dict[str, Any]:
    """What must be reported of a message, worked out a second time."""
    kind = message["type"]
    if kind == "literal":
        content = message["text"].encode()
    else:
        shake = hashlib.shake_256(str(message["seed"]).encode())
        size = message["size"]
        content = shake.digest(size) if kind == "binary" else shake.hexdigest(size).encode()[:size]
    return {
        "type": "binary" if kind == "binary" else "text",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def unused_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def skip(test: unittest.TestCase, reason: str) -> None:
    """Skips aloud, or fails where everything is expected."""
    if EXPECT_ALL:
        test.fail(reason)
    print(f"skipped: {reason}")
    test.skipTest(reason)


def of_the_adapter_alone(test: Any) -> Any:
    """Marks a test that no version of the library can change: it runs with the versions of ordinary runs only, and with
    any version where the implementation is in none of them."""
    test.of_the_adapter_alone = True
    return test


class Conversation:
    """The tests that hold for every implementation."""

    implementation: ClassVar[str]
    # Operations that it carries out at once.
    slots: ClassVar[int] = 1024

    def setUp(self: Any) -> None:
        if not SITE:
            skip(self, "MPWS_SITE does not name a folder with websockets")
        if not mptcp_is_there():
            skip(self, "this host has no MPTCP")
        if self.implementation not in implementations(SITE):
            # test_peer_file.py makes sure that nobody expects it.
            self.skipTest(f"this version has no {self.implementation}")
        test = getattr(self, self._testMethodName)
        if hasattr(test, "of_the_adapter_alone") and tested_elsewhere(SITE, self.implementation):
            self.skipTest("a version of ordinary runs is enough")
        self.adapter = Adapter(SITE, self.implementation)
        self.addCleanup(self.adapter.close)

    def test_hello_tells_protocol_and_implementation(self: Any) -> None:
        hello = self.adapter.hello
        self.assertEqual(hello["protocol"], 1)
        self.assertEqual(hello["name"], "websockets")
        self.assertEqual(hello["implementation"], self.implementation)
        self.assertRegex(hello["runtime"], r"^\w+ 3\.\d+\.\d+$")
        self.assertEqual(
            set(hello), {"protocol", "name", "version", "implementation", "runtime", "libc"}
        )

    def test_every_message_comes_back_over_both_transports(self: Any) -> None:
        for transport in TRANSPORTS:
            with self.subTest(transport), closing(Adapter(SITE, self.implementation)) as client:
                _, port = self.adapter.serve(transport)
                connection = client.open(transport, port)["connection"]
                for message in MESSAGES:
                    for fragments in (1, 5):
                        client.do(
                            "connection.send",
                            connection=connection,
                            message=message,
                            fragments=fragments,
                            deadline_ms=5000,
                        )
                        got = client.do(
                            "connection.receive", connection=connection, deadline_ms=5000
                        )
                        self.assertEqual(got, digest(message))

    def test_facts_tell_mptcp_from_tcp_at_both_ends(self: Any) -> None:
        for transport in TRANSPORTS:
            with self.subTest(transport):
                server, port = self.adapter.serve(transport)
                facts = self.adapter.open(transport, port)["facts"]
                (record,) = self.adapter.do(
                    "server.wait", server=server, seen=1, ended=0, deadline_ms=5000
                )["connections"]
                for end in (facts, record["facts"]):
                    self.assertEqual(end["is_mptcp"], transport == "mptcp")
                    self.assertEqual(end["so_protocol"], 262 if transport == "mptcp" else 6)
                    self.assertEqual("token" in end, transport == "mptcp")
                self.assertEqual(facts["local"], record["facts"]["remote"])

    def test_a_tcp_client_of_an_mptcp_listener_is_told_by_the_kernel_not_by_the_object(
        self: Any,
    ) -> None:
        server, port = self.adapter.serve("mptcp")
        self.adapter.open("tcp", port)
        state = self.adapter.do("server.wait", server=server, seen=1, ended=0, deadline_ms=5000)
        facts = state["connections"][0]["facts"]
        self.assertEqual((facts["api_protocol"], facts["so_protocol"]), (262, 6))

    def test_each_message_leaves_in_the_number_of_frames_asked_for(self: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = self.adapter.connected("tcp", listener.getsockname()[1])
            peer, _ = listener.accept()
        with peer:
            peer.settimeout(10)
            opening = self.adapter.post(
                "client.open", uri=uri(1), socket=sock, **{**LIMITS, "close_timeout_ms": 10}
            )
            upgrade(peer)
            connection = self.adapter.response(opening)["ok"]["connection"]
            for fragments in (1, 2, 3, 64):
                self.adapter.do(
                    "connection.send",
                    connection=connection,
                    message={"type": "text", "size": 100, "seed": 1},
                    fragments=fragments,
                    deadline_ms=5000,
                )
                self.assertEqual(frames_of_a_message(peer), fragments)

    @of_the_adapter_alone
    def test_what_is_not_known_is_unsupported(self: Any) -> None:
        asked: list[tuple[str, dict[str, Any]]] = [
            ("socket.melt", {}),
            ("socket.pair", {"colour": "red"}),
            ("socket.create", {"family": "v4"}),
            ("socket.create", {"family": "v5", "protocol": "tcp"}),
            ("socket.create", {"family": "v4", "protocol": "tcp", "by_constant": 1}),
        ]
        behaviours: list[dict[str, Any]] = [
            {"kind": "script", "steps": []},
            {"kind": "faulty-echo", "fault": "alter"},
            {"kind": "echo", "loud": True},
        ]
        asked += [("server.start", {"behaviour": each, **LIMITS}) for each in behaviours]
        asked += [
            ("server.start", {"behaviour": {"kind": "echo"}, "form": "hook-line", **LIMITS}),
            ("client.open", {"uri": "ws://x/", "tls": {"ca": "a", "key": "b"}, **LIMITS}),
        ]
        for op, args in asked:
            with self.subTest(op=op, args=args):
                self.assertTrue(self.adapter.refusal(op, **args))

    @of_the_adapter_alone
    def test_a_number_that_was_never_given_is_an_error(self: Any) -> None:
        self.assertEqual(
            classes(self.adapter.error("socket.facts", socket=4711)), ["mpws.NoSuchNumber"]
        )

    def test_an_unconnected_socket_fails_as_documented_and_is_closed(self: Any) -> None:
        for transport in TRANSPORTS:
            with self.subTest(transport):
                sock = self.adapter.socket(transport)
                error = self.adapter.error("client.open", uri=uri(1), socket=sock, **LIMITS)
                self.check_unconnected(classes(error))
                self.assertFalse(error["socket_after"]["open"])

    @of_the_adapter_alone
    def test_a_refused_connect_keeps_its_errno_and_its_socket(self: Any) -> None:
        sock = self.adapter.socket("mptcp")
        error = self.adapter.error(
            "socket.connect", socket=sock, **target(unused_port()), how="blocking"
        )
        self.assertEqual(classes(error), ["ConnectionRefusedError"])
        self.assertEqual(error["chain"][0]["errno"], 111)
        self.assertTrue(self.adapter.do("socket.facts", socket=sock)["open"])

    def test_a_closed_socket_is_reported_as_such(self: Any) -> None:
        sock = self.adapter.socket("mptcp")
        self.adapter.do("socket.close", socket=sock)
        error = self.adapter.error("client.open", uri=uri(1), socket=sock, **LIMITS)
        self.assertEqual(error["chain"][0]["errno"], 9)
        self.assertFalse(self.adapter.do("socket.facts", socket=sock)["open"])

    def test_the_log_holds_the_request(self: Any) -> None:
        _, port = self.adapter.serve()
        self.adapter.open("tcp", port)
        lines = self.adapter.do("process.log", containing="> GET / HTTP/1.1")["lines"]
        self.assertTrue(lines)

    def test_a_close_code_is_seen_at_both_ends(self: Any) -> None:
        server, port = self.adapter.serve(
            behaviour={"kind": "close", "code": 4001, "reason": "bye"}
        )
        connection = self.adapter.open("tcp", port)["connection"]
        self.send(connection)
        end = self.adapter.do("connection.ended", connection=connection, deadline_ms=5000)
        self.assertEqual((end["code"], end["reason"]), (4001, "bye"))
        self.assertEqual(classes(end["error"])[0], CONNECTION_CLOSED)
        state = self.adapter.do("server.wait", server=server, seen=1, ended=1, deadline_ms=5000)
        (record,) = state["connections"]
        self.assertEqual((record["end"]["code"], record["end"]["reason"]), (4001, "bye"))
        self.assertEqual(record["received"], [digest({"type": "binary", "size": 4, "seed": 1})])

    def test_a_normal_close_is_no_error(self: Any) -> None:
        server, port = self.adapter.serve()
        connection = self.adapter.open("tcp", port)["connection"]
        end = self.adapter.do(
            "connection.close", connection=connection, code=1000, reason="", deadline_ms=5000
        )
        self.assertEqual(end["code"], 1000)
        state = self.adapter.do("server.wait", server=server, seen=1, ended=1, deadline_ms=5000)
        self.assertNotIn("error", state["connections"][0]["end"])

    def test_behaviours_answer_twice_and_in_pairs(self: Any) -> None:
        for kind, writes, answers in (("answer-twice", 1, 2), ("answer-pairs", 2, 1)):
            with self.subTest(kind):
                _, port = self.adapter.serve(behaviour={"kind": kind})
                connection = self.adapter.open("tcp", port)["connection"]
                burst = self.adapter.do(
                    "connection.burst",
                    connection=connection,
                    writes=writes,
                    answers=answers,
                    fragments=1,
                    size=64,
                    rounds=5,
                    deadline_ms=10_000,
                )
                self.assertEqual(len(burst["rounds_us"]), 5)
                error = self.adapter.error(
                    "connection.receive", connection=connection, deadline_ms=1
                )
                self.assertEqual(classes(error)[0], "mpws.Deadline")

    def test_a_server_answers_every_message_with_the_wanted_number_of_bytes(self: Any) -> None:
        _, port = self.adapter.serve(behaviour={"kind": "answer-with", "size": 70_000})
        connection = self.adapter.open("tcp", port)["connection"]
        for _ in range(2):
            self.adapter.do(
                "connection.send",
                connection=connection,
                message={"type": "binary", "size": 1, "seed": 3},
                fragments=1,
                deadline_ms=5000,
            )
            answer = self.adapter.do("connection.receive", connection=connection, deadline_ms=5000)
            self.assertEqual(answer["size"], 70_000)

    def test_compression_is_off_unless_asked_for(self: Any) -> None:
        for deflate in (False, True):
            with self.subTest(deflate=deflate):
                _, port = self.adapter.serve(deflate=deflate)
                opened = self.adapter.open("tcp", port, deflate=deflate)
                expected = ["permessage-deflate"] if deflate else []
                self.assertEqual(opened["extensions"], expected)

    def test_a_pending_open_blocks_nothing_else(self: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            sock = self.adapter.connected("tcp", silent.getsockname()[1])
            peer, _ = silent.accept()
            server, port = self.adapter.serve()
            pending = self.adapter.post("client.open", uri=uri(1), socket=sock, **LIMITS)
            other = self.adapter.open("tcp", port)
            self.adapter.do("server.wait", server=server, seen=1, ended=0, deadline_ms=5000)
            state = self.adapter.do("server.state", server=server)
            self.assertTrue(state["serving"])
            self.assertEqual(len(state["connections"]), 1)
            self.assertTrue(other["facts"]["open"])
            peer.close()
            self.assertNotIn("ok", self.adapter.response(pending))

    def test_waiting_ends_at_the_deadline_without_an_error(self: Any) -> None:
        server, _ = self.adapter.serve()
        state = self.adapter.do("server.wait", server=server, seen=1, ended=1, deadline_ms=20)
        self.assertEqual(state["connections"], [])

    def test_stopping_a_server_closes_its_socket(self: Any) -> None:
        server, port = self.adapter.serve("mptcp")
        self.adapter.do("server.stop", server=server, deadline_ms=5000)
        self.assertFalse(self.adapter.do("server.state", server=server)["serving"])
        error = self.adapter.error(
            "socket.connect", socket=self.adapter.socket("mptcp"), **target(port), how="blocking"
        )
        self.assertEqual(classes(error), ["ConnectionRefusedError"])

    @of_the_adapter_alone
    def test_descriptors_lists_what_is_open_and_nothing_of_its_own(self: Any) -> None:
        self.assertEqual(self.adapter.do("process.descriptors")["sockets"], [])
        sock, port = self.adapter.listener("mptcp")
        (facts,) = self.adapter.do("process.descriptors")["sockets"]
        self.assertEqual(facts["local"], f"127.0.0.1:{port}")
        self.adapter.do("socket.close", socket=sock)
        self.assertEqual(self.adapter.do("process.descriptors")["sockets"], [])

    @of_the_adapter_alone
    def test_options_that_are_set_stand_among_the_facts(self: Any) -> None:
        sock = self.adapter.socket("tcp")
        for option, value in (("keepidle", 33), ("tos", 16)):
            self.adapter.do("socket.set", socket=sock, option=option, value=value)
        options = self.adapter.do("socket.facts", socket=sock)["options"]
        self.assertEqual((options["keepidle"], options["tos"]), (33, 16))

    @of_the_adapter_alone
    def test_without_free_descriptors_no_socket_is_made_until_the_limit_is_lifted(
        self: Any,
    ) -> None:
        self.adapter.do("process.limit", free=0)
        error = self.adapter.error("socket.create", family="v4", protocol="tcp")
        self.assertEqual(error["chain"][0]["errno"], errno.EMFILE)
        self.adapter.do("process.limit")
        self.adapter.socket("tcp")

    @of_the_adapter_alone
    def test_a_rewrapped_socket_says_tcp_and_is_mptcp(self: Any) -> None:
        old = self.adapter.socket("mptcp")
        new = self.adapter.do("socket.rewrap", socket=old)["socket"]
        facts = self.adapter.do("socket.facts", socket=new)
        self.assertEqual((facts["api_protocol"], facts["so_protocol"]), (6, 262))
        self.assertFalse(self.adapter.do("socket.facts", socket=old)["open"])

    @of_the_adapter_alone
    def test_an_option_that_mptcp_refuses_comes_back_as_errno(self: Any) -> None:
        sock = self.adapter.socket("mptcp")
        self.adapter.do("socket.set", socket=sock, option="nodelay", value=1)
        self.assertTrue(self.adapter.do("socket.facts", socket=sock)["nodelay"])
        error = self.adapter.error("socket.set", socket=sock, option="syncnt", value=3)
        self.assertEqual(error["chain"][0]["errno"], 92)

    @of_the_adapter_alone
    def test_hanging_up_ends_the_adapter_whatever_it_waits_for(self: Any) -> None:
        _, port = self.adapter.serve()
        connection = self.adapter.open("tcp", port)["connection"]
        self.adapter.post("connection.receive", connection=connection, deadline_ms=3_600_000)
        self.assertEqual(self.adapter.hang_up(), 0)

    @of_the_adapter_alone
    def test_a_flood_of_requests_is_answered_to_the_last(self: Any) -> None:
        sock = self.adapter.socket("tcp")
        count = 5000
        numbers: list[int] = []
        flood = threading.Thread(
            target=lambda: numbers.extend(
                self.adapter.post("socket.facts", socket=sock) for _ in range(count)
            )
        )
        first = sock + 1
        flood.start()
        for number in range(first, first + count):
            self.assertTrue(self.adapter.response(number)["ok"]["open"])
        flood.join()
        self.assertEqual(numbers, list(range(first, first + count)))

    @of_the_adapter_alone
    def test_hanging_up_on_a_full_adapter_ends_it(self: Any) -> None:
        server, _ = self.adapter.serve()
        # More than it carries out at once, so that it stops reading before the end of the file.
        for _ in range(self.slots + 20):
            self.adapter.post("server.wait", server=server, seen=1, ended=1, deadline_ms=3_600_000)
        self.assertEqual(self.adapter.hang_up(), 0)

    @of_the_adapter_alone
    def test_answers_that_nobody_reads_do_not_keep_it_alive(self: Any) -> None:
        line = b'{"id":1000,"op":"process.descriptors","args":{}}\n'
        self.adapter.control.setblocking(False)
        try:
            while True:
                self.adapter.control.send(line * 100)
        except BlockingIOError:
            self.assertEqual(self.adapter.hang_up(), 0)

    @of_the_adapter_alone
    def test_a_line_that_is_no_request_ends_the_adapter_with_an_error(self: Any) -> None:
        self.adapter.control.sendall(b"[1, 2]\n")
        self.assertEqual(self.adapter.process.wait(10), 2)

    @of_the_adapter_alone
    def test_a_line_without_end_ends_the_adapter_with_an_error(self: Any) -> None:
        try:
            self.adapter.control.sendall(b" " * (1 << 21))
        except OSError:
            pass
        self.assertEqual(self.adapter.process.wait(10), 2)

    def send(self: Any, connection: int) -> None:
        """Sends a small message."""
        self.adapter.do(
            "connection.send",
            connection=connection,
            message={"type": "binary", "size": 4, "seed": 1},
            fragments=1,
            deadline_ms=5000,
        )


class LoopConversation(Conversation):
    """The tests that hold for `legacy` and `asyncio`."""

    def test_the_published_recipe_does_what_the_c_library_allows(self: Any) -> None:
        _, port = self.adapter.serve("mptcp")
        response = self.adapter.ask(
            "socket.connect",
            socket=self.adapter.socket("mptcp"),
            **target(port),
            how="sock-connect",
        )
        try:
            socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM, proto=262)
        except socket.gaierror as refused:
            (link,) = response["error"]["chain"]
            self.assertEqual((link["class"], link["errno"]), ("socket.gaierror", refused.errno))
        else:
            self.assertEqual(response["ok"], {"errno": 0})

    def test_the_ways_around_the_recipe_connect_with_mptcp(self: Any) -> None:
        _, port = self.adapter.serve("mptcp")
        for way in ("executor", "add-writer"):
            with self.subTest(way):
                sock = self.adapter.socket("mptcp")
                self.adapter.do("socket.connect", socket=sock, **target(port), how=way)
                opened = self.adapter.do("client.open", uri=uri(port), socket=sock, **LIMITS)
                self.assertTrue(opened["facts"]["is_mptcp"])

    def test_a_connect_in_progress_works(self: Any) -> None:
        _, port = self.adapter.serve("mptcp")
        sock = self.adapter.socket("mptcp")
        started = self.adapter.do("socket.connect", socket=sock, **target(port), how="start")
        self.assertIn(started["errno"], (0, 115))
        opened = self.adapter.do("client.open", uri=uri(port), socket=sock, **LIMITS)
        self.assertTrue(opened["facts"]["is_mptcp"])

    def test_host_beside_a_socket_is_refused_and_leaks_the_socket(self: Any) -> None:
        _, port = self.adapter.serve("mptcp")
        sock = self.adapter.connected("mptcp", port)
        error = self.adapter.error(
            "client.open", uri=uri(port), socket=sock, host="127.0.0.1", port=port, **LIMITS
        )
        self.assertEqual(classes(error), ["ValueError"])
        self.assertTrue(error["socket_after"]["open"])

    def test_a_refused_iteration_is_counted_as_a_retry(self: Any) -> None:
        if self.implementation == "asyncio" and self.adapter.version < (13, 1):
            self.skipTest("13.0 has no iterator")
        iterated = self.adapter.do(
            "client.iterate", uri=uri(unused_port()), attempts=1, deadline_ms=10_000
        )
        self.assertEqual(iterated["connections"], 0)
        self.assertEqual(classes(iterated["retries"][0]), ["ConnectionRefusedError"])
        self.assertNotIn("error", iterated)

    def test_an_iteration_with_a_socket_uses_it_once(self: Any) -> None:
        if self.implementation == "asyncio" and self.adapter.version < (13, 1):
            self.skipTest("13.0 has no iterator")
        _, port = self.adapter.serve()
        sock = self.adapter.connected("tcp", port)
        iterated = self.adapter.do(
            "client.iterate", uri=uri(port), socket=sock, attempts=2, deadline_ms=10_000
        )
        self.assertEqual(iterated["connections"], 1)
        self.assertEqual(iterated["retries"][0]["chain"][0]["errno"], 9)


def upgrade(peer: socket.socket) -> None:
    """Answers the opening handshake (RFC 6455 section 4.2.2)."""
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += peer.recv(4096)
    fields = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:-2])
    key = fields[b"Sec-WebSocket-Key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key).digest())
    peer.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def frames_of_a_message(peer: socket.socket) -> int:
    """Reads masked frames up to one with FIN; returns how many (RFC 6455 section 5.2)."""
    count = 0
    while True:
        head = exactly(peer, 2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", exactly(peer, 2))
        exactly(peer, 4 + length)
        count += 1
        if head[0] & 0x80:
            return count


def exactly(peer: socket.socket, size: int) -> bytes:
    """Reads so many bytes."""
    got = b""
    while len(got) < size:
        chunk = peer.recv(size - len(got))
        if not chunk:
            raise AssertionError("end of file inside a frame")
        got += chunk
    return got
