"""OPTIONS responses that list every method of a path.

Litestar's own response lists only the methods of the first handler of a path.
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.web.http.answers import Answer


def with_options(handlers: Sequence[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """Add handlers that answer OPTIONS on each path with all of its methods."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    paths: dict[str, list[str]] = {}
    for path, allowed in methods.items():
        paths.setdefault(", ".join(sorted(allowed)), []).append(path)
    return [*[_options(alike, allowed) for allowed, alike in paths.items()], *handlers]


def _options(paths: list[str], allowed: str) -> HTTPRouteHandler:
    """Create a single handler for many paths, because Litestar examines each handler at start."""

    async def options() -> ASGIApp:
        return Answer(204, b"", [(b"allow", allowed.encode())])

    return HTTPRouteHandler(paths, http_method="OPTIONS", status_code=200)(options)
