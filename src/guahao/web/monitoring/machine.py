"""A separate port for monitoring: health and metrics.

A thread serves it, so that a flood on the public port does not block it. The thread asks the
process's event loop, since a process with a blocked loop is not alive. All web processes listen on
the same port (SO_REUSEPORT); the kernel chooses which of them accepts a connection.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from litestar import Litestar

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.web.monitoring.health import all_metrics, readiness

_LOOP_SECONDS = 5
_SOCKET_SECONDS = 5
_JSON = "application/json"

_Answer = tuple[HTTPStatus, str, bytes]
_OK: _Answer = (HTTPStatus.OK, _JSON, b'{"status":"ok"}')
_UNAVAILABLE: _Answer = (HTTPStatus.SERVICE_UNAVAILABLE, _JSON, b'{"status":"unavailable"}')
_NOT_FOUND: _Answer = (HTTPStatus.NOT_FOUND, _JSON, b'{"status":"not_found"}')


def machine_socket(
    platform: Platform, desk: Desk
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return a lifespan that listens on the port for metrics, where there is one."""

    @asynccontextmanager
    async def listening(_: Litestar) -> AsyncIterator[None]:
        settings = platform.settings
        if settings.metrics_port is None:
            yield
            return
        loop = asyncio.get_running_loop()

        def ask(path: str) -> _Answer:
            return asyncio.run_coroutine_threadsafe(_answer(platform, desk, path), loop).result(
                _LOOP_SECONDS
            )

        address = (settings.metrics_host, settings.metrics_port)
        server = await asyncio.to_thread(_Server, address, ask)
        thread = threading.Thread(target=server.serve_forever, name="machine", daemon=True)
        thread.start()
        try:
            yield
        finally:
            await asyncio.to_thread(server.shutdown)
            server.server_close()

    return listening


async def _answer(platform: Platform, desk: Desk, path: str) -> _Answer:
    match path:
        case "/health/live":
            return _OK
        case "/health/ready":
            found = await readiness(platform, desk)
            status = HTTPStatus.SERVICE_UNAVAILABLE if found.reasons else HTTPStatus.OK
            return status, _JSON, msgspec.json.encode(found)
        case "/metrics":
            body, content_type = all_metrics(platform)
            return HTTPStatus.OK, content_type, body
        case _:
            return _NOT_FOUND


class _Server(ThreadingHTTPServer):
    allow_reuse_port = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], ask: Callable[[str], _Answer]) -> None:
        self.ask = ask
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SOCKET_SECONDS

    def do_GET(self) -> None:
        """Respond from the event loop; report unavailable if the loop does not respond in time."""
        try:
            status, content_type, body = self.server.ask(self.path.partition("?")[0])
        except FutureTimeoutError:
            status, content_type, body = _UNAVAILABLE
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's
        """Log nothing: monitoring sends requests all the time."""
