"""Handlers and hooks as programs for websockets 13.x have them, and the newer hook beside them.

They are given to the library as they are, whatever its version makes of them. The hooks that look at
the path refuse `/deny`; the one that looks at the headers refuses requests without `Authorization`;
the one that returns a tuple refuses everything.
"""

from __future__ import annotations

import http
from typing import Any, Callable

HANDLER_WITH_PATH = "handler-with-path"


async def path_equals(path: Any, headers: Any) -> Any:
    """Decides by comparison."""
    if path == "/deny":
        return http.HTTPStatus.FORBIDDEN, [], b"no\n"
    return None


async def path_in(path: Any, headers: Any) -> Any:
    """Decides by membership."""
    if path in {"/deny", "/denied"}:
        return http.HTTPStatus.FORBIDDEN, [], b"no\n"
    return None


async def path_startswith(path: Any, headers: Any) -> Any:
    """Decides by a method of `str`."""
    if path.startswith("/deny"):
        return http.HTTPStatus.FORBIDDEN, [], b"no\n"
    return None


async def headers_get(path: Any, headers: Any) -> Any:
    """Decides by a method of `Headers`."""
    if headers.get("Authorization") is None:
        return http.HTTPStatus.FORBIDDEN, [], b"no\n"
    return None


async def returns_tuple(path: Any, headers: Any) -> Any:
    """Does not decide at all."""
    return http.HTTPStatus.FORBIDDEN, [], b"no\n"


def new_style(connection: Any, request: Any) -> Any:
    """As documented since 14.0."""
    if request.path == "/deny":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "no\n")
    return None


HOOKS: dict[str, Callable[[Any, Any], Any]] = {
    "hook-path-equals": path_equals,
    "hook-path-in": path_in,
    "hook-path-startswith": path_startswith,
    "hook-headers-get": headers_get,
    "hook-returns-tuple": returns_tuple,
    "hook-new-style": new_style,
}

FORMS = (HANDLER_WITH_PATH, *HOOKS)


def for_threads(hook: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same hook as a plain function, which is what `sync` calls."""
    if hook is new_style:
        return hook

    def plain(path: Any, headers: Any) -> Any:
        try:
            hook(path, headers).send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("a hook has waited")

    return plain
