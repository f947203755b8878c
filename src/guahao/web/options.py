"""OPTIONS: which methods a path takes.

Litestar's own answer names the methods of the handler it met first, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.web.answers import Answer


def with_options(handlers: Sequence[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """The handlers, and one more for each of their paths that tells of all its methods."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    return [*[_options(path, told) for path, told in methods.items()], *handlers]


def _options(path: str, methods: Iterable[str]) -> HTTPRouteHandler:
    allowed = ", ".join(sorted(methods)).encode()

    async def options() -> ASGIApp:
        return Answer(204, b"", [(b"allow", allowed)])

    return HTTPRouteHandler(path, http_method="OPTIONS", status_code=200)(options)
