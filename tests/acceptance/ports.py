"""Ports for servers that tests start."""

from __future__ import annotations

import os
import socket
from itertools import count, islice

# Below the ports that Linux gives to clients by itself, and others for each process of
# pytest-xdist: a port that was free a moment ago may be taken before the server listens.
_FIRST, _OF_A_PROCESS, _PROCESSES = 20_000, 400, 30
_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
_next = count(os.getpid())  # where two runs of the tests share a machine


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on; another one each time, for 400 times."""
    for number in islice(_next, _OF_A_PROCESS):
        port = _FIRST + _process * _OF_A_PROCESS + number % _OF_A_PROCESS
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError(f"no port is free from {_FIRST + _process * _OF_A_PROCESS} on")
