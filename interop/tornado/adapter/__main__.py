"""Adapter of the `tornado` server. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from peer import IMPLEMENTATIONS, load

from mpws_foreign.start import main

main("tornado", IMPLEMENTATIONS, load, "tornado")
