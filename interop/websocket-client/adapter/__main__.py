"""Adapter of the `websocket-client` library. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from peer import IMPLEMENTATIONS, load

from mpws_foreign.start import main

main("websocket-client", IMPLEMENTATIONS, load, "websocket")
