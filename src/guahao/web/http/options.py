"""OPTIONS: which methods a path takes.

Litestar's own answer names the methods of the handler it met first, and no others.
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.web.http.answers import Answer


def with_options(handlers: Sequence[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """The handlers, and those that answer OPTIONS at each of their paths with all its methods."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    paths: dict[str, list[str]] = {}
    for path, allowed in methods.items():
        paths.setdefault(", ".join(sorted(allowed)), []).append(path)
    return [*[_options(alike, allowed) for allowed, alike in paths.items()], *handlers]


def _options(paths: list[str], allowed: str) -> HTTPRouteHandler:
    """A handler for all paths with these methods: Litestar examines each handler at the start."""

    async def options() -> ASGIApp:
        return Answer(204, b"", [(b"allow", allowed.encode())])

    return HTTPRouteHandler(paths, http_method="OPTIONS", status_code=200)(options)
