"""The asyncio implementation of `websockets` on uvloop instead of asyncio's own loop."""

from __future__ import annotations

from typing import Any

IMPLEMENTATIONS = ("websockets",)


def load(implementation: str) -> tuple[str, Any, Any]:
    """Imports both libraries and makes uvloop the one that gives event loops."""
    import uvloop
    import websockets.asyncio.client
    import websockets.asyncio.server

    uvloop.install()
    return uvloop.__version__, websockets.asyncio.client, websockets.asyncio.server
