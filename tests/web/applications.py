"""Applications of tests, which share Litestar's routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from litestar import Litestar, Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, ExceptionHandlersMap, Receive, Scope, Send

Function = Callable[..., Awaitable[Any]]
Handlers = Sequence[HTTPRouteHandler]


@dataclass(frozen=True)
class _Own:
    """What an application does not share: its functions, closures over its platform."""

    functions: Sequence[Function]
    exception_handlers: ExceptionHandlersMap


_own: ContextVar[_Own] = ContextVar("own")  # of the application that handles the request
_shared: dict[object, ASGIApp] = {}  # Litestar's routes, by what makes them alike


def create(
    routers: Sequence[Handlers], *, exception_handlers: ExceptionHandlersMap, **more: Any
) -> Litestar:
    """Create an application as Litestar does, but make alike routes only once.

    To register 440 handlers takes 80 ms. In every application they are closures of the same
    functions for the same paths. So a route calls a function by its number, and each application
    brings its own functions.
    """
    handlers = [handler for router in routers for handler in router]
    alike = (
        *((handler.fn.__code__, *handler.paths, *handler.http_methods) for handler in handlers),
        *exception_handlers,
    )
    own = _Own([handler.fn for handler in handlers], exception_handlers)
    app = Litestar(exception_handlers=exception_handlers, **more)
    if alike not in _shared:
        _shared[alike] = _routes(routers, exception_handlers, **more)
    app.asgi_handler = partial(_call, _shared[alike], own)
    return app


def handlers_alone(_: str, *, route_handlers: Handlers) -> Handlers:
    """Stand for a router that `create` is given."""
    return route_handlers


def _routes(
    routers: Sequence[Handlers], exception_handlers: ExceptionHandlersMap, **more: Any
) -> ASGIApp:
    number = 0
    for router in routers:
        for handler in router:
            handler(_numbered(number, handler.fn))
            number += 1
    return Litestar(
        [Router("/", route_handlers=router) for router in routers],
        exception_handlers={kind: partial(_respond, kind) for kind in exception_handlers},
        **more,
    ).asgi_handler


def _numbered(number: int, like: Function) -> Function:
    @wraps(like)
    async def function(**arguments: Any) -> Any:
        return await _own.get().functions[number](**arguments)

    return function


def _respond(kind: Any, request: Request[Any, Any, Any], error: Exception) -> Any:
    handler: Any = _own.get().exception_handlers[kind]
    return handler(request, error)


async def _call(routes: ASGIApp, own: _Own, scope: Scope, receive: Receive, send: Send) -> None:
    before = _own.set(own)
    try:
        await routes(scope, receive, send)
    finally:
        _own.reset(before)
