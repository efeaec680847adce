"""What a fork of the nursery is, seen from inside: `python -m unittest` in this folder.

It needs neither the library nor a lab: without namespaces beside the launch the peer stays where the
nursery is.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from contextlib import closing
from typing import Any

from suite_end import ADAPTER, PATIENCE

PEER = """
import json, os, random, sys, threading
sys.path.insert(0, sys.argv[1])
before = os.getpid()
from mpws_adapter import nursery
nursery.serve()
descriptors = {}
for name in os.listdir("/proc/self/fd"):
    try:
        descriptors[name] = os.readlink(f"/proc/self/fd/{name}").split(":")[0]
    except OSError:
        pass  # the one by which the list was read
print(json.dumps({
    "env": dict(os.environ), "folder": os.getcwd(), "arguments": sys.argv[2:],
    "descriptors": descriptors, "another": os.getpid() != before, "random": random.random(),
    "threads": threading.active_count(), "session": os.getsid(0), "stdin": sys.stdin.read(),
    "seccomp": [line for line in open("/proc/self/status") if line.startswith("Seccomp:")],
    "shell": os.popen("echo $GIVEN$NURSERY_ONLY").read(),
}))
sys.stdout.flush()
print("to stderr", file=sys.stderr)
"""


class Forks(unittest.TestCase):
    """One nursery, and forks of it."""

    def setUp(self) -> None:
        self.filter = ""
        self.folder = tempfile.mkdtemp(prefix="mpws-")
        self.addCleanup(os.rmdir, self.folder)
        self.suite, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.suite.settimeout(PATIENCE)
        environment = {"NURSERY_ONLY": "x", "MPWS_NURSERY_PROTOCOL": "1"}
        words = [sys.executable, "-I", "-S", "-c", PEER, str(ADAPTER), "an", "argument"]
        with theirs:
            self.process = subprocess.Popen(words, env=environment, stdin=theirs)
        self.addCleanup(self.end)
        self.assertEqual(self.hear(), {"nursery": 2})

    def end(self) -> None:
        """The nursery exits when the suite hangs up."""
        self.suite.close()
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def hear(self) -> Any:
        """One message of the nursery."""
        return json.loads(self.suite.recv(1 << 16))

    def begin(
        self, folder: str, output: int, namespaces: tuple[int, ...] = ()
    ) -> tuple[Any, socket.socket]:
        """Asks for a fork; its standard streams go to `output`."""
        launch, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        launch.settimeout(PATIENCE)
        text = f"{folder}\0{self.filter}\0GIVEN=a=b\0EMPTY=\0GIVEN=later"
        with theirs:
            descriptors = [theirs.fileno(), output, output, *namespaces]
            socket.send_fds(self.suite, [text.encode()], descriptors)
            answer = self.hear()
        return answer, launch

    def peer(self) -> tuple[dict[str, Any], str]:
        """What a fork says on its two streams."""
        reading, writing = os.pipe()
        with open(reading, encoding="utf-8") as output:
            with open(writing, "wb"):
                answer, launch = self.begin(self.folder, writing)
            self.assertEqual(answer, {"entered": True})
            with closing(launch):
                self.assertEqual(list(json.loads(launch.recv(100))), ["pid"])
                launch.send(b"g")
                first, _, rest = output.read().partition("\n")
        return json.loads(first), rest

    def test_it_has_the_environment_of_its_launch_and_nothing_of_the_nurserys(self) -> None:
        seen, _ = self.peer()
        self.assertEqual(seen["env"], {"GIVEN": "later", "EMPTY": ""})
        self.assertEqual(seen["shell"], "later\n")

    def test_it_starts_in_its_folder_with_the_arguments_of_the_nursery(self) -> None:
        seen, _ = self.peer()
        self.assertEqual(seen["folder"], os.path.realpath(self.folder))
        self.assertEqual(seen["arguments"], ["an", "argument"])

    def test_it_has_its_standard_streams_and_no_other_descriptor(self) -> None:
        seen, rest = self.peer()
        self.assertEqual(seen["descriptors"], {"0": "/dev/null", "1": "pipe", "2": "pipe"})
        self.assertEqual((seen["stdin"], rest), ("", "to stderr\n"))

    def test_it_has_one_thread_and_no_session_in_common_with_the_suite(self) -> None:
        seen, _ = self.peer()
        self.assertEqual((seen["another"], seen["threads"]), (True, 1))
        self.assertNotEqual(seen["session"], os.getsid(0))

    def test_a_filter_is_put_on_the_peer_and_on_no_other(self) -> None:
        # BPF_RET | BPF_K, SECCOMP_RET_ALLOW
        self.filter = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000).hex()
        self.assertEqual(self.peer()[0]["seccomp"], ["Seccomp:\t2\n"])
        self.filter = ""
        self.assertEqual(self.peer()[0]["seccomp"], ["Seccomp:\t0\n"])

    def test_a_filter_that_the_kernel_refuses_ends_the_peer_and_is_told_in_its_log(self) -> None:
        self.filter = bytes(8).hex()
        reading, writing = os.pipe()
        with open(reading, encoding="utf-8") as output:
            with open(writing, "wb"):
                _, launch = self.begin(self.folder, writing)
            with closing(launch):
                launch.recv(100)
                launch.send(b"g")
                self.assertIn("nursery: OSError: [Errno 22]", output.read())

    def test_two_forks_draw_different_random_numbers(self) -> None:
        self.assertNotEqual(self.peer()[0]["random"], self.peer()[0]["random"])

    def test_a_folder_that_is_not_there_is_told_and_the_next_launch_works(self) -> None:
        with open(os.devnull, "wb") as null:
            answer, launch = self.begin("/no/such/folder", null.fileno())
        with closing(launch):
            self.assertIn("/no/such/folder", json.loads(launch.recv(1000))["error"])
        self.assertEqual(answer, {"entered": False})
        self.peer()

    def test_namespaces_that_are_none_are_told_and_the_next_launch_works(self) -> None:
        with open(os.devnull, "wb") as null:
            # Network and PID namespace, and with a third one a user namespace.
            for kind, count in (("pid", 2), ("user", 3)):
                namespaces = (null.fileno(),) * count
                answer, launch = self.begin(self.folder, null.fileno(), namespaces)
                with closing(launch):
                    self.assertIn(f"setns {kind}", json.loads(launch.recv(1000))["error"])
                self.assertEqual(answer, {"entered": False})
        self.peer()

    def test_it_does_not_begin_when_the_suite_goes_before_it_says_so(self) -> None:
        reading, writing = os.pipe()
        with open(reading, "rb") as output:
            with open(writing, "wb"):
                _, launch = self.begin(self.folder, writing)
            launch.close()
            # Ends when the fork, which holds the other end of the pipe, has ended.
            self.assertEqual(output.read(), b"")


if __name__ == "__main__":
    unittest.main()
