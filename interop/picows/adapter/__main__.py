"""Adapter of the `picows` library. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from peer import IMPLEMENTATIONS, load

from mpws_foreign.start import main

main("picows", IMPLEMENTATIONS, load, "picows")
