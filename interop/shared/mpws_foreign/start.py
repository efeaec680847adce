"""Command line and hello of an adapter, and the way into the event loop."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Callable

from mpws_adapter import event_loop, nursery
from mpws_adapter.control import Control, fault
from mpws_adapter.logs import Log
from mpws_adapter.start import NURSERY, PROTOCOL, arguments, libc, runtime, take_out_constant

# Gives the library's version, and its client and server in the shape of `websockets`.
Load = Callable[[str], "tuple[str, Any, Any]"]


def main(name: str, implementations: Sequence[str], load: Load, logger: str) -> None:
    """Serves the suite until it hangs up; `load` imports the library for an implementation."""
    site, implementation = arguments(sys.argv[1:], implementations)
    if not os.environ.get("MPWS_CONTROL") and not os.environ.get(NURSERY):
        fault("MPWS_CONTROL is not set")
    take_out_constant()
    sys.path.insert(1, site)
    log = Log()
    log.install(logger)
    try:
        version, client, server = load(implementation)
    except ImportError as error:
        fault(f"{name} does not load from {site}: {error!r}")
    try:
        if os.environ.get(NURSERY):
            # Returns in its children, which go on as if they had come here by themselves.
            nursery.serve()
        control = Control(os.environ["MPWS_CONTROL"], event_loop.SLOTS)
        control.hello(
            {
                "protocol": PROTOCOL,
                "name": name,
                "version": version,
                "implementation": implementation,
                "runtime": runtime(),
                "libc": libc(),
            }
        )
        event_loop.run(control, log, client, server)
    except Exception as error:
        fault(repr(error))
