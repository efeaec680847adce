"""Command line, hello, and the choice of the implementation."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from .control import Control, fault
from .logs import Log

PROTOCOL = 1
IMPLEMENTATIONS = ("legacy", "asyncio", "sync", "trio")
INTERPRETERS = {"cpython": "CPython", "pypy": "PyPy"}
# Set where this process is to be a nursery, and not a peer (docs/design/fork-server.md).
NURSERY = "MPWS_NURSERY_PROTOCOL"


def main() -> None:
    """Serves the suite until it hangs up."""
    site, implementation = arguments(sys.argv[1:], IMPLEMENTATIONS)
    if not os.environ.get("MPWS_CONTROL") and not os.environ.get(NURSERY):
        fault("MPWS_CONTROL is not set")
    sys.path.insert(1, site)
    log = Log()
    log.install()
    try:
        version = importlib.import_module("websockets.version").version
        client = importlib.import_module(f"websockets.{implementation}.client")
        server = importlib.import_module(f"websockets.{implementation}.server")
    except ImportError as error:
        fault(f"websockets.{implementation} does not load from {site}: {error!r}")
    form = _form(implementation)
    # After the imports: trio, which has never run on a Python without it, is not to be loaded without it.
    take_out_constant()
    try:
        if os.environ.get(NURSERY):
            from . import nursery

            # Returns in its children, which go on as if they had come here by themselves.
            nursery.serve()
        control = Control(os.environ["MPWS_CONTROL"], form.SLOTS)
        control.hello(_hello(version, implementation))
        form.run(control, log, client, server)
    except Exception as error:
        fault(repr(error))


def _form(implementation: str) -> Any:
    if implementation == "sync":
        from . import threaded

        return threaded
    if implementation == "trio":
        from . import trio_loop

        return trio_loop
    from . import event_loop

    return event_loop


def take_out_constant() -> None:
    """Where the suite wants it, makes the socket module that of Python 3.9 and older, which lacks IPPROTO_MPTCP."""
    if os.environ.get("MPWS_WITHOUT_CONSTANT") and hasattr(socket, "IPPROTO_MPTCP"):
        del socket.IPPROTO_MPTCP


def arguments(words: list[str], implementations: Sequence[str]) -> tuple[str, str]:
    """The library's folder and the implementation, from the command line."""
    given: dict[str, str] = dict(zip(words[::2], words[1::2]))
    implementation = given.get("--implementation", "")
    if set(given) != {"--site", "--implementation"} or len(words) != 4:
        fault(f"usage: adapter --site DIR --implementation {'|'.join(implementations)}")
    if implementation not in implementations:
        fault(f"no implementation {implementation!r}")
    return given["--site"], implementation


def _hello(version: str, implementation: str) -> dict[str, Any]:
    return {
        "protocol": PROTOCOL,
        "name": "websockets",
        "version": version,
        "implementation": implementation,
        "runtime": runtime(),
        "libc": libc(),
    }


def runtime() -> str:
    """The interpreter and its version."""
    interpreter = INTERPRETERS.get(sys.implementation.name, sys.implementation.name)
    return "{} {}.{}.{}".format(interpreter, *sys.version_info[:3])


def libc() -> str:
    """The C library and its version."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        name = None
    return name or _musl()


def _musl() -> str:
    """musl has no call that tells its version; its loader prints it when run without arguments."""
    import glob
    import subprocess

    for loader in glob.glob("/lib/ld-musl-*.so.1"):
        done = subprocess.run(
            [loader], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        for line in done.stderr.splitlines():
            if line.startswith("Version "):
                return f"musl {line.split()[1]}"
        return "musl"
    return "unknown"
