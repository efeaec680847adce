"""Adapter of the `websockets` library. Usage: `python -I -S adapter --site DIR --implementation NAME`."""

from mpws_adapter.start import main

main()
