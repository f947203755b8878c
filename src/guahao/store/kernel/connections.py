"""How every connection to the database is made, so that a server that falls silent is noticed.

A network that drops packets ends no connection: without the settings here a process waits for
hours. A statement is never cancelled: a COMMIT that waits for its synchronous standby and is
cancelled becomes visible although it is not replicated, and a failover would lose it. Its
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

# Seconds to the next attempt to connect, at random, so that not all processes come at once.
RECONNECT_SECONDS = (0.1, 0.4)

# Where the URL does not say otherwise. A dead host is given up after 3 s, each of several alone;
# bytes that nobody acknowledges end a connection after 5 s, silence after 3 + 3 * 2 s.
_OURS = {
    "connect_timeout": "3",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
    "fallback_application_name": "guahao",
}
# The same for the server's end: the locks of a process that lost its power or its network are
# released, and a query whose caller closed the socket ends.
_SERVERS = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "client_connection_check_interval": "5000",
}


def connecting(url: str) -> str:
    """Return the URL with our time-outs, where it has none of its own."""
    return conninfo.make_conninfo(url, **{**_OURS, **conninfo.conninfo_to_dict(url)})


def why(error: Exception) -> str:
    """Why a connection failed, for people: never with the URL, which may hold a password.

    libpq quotes the URL that it cannot read, which psycopg raises as a ProgrammingError.
    """
    return str(error).strip() if isinstance(error, OperationalError) else type(error).__name__


def with_options(url: str, **options: str) -> str:
    """Return the URL with server options for one session; the URL's own come last and win."""
    own = conninfo.conninfo_to_dict(url).get("options") or ""
    ours = " ".join(f"-c {name}={value}" for name, value in options.items())
    return conninfo.make_conninfo(url, options=f"{ours} {own}".strip())


def watched(url: str) -> str:
    """Return the URL with time-outs for our end and for the server's."""
    return connecting(with_options(url, **_SERVERS))


class Connection(AsyncConnection[TupleRow]):
    """A connection whose statements are never cancelled."""

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ARG002, ASYNC109
        """Close the socket: what psycopg calls where a task that waits for a statement ends."""
        self.pgconn.finish()


def cut(conn: AsyncConnection[TupleRow]) -> None:
    """Close the connection's socket for both directions, although a task waits for an answer.

    The task gets an OperationalError, and what has arrived already is still read. The file
    descriptor stays until psycopg closes it, so that the event loop never watches another's.
    """
    with suppress(OSError):
        if not conn.closed:
            with socket.socket(fileno=os.dup(conn.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)


def has_ended(conn: AsyncConnection[TupleRow]) -> bool:
    """Whether the server has ended an idle connection, without asking it.

    A server says nothing to an idle connection but why it ends it.
    """
    if conn.closed:
        return True
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Pool(AsyncConnectionPool[Connection]):
    """A pool that tries again within half a second for as long as an outage lasts.

    The library doubles the time between attempts, and is back minutes after its server.
    """

    async def schedule_task(self, task: MaintenanceTask, delay: float) -> None:
        """Run a task later; an attempt to connect soon."""
        if isinstance(task, AddConnection):
            delay = min(delay, random.uniform(*RECONNECT_SECONDS))  # noqa: S311 - jitter
        await super().schedule_task(task, delay)
