"""A nursery: a process that has imported all that its peers need, and forks one for each launch.

It has no thread, no event loop, and no socket but the one to the suite; see docs/design/fork-server.md.

For each launch the suite sends one message, the folder to start in, a seccomp filter (hexadecimal
digits; empty: none) and the variables of the environment with NUL bytes between them, and these descriptors: the launch's own socket, standard
output, standard error, network namespace, PID namespace and, where the lab has one, user namespace.
Three forks follow. The first child enters the namespaces. The second is the first to be in the PID
namespace; it ends at once, so that the third, the peer, becomes a child of the lab's first process.
Without a user namespace the nursery may have its children born in the PID namespace, and the first
child is the second too.
What goes wrong before is told on the launch's socket; on the same socket the peer waits until the
suite has taken charge of it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import socket
import sys
from typing import Any

PROTOCOL = 2

# Modules that the library and asyncio import when they are first needed.
LATE_MODULES = ("concurrent.futures.thread", "encodings.idna", "queue")

MAX_MESSAGE = 128 * 1024
DESCRIPTORS = ("launch", "stdout", "stderr", "net", "pid", "user")

# linux/prctl.h, linux/seccomp.h
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SOCK_FILTER_BYTES = 8

# linux/sched.h; in the order in which they have to be entered
CLONE_FLAGS = {"user": 0x10000000, "net": 0x40000000, "pid": 0x20000000}


def serve() -> None:
    """Hears the suite on standard input and forks a peer for each launch, until the suite hangs up.

    Returns in the peers, and only there.
    """
    suite = _take_standard_input()
    for name in LATE_MODULES:
        importlib.import_module(name)
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/pid", os.O_RDONLY)
    # What there is now belongs to modules and stays; collections in the peers need not look at it,
    # and by looking copy it.
    gc.collect()
    gc.freeze()
    _say(suite, {"nursery": PROTOCOL})
    while True:
        launch = _Launch.receive(suite)
        child = launch.begin(libc, own)
        if child == 0:
            # Its number may soon be that of another descriptor, which this object must not close.
            suite.detach()
            launch.enter(libc)
            return
        launch.forget()
        entered = child is not None and os.waitpid(child, 0)[1] == 0
        _say(suite, {"entered": entered})


class _Launch:
    """One launch: what the peer is to have."""

    def __init__(self, text: bytes, descriptors: list[int]) -> None:
        self._folder, filter_digits, *variables = text.split(b"\0")
        self._filter = bytes.fromhex(filter_digits.decode())
        self._environment = dict(variable.split(b"=", 1) for variable in variables)
        self._descriptors = dict(zip(DESCRIPTORS, descriptors))
        # Without a user namespace it was root who made the lab, and may enter what is of it from anywhere.
        self._born_inside = "pid" in self._descriptors and "user" not in self._descriptors

    @staticmethod
    def receive(suite: socket.socket) -> _Launch:
        """Waits for the next launch; ends the process when there is none any more."""
        text, descriptors, flags, _ = socket.recv_fds(suite, MAX_MESSAGE, len(DESCRIPTORS))
        if not text:
            os._exit(0)
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ValueError("a launch is too long")
        return _Launch(text, descriptors)

    def forget(self) -> None:
        """Closes what came with the launch."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)

    def begin(self, libc: Any, own: int) -> int | None:
        """Forks the first child. What is in the nursery's way is told, and there is no child then.

        `own` is the PID namespace of the nursery, in which the children of other launches begin.
        """
        try:
            if not self._born_inside:
                return _bare_fork(libc)
            self._set_namespace(libc, "pid")
            child = -1
            try:
                child = _bare_fork(libc)
            finally:
                # The child cannot go back, and has no reason to.
                if child:
                    _checked(libc.setns(own, CLONE_FLAGS["pid"]), "setns back")
            return child
        except OSError as error:
            self._tell({"error": _words(error)})
            return None

    def enter(self, libc: Any) -> None:
        """Forks until the peer is where it belongs. Returns in the peer, and only there."""
        try:
            # An environment variable or a descriptor of the nursery must not last longer than it.
            os.environb.clear()
            os.environb.update(self._environment)
            os.chdir(self._folder)
            if self._born_inside:
                self._set_namespace(libc, "net")
            else:
                for kind in CLONE_FLAGS:
                    if kind in self._descriptors:
                        self._set_namespace(libc, kind)
                middle = _bare_fork(libc)
                if middle:
                    _, status = os.waitpid(middle, 0)
                    os._exit(0 if status == 0 else 1)
            # The lab's programs have neither session nor terminal in common with the suite.
            os.setsid()
            # The whole fork: with it the interpreter takes note that it is another process now.
            peer = os.fork()
            if peer:
                self._tell({"pid": peer})
                os._exit(0)
            if os.read(self._descriptors["launch"], 1) != b"g":
                os._exit(0)
            os.dup2(self._descriptors["stdout"], 1)
            os.dup2(self._descriptors["stderr"], 2)
            if self._filter:
                put_under(self._filter, libc)
            _close_all_but_standard()
        except BaseException as error:
            told = _words(error)
            self._tell({"error": told})
            # Who has let the peer go listens to its log only.
            os.write(2, f"nursery: {told}\n".encode("utf-8", "backslashreplace"))
            os._exit(1)

    def _set_namespace(self, libc: Any, kind: str) -> None:
        _checked(libc.setns(self._descriptors[kind], CLONE_FLAGS[kind]), f"setns {kind}")

    def _tell(self, fields: dict[str, Any]) -> None:
        try:
            os.write(self._descriptors["launch"], json.dumps(fields).encode())
        except OSError:
            pass  # the suite has gone


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def put_under(instructions: bytes, libc: Any) -> None:
    """Puts this process, which has one thread, and all that it starts under a seccomp filter."""
    program = _Program(len(instructions) // SOCK_FILTER_BYTES, instructions)
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    _checked(
        libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp"
    )


def _bare_fork(libc: Any) -> int:
    """A fork that lives for a moment, without what Python does to make a whole process of it."""
    child: int = libc.fork()
    _checked(min(child, 0), "fork")
    return child


def _take_standard_input() -> socket.socket:
    """The suite's socket, which came as standard input; the null device takes its place."""
    suite = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # Python looked at the old one when it made its object.
    old = sys.stdin
    sys.stdin = sys.__stdin__ = open(  # noqa: SIM115 - it lives as long as the process
        0, encoding=old.encoding, errors=old.errors, newline="\n", closefd=False
    )
    return suite


def _say(suite: socket.socket, fields: dict[str, Any]) -> None:
    try:
        suite.send(json.dumps(fields).encode())
    except OSError:
        os._exit(0)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), call)


def _close_all_but_standard() -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                pass  # the one by which the list was read
