"""Connect to the database so that a silent server is noticed.

A network that drops packets ends no connection, so that a process without these settings waits
for hours. A statement is never cancelled: a COMMIT that is cancelled while it waits for its
synchronous standby becomes visible without being replicated, and a failover would lose it. The
socket is closed instead.
"""

from __future__ import annotations

import os
import random
import re
import select
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import count
from typing import Any

from psycopg import AsyncConnection, OperationalError, conninfo, errors, generators, pq
from psycopg.abc import PQGen
from psycopg.abc import Transformer as Reader
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow
from psycopg.waiting import Ready, Wait
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


_PLACEHOLDER = re.compile(r"%%|%s|%\((?P<name>\w+)\)s")
_numbers = count(1)
_ENCODING = "utf-8"


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


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with its values; prepared under its name, unless that is empty."""

    name: bytes
    text: bytes
    values: Sequence[bytes | None]


@lru_cache(256)  # there are no more statements than in the code
def _numbered(sql: str) -> tuple[bytes, bytes, tuple[str, ...]]:
    """Return a name for a statement, its text with $1, $2, …, and the parameters' names."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        return f"${names.setdefault(found['name'] or str(len(names)), len(names) + 1)}"

    text = _PLACEHOLDER.sub(number, sql)
    return b"pipelined_%d" % next(_numbers), text.encode(), tuple(names)


_BEGIN, _COMMIT, _ROLLBACK = (Query(b"", text, ()) for text in (b"BEGIN", b"COMMIT", b"ROLLBACK"))


def _as_text(value: object) -> bytes | None:
    """Return a value in PostgreSQL's text form; the statement gives it its type."""
    match value:
        case None:
            return None
        case str():
            return value.encode()
        case int() if not isinstance(value, bool):
            return b"%d" % value
        case date():
            return value.isoformat().encode()
        case _:
            raise TypeError(f"no text form for a {type(value).__name__}")


def _exchanged(pgconn: PGconn, sent: int) -> PQGen[list[PGresult]]:
    """Write what was sent and a sync, then read a result for each."""
    pgconn.pipeline_sync()
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    found = []
    for _ in range(sent):
        found += yield from generators.fetch_many(pgconn)
    yield from generators.fetch_many(pgconn)  # of the sync
    return found


class Connection(AsyncConnection[TupleRow]):
    """A connection whose statements are never cancelled."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._prepared_here: set[bytes] = set()
        self._reader: Reader | None = None

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ARG002, ASYNC109
        """Close the socket; psycopg calls this when a task that waits for a statement ends."""
        self.pgconn.finish()

    async def exchange(self, queries: Sequence[Query]) -> list[PGresult]:
        """Send statements in a single write, and return their results in the same order.

        psycopg's own pipeline polls and writes the socket once for each statement, which took the
        web process four times as long (docs/decisions/0048). Raises the error of the first
        statement that failed; those after it were not executed.
        """
        pgconn = self.pgconn
        sent: list[bytes | None] = []  # for each result: the name that it prepares, or None
        pgconn.enter_pipeline_mode()
        try:
            for query in queries:
                if not query.name:
                    pgconn.send_query_params(query.text, query.values)
                else:
                    if query.name not in self._prepared_here and query.name not in sent:
                        pgconn.send_prepare(query.name, query.text)
                        sent.append(query.name)
                    pgconn.send_query_prepared(query.name, query.values)
                sent.append(None)
            found = await self.wait(_exchanged(pgconn, len(sent)))
        finally:
            if not self.closed:
                pgconn.exit_pipeline_mode()
        results = []
        prepared_now: set[bytes] = set()
        for name, result in zip(sent, found, strict=True):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                error = errors.error_from_result(result, encoding=_ENCODING)
                if isinstance(error, errors.InvalidSqlStatementName):
                    # psycopg deallocates all statements of a connection after a rollback.
                    self._prepared_here = prepared_now
                raise error
            if name is None:
                results.append(result)
            else:
                prepared_now.add(name)
                self._prepared_here.add(name)
        return results

    def rows_of(self, result: PGresult) -> list[TupleRow]:
        """Return the rows of a result of `exchange`."""
        if not result.ntuples:
            return []
        reader = self._reader
        if reader is None:
            reader = self._reader = Transformer.from_context(self)
        reader.set_pgresult(result)
        return reader.load_rows(0, result.ntuples, tuple)


class PendingRows:
    """The rows of a statement of a pipeline, once they have arrived."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[TupleRow] = []


class Pipeline:
    """A transaction's statements, collected to be sent together; the first with BEGIN."""

    def __init__(self, conn: Connection, *, prepared: bool) -> None:
        self._conn = conn
        self._prepared = prepared
        self._queued: list[tuple[Query, PendingRows]] = []
        self._begun = False

    def send(self, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> PendingRows:
        """Queue a statement with psycopg's placeholders."""
        name, text, names = _numbered(sql)
        given = [params[key] for key in names] if isinstance(params, Mapping) else params
        values = [_as_text(value) for value in given]
        sent = PendingRows()
        use = name if self._prepared else b""
        self._queued.append((Query(use, text, values), sent))
        return sent

    async def flush(self) -> None:
        """Send what is queued, and read all results."""
        queued, self._queued = self._queued, []
        queries = [query for query, _ in queued]
        if not self._begun:
            results = await self._begin(queries)
        elif queries:
            results = await self._conn.exchange(queries)
        else:
            return
        for (_, sent), result in zip(queued, results, strict=True):
            sent.rows = self._conn.rows_of(result)

    async def _begin(self, queries: Sequence[Query]) -> list[PGresult]:
        self._begun = True
        try:
            results = await self._conn.exchange([_BEGIN, *queries])
        except errors.InvalidSqlStatementName:
            # psycopg deallocated the connection's statements when it rolled back a transaction.
            await self._conn.exchange([_ROLLBACK])
            results = await self._conn.exchange([_BEGIN, *queries])
        return results[1:]

    async def commit(self) -> None:
        """Send what is queued, and commit; nothing if no statement was ever queued."""
        if self._begun or self._queued:
            self._queued.append((_COMMIT, PendingRows()))
            await self.flush()

    async def roll_back(self) -> None:
        """End the transaction after an error; a closed connection has ended it."""
        self._queued = []
        if self._begun and not self._conn.closed:
            with suppress(OperationalError):
                await self._conn.exchange([_ROLLBACK])


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
