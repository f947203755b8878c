"""Connect to the database so that a silent server is noticed.

A network that drops packets ends no connection, so that a process without these settings waits
for hours. A statement is never cancelled: a COMMIT that is cancelled while it waits for its
synchronous standby becomes visible without being replicated, and a failover would lose it. The
socket is closed instead.
"""

from __future__ import annotations

import os
import random
import select
import socket
from contextlib import suppress

from psycopg import AsyncConnection, OperationalError, conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from psycopg_pool.pool_async import AddConnection, MaintenanceTask

# Seconds to the next attempt to connect, at random so that processes do not retry in step.
RECONNECT_SECONDS = (0.1, 0.4)

# Defaults that the URL can override. Connecting to a dead host fails after 3 s for each host;
# unacknowledged bytes end a connection after 5 s, silence after 3 + 3 * 2 s.
_OURS = {
    "connect_timeout": "3",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
    "fallback_application_name": "guahao",
}
# The same for the server's end: it releases the locks of a process that lost power or network,
# and ends a query after the caller closed the socket.
_SERVERS = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "client_connection_check_interval": "5000",
}


def connecting(url: str) -> str:
    """Return the URL with our time-outs where it has none."""
    return conninfo.make_conninfo(url, **{**_OURS, **conninfo.conninfo_to_dict(url)})


def why(error: Exception) -> str:
    """Return why a connection failed, without the URL, which may hold a password.

    libpq quotes a URL that it cannot parse; psycopg raises this as a ProgrammingError.
    """
    return str(error).strip() if isinstance(error, OperationalError) else type(error).__name__


def with_options(url: str, **options: str) -> str:
    """Return the URL with server options for the connection; the URL's own options win."""
    own = conninfo.conninfo_to_dict(url).get("options") or ""
    ours = " ".join(f"-c {name}={value}" for name, value in options.items())
    return conninfo.make_conninfo(url, options=f"{ours} {own}".strip())


def watched(url: str) -> str:
    """Return the URL with time-outs for both ends of the connection."""
    return connecting(with_options(url, **_SERVERS))


class Connection(AsyncConnection[TupleRow]):
    """A connection whose statements are never cancelled."""

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ARG002, ASYNC109
        """Close the socket; psycopg calls this when a task that waits for a statement ends."""
        self.pgconn.finish()


def cut(conn: AsyncConnection[TupleRow]) -> None:
    """Shut down the socket in both directions, even while a task waits for an answer.

    The task gets an OperationalError after reading what has arrived. psycopg closes the file
    descriptor itself, so that the event loop never watches a reused descriptor.
    """
    with suppress(OSError):
        if not conn.closed:
            with socket.socket(fileno=os.dup(conn.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)


def has_ended(conn: AsyncConnection[TupleRow]) -> bool:
    """Return whether the server has ended an idle connection, without a round trip.

    A server sends nothing on an idle connection except the reason for ending it.
    """
    if conn.closed:
        return True
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Pool(AsyncConnectionPool[Connection]):
    """A pool that retries at least twice a second for as long as an outage lasts.

    The library doubles the time between attempts, and would return minutes after its server.
    """

    async def schedule_task(self, task: MaintenanceTask, delay: float) -> None:
        """Schedule a task; attempts to connect are scheduled soon."""
        if isinstance(task, AddConnection):
            delay = min(delay, random.uniform(*RECONNECT_SECONDS))  # noqa: S311 - jitter
        await super().schedule_task(task, delay)
