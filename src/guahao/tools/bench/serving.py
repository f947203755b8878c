"""Start separate web processes as in production, for a bench to call."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

from guahao.errors import OperatorError
from guahao.tools.bench.city import SECRET_KEY

_START_SECONDS = 90  # on a busy machine


class BenchError(OperatorError):
    """The bench cannot run on this machine; the message says what to do."""


Web = tuple[int, subprocess.Popen[bytes]]  # port and process


@contextmanager
def web_servers(url: str, count: int) -> Iterator[list[Web]]:
    """Yield web processes that book: several have one lane each, as in the kit; a single one two.

    GUAHAO_DESK_LANES overrides this (docs/decisions/0005).
    """
    lanes = {} if count == 1 else {"GUAHAO_DESK_LANES": os.environ.get("GUAHAO_DESK_LANES", "1")}
    with ExitStack() as servers:
        yield [servers.enter_context(web_server(url, **lanes)) for _ in range(count)]


@contextmanager
def web_server(url: str, **settings: str) -> Iterator[Web]:
    """Yield the port and the process of a web process that is ready, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with _process("serve", url, GUAHAO_PORT=str(port), **settings) as process:
        _wait_until_ready(port)
        yield port, process


@contextmanager
def worker(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the process of a worker, and end it."""
    with _process("worker", url) as process:
        yield process


@contextmanager
def _process(command: str, url: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    environ = {
        **os.environ,
        "GUAHAO_DATABASE_URL": url,
        "GUAHAO_SECRET_KEY": SECRET_KEY,
        **settings,
    }
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "guahao", command], env=environ, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:  # noqa: PLR2004 - HTTP's own number
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise BenchError("the web process did not become ready")
