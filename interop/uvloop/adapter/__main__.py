"""Adapter of `websockets` on the event loop `uvloop`. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from peer import IMPLEMENTATIONS, load

from mpws_foreign.start import main

main("uvloop", IMPLEMENTATIONS, load, "websockets")
