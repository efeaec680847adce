"""Adapter of the `uvicorn` server. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from peer import IMPLEMENTATIONS, load

from mpws_foreign.start import main

main("uvicorn", IMPLEMENTATIONS, load, "uvicorn")
