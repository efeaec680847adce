"""Adapter of the `aiohttp` library. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from peer import IMPLEMENTATIONS, load

from mpws_foreign.start import main

main("aiohttp", IMPLEMENTATIONS, load, "aiohttp")
