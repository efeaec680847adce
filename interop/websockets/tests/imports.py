"""Whether imports ask for MPTCP: they are made where whoever does is killed."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from suite_end import ADAPTER, PATIENCE

sys.path.insert(1, str(ADAPTER))

from mpws_adapter import nursery

ASKS = "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)"
# socket(2) by machine; linux/filter.h and linux/seccomp.h: look at the call's number and at its third argument.
NUMBERS = {"x86_64": 41, "aarch64": 198}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, PROTOCOL_AT = 0, 32
KILL, ALLOW = 0x80000000, 0x7FFF0000


def is_killed_for_asking() -> bool:
    """Whether the trap works: a program that does ask for MPTCP dies of it."""
    done = subprocess.run([sys.executable, "-c", ASKS], preexec_fn=_trap, check=False)
    return done.returncode == -signal.SIGSYS


def ready(adapter: Path, site: str, implementation: str) -> dict[str, int] | None:
    """What a nursery says when all its imports are made; `None` where it was killed."""
    suite, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    suite.settimeout(PATIENCE)
    words = [sys.executable, "-I", "-S", str(adapter)]
    words += ["--site", site, "--implementation", implementation]
    environment = {**os.environ, "MPWS_NURSERY_PROTOCOL": str(nursery.PROTOCOL)}
    with suite:
        with theirs:
            process = subprocess.Popen(
                words,
                env=environment,
                stdin=theirs,
                preexec_fn=_trap,  # noqa: PLW1509 - this process has one thread
            )
        said = suite.recv(1 << 16)
    process.wait(PATIENCE)
    said_in_json: dict[str, int] | None = json.loads(said) if said else None
    return said_in_json


def _trap() -> None:
    number = NUMBERS[os.uname().machine]
    steps = (
        (LOAD, 0, 0, NUMBER_AT),
        (EQUAL, 0, 3, number),
        (LOAD, 0, 0, PROTOCOL_AT),
        (EQUAL, 0, 1, 262),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, ALLOW),
    )
    instructions = b"".join(struct.pack("=HBBI", *step) for step in steps)
    nursery.put_under(instructions, ctypes.CDLL(None, use_errno=True))
