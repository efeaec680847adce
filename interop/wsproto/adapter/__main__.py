"""Adapter of the `wsproto` library. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from peer import IMPLEMENTATIONS, load

from mpws_foreign.start import main

main("wsproto", IMPLEMENTATIONS, load, "wsproto")
