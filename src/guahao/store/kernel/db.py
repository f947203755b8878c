"""The pool and the transaction. Everything else in `store` takes a `Tx`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from psycopg import AsyncConnection, AsyncCursor, OperationalError, conninfo
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.rows import TupleRow, kwargs_row
from psycopg_pool import PoolTimeout

from guahao.clock import CityClock, ClockWatch
from guahao.errors import OperatorError
from guahao.store.kernel.connections import (
    Connection,
    PendingRows,
    Pipeline,
    Pool,
    cut,
    has_ended,
    watched,
)

APP_ROLE = "guahao_app"
# Sees the rows of a single hospital, by row-level security (migration 0007).
HOSPITAL_ROLE = "guahao_hospital"
# Reads and writes SECRET_COLUMNS, for single statements.
SECRETS_ROLE = "guahao_secrets"
# The login of the processes on the embedded server: it may become the roles above and has no
# rights of its own. On other servers the operator chooses the login.
LOGIN_ROLE = "guahao_login"
ROLES = (APP_ROLE, HOSPITAL_ROLE, SECRETS_ROLE)
TIME_ZONE = "Asia/Shanghai"
Clock = Callable[[], datetime]
Row = tuple[Any, ...]
Params = tuple[Any, ...] | Mapping[str, Any]
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Tx:
    """An open transaction and its fixed time, on the city's clock."""

    conn: AsyncConnection[TupleRow]
    now: datetime
    # The role that the last statement ran under, and the next will.
    _roles: list[str] = field(default_factory=lambda: [APP_ROLE])

    async def rows(self, sql: str, params: Params = ()) -> list[TupleRow]:
        """Return all rows of a statement."""
        return await (await self.conn.execute(sql, params)).fetchall()

    async def row(self, sql: str, params: Params = ()) -> TupleRow | None:
        """Return the first row of a statement, or None."""
        return await (await self.conn.execute(sql, params)).fetchone()

    async def records(
        self, make: Callable[..., Record], sql: str, params: Params = ()
    ) -> list[Record]:
        """Return all rows of a statement, each made by `make` from its columns by name.

        `make` is a dataclass with a field for each column, or a function with keyword arguments.
        """
        cursor = self.conn.cursor(row_factory=kwargs_row(make))
        return await (await cursor.execute(sql, params)).fetchall()

    async def record(
        self, make: Callable[..., Record], sql: str, params: Params = ()
    ) -> Record | None:
        """Return the first row, made by `make` from its columns by name, or None."""
        cursor = self.conn.cursor(row_factory=kwargs_row(make))
        return await (await cursor.execute(sql, params)).fetchone()

    async def do(self, sql: str, params: Params = ()) -> int:
        """Run a statement for its effect and return the number of affected rows."""
        return (await self.conn.execute(sql, params)).rowcount

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Tx]:
        """Open a transaction at the same moment that commits even if this one is rolled back.

        On a connection of its own: a pool could be empty while others wait for the same. Ask it
        for nothing that this transaction has locked: PostgreSQL sees no deadlock there, and the
        wait ends with LockNotAvailable after two seconds.
        """
        info = self.conn.info
        own = {"password": info.password} if info.password else {}
        url = conninfo.make_conninfo(**{**info.get_parameters(), **own})
        loop = asyncio.get_running_loop()
        async with await Connection.connect(url, autocommit=True, prepare_threshold=None) as conn:
            timer = loop.call_later(_APART_SECONDS, cut, conn)  # a silent server holds up nobody
            try:
                async with conn.transaction():
                    await configure(conn)
                    await conn.execute(_LOCK_TIMEOUT)
                    yield Tx(conn, self.now)
            finally:
                timer.cancel()

    @asynccontextmanager
    async def as_platform(self) -> AsyncIterator[None]:
        """Act for the whole platform within a hospital's transaction.

        A suspension follows from a person's no-shows at all hospitals (S16). Nothing that is
        read here may be shown to the hospital.
        """
        async with self._as_role(APP_ROLE):
            yield

    @asynccontextmanager
    async def as_secrets(self) -> AsyncIterator[None]:
        """Run statements that read or write secrets, and no others (migration 0041)."""
        async with self._as_role(SECRETS_ROLE):
            yield

    async def secret_row(self, sql: str, params: Params = ()) -> TupleRow | None:
        """Return the first row of a statement that reads secrets, in a single round trip."""
        return await (await self._secretly(sql, params)).fetchone()

    async def do_secret(self, sql: str, params: Params = ()) -> int:
        """Run a statement that writes secrets, in a single round trip; return the affected rows."""
        return (await self._secretly(sql, params)).rowcount

    async def _secretly(self, sql: str, params: Params) -> AsyncCursor[TupleRow]:
        async with self.conn.pipeline():
            await self.conn.execute(_SET_ROLE, (SECRETS_ROLE,))
            cursor = await self.conn.execute(sql, params)
            await self.conn.execute(_SET_ROLE, (self._roles[-1],))
        return cursor

    @asynccontextmanager
    async def _as_role(self, role: str) -> AsyncIterator[None]:
        if self._roles[-1] == role:
            yield
            return
        await self.do(_SET_ROLE, (role,))
        self._roles.append(role)
        try:
            yield
        finally:
            self._roles.pop()
        # After an error the transaction refuses statements, and its rollback resets the role.
        await self.do(_SET_ROLE, (self._roles[-1],))


@dataclass(frozen=True)
class PipelinedTx(Tx):
    """A transaction that collects statements and sends them together.

    Each statement still sees what was committed before it began. Collected statements take texts,
    numbers and dates, and cast them. An error surfaces at the next `flush`, or at the commit.
    Every method that returns something from the database flushes first.
    """

    pipeline: Pipeline = field(kw_only=True)

    def send(self, sql: str, params: Params = ()) -> PendingRows:
        """Queue a statement; its rows are there after the next `flush`."""
        return self.pipeline.send(sql, params)

    async def flush(self) -> None:
        """Send what is queued and read all results, in a single round trip."""
        await self.pipeline.flush()

    async def plain(self) -> Tx:
        """Send what is queued, and return the same transaction without a pipeline.

        For statements that are not written for one. Flush again before it is used again.
        """
        await self.flush()
        return Tx(self.conn, self.now)

    async def do(self, sql: str, params: Params = ()) -> int:
        """Queue a statement for its effect; the number of affected rows is not known yet: -1."""
        self.send(sql, params)
        return -1

    async def rows(self, sql: str, params: Params = ()) -> list[TupleRow]:
        """Return all rows of a statement, after those that are queued."""
        await self.flush()
        return await super().rows(sql, params)

    async def row(self, sql: str, params: Params = ()) -> TupleRow | None:
        """Return the first row of a statement, or None, after those that are queued."""
        await self.flush()
        return await super().row(sql, params)

    async def records(
        self, make: Callable[..., Record], sql: str, params: Params = ()
    ) -> list[Record]:
        """Return all rows as records, after the statements that are queued."""
        await self.flush()
        return await super().records(make, sql, params)

    async def record(
        self, make: Callable[..., Record], sql: str, params: Params = ()
    ) -> Record | None:
        """Return the first row as a record, or None, after the statements that are queued."""
        await self.flush()
        return await super().record(make, sql, params)

    async def _secretly(self, sql: str, params: Params) -> AsyncCursor[TupleRow]:
        await self.flush()
        return await super()._secretly(sql, params)


_APART_SECONDS = 3
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
_SET_ROLE = "SELECT set_config('role', %s, true)"  # until the transaction ends


# Called last in each transaction of a request, before the commit.
before_commit: ContextVar[Callable[[Tx], Awaitable[None]] | None] = ContextVar(
    "before_commit", default=None
)


@lru_cache(4096)
def _date(data: bytes) -> date:
    return date.fromisoformat(data.decode())


@lru_cache(4096)
def _time(data: bytes) -> time:
    return time.fromisoformat(data.decode())


class _DateLoader(Loader):
    """Cached: the same dates repeat hundreds of times within a batch."""

    def load(self, data: Buffer) -> date:
        return _date(bytes(data))


class _TimeLoader(Loader):
    """Cached: eight times of a hospital's rules come with every session."""

    def load(self, data: Buffer) -> time:
        return _time(bytes(data))


class RolesError(OperatorError):
    """A database connection has the wrong role; the message says what to do."""


class DatabaseState(StrEnum):
    """The last known state of the database."""

    ALIVE = "alive"
    READ_ONLY = "read_only"  # a standby, or a demoted primary
    AWAY = "away"


class CommitUnknownError(OperationalError):
    """The connection was lost during a commit, whose outcome is unknown."""


class DatabaseAwayError(OperationalError):
    """No server answers; nothing was done."""


class DatabaseReadOnlyError(OperationalError):
    """The server that answers is read-only; nothing was done."""


class ClockError(DatabaseAwayError, OperatorError):
    """This process's clock differs from the database's; nothing was done."""


_LOOK_SECONDS = 0.5  # between checks of the primary's state while waiting
Configure = Callable[[AsyncConnection[TupleRow]], Awaitable[None]]
_REPLAYED = "SELECT pg_last_xact_replay_timestamp()"
_SESSION = "SELECT current_user::text, session_user::text, current_setting('TimeZone')"


async def configure(conn: AsyncConnection[TupleRow]) -> None:
    """Prepare a new connection; raise RolesError if its role is not the application's.

    A pooler may drop the options that set role and time zone; under another role row-level
    security would show the rows of every hospital.
    """
    conn.adapters.register_loader("date", _DateLoader)
    conn.adapters.register_loader("time", _TimeLoader)
    row = await (await conn.execute(_SESSION, prepare=False)).fetchone()
    assert row is not None
    role, login, zone = row
    if role != APP_ROLE:
        raise RolesError(
            f"the database gives the role {role} to the login {login} instead of {APP_ROLE}: a"
            " pooler drops the session's options; docs/OPERATING.md says which pooling works"
        )
    if zone != TIME_ZONE:
        raise RolesError(
            f"the database gives the time zone {zone} instead of {TIME_ZONE}: a pooler drops the"
            " session's options; docs/OPERATING.md says which pooling works"
        )


_ROLES = """
    SELECT session_user::text,
           s.rolsuper OR s.rolbypassrls OR s.rolcreaterole,
           (SELECT string_agg(DISTINCT o.rolname, ', ') FROM pg_roles o
            WHERE pg_has_role(session_user, o.oid, 'MEMBER')
              AND (o.oid IN (SELECT relowner FROM pg_class
                             WHERE relnamespace = 'public'::regnamespace)
                   OR o.oid = (SELECT datdba FROM pg_database WHERE datname = current_database()))),
           (SELECT string_agg(o.rolname, ', ' ORDER BY o.rolname) FROM pg_roles o
            WHERE o.rolname = ANY(%s::text[]) AND NOT pg_has_role(session_user, o.oid, 'MEMBER'))
    FROM pg_roles s WHERE s.rolname = session_user
"""


async def check_login(conn: AsyncConnection[TupleRow]) -> None:
    """Raise RolesError if a connection's login could assume more roles than the application."""
    row = await (await conn.execute(_ROLES, ([*ROLES],))).fetchone()
    assert row is not None
    login, above, becomes, lacks = row
    if above:
        raise RolesError(
            f"the database login {login} may create roles or see past row security;"
            " GUAHAO_DATABASE_URL needs a login of its own (docs/OPERATING.md)"
        )
    if becomes:
        raise RolesError(
            f"the database login {login} can become {becomes}, which owns tables;"
            " GUAHAO_DATABASE_URL needs a login of its own (docs/OPERATING.md)"
        )
    if lacks:
        raise RolesError(
            f"the database login {login} is no member of {lacks}: run `guahao migrate`,"
            f" or GRANT {lacks} TO {login} (docs/OPERATING.md)"
        )


WRITABLE = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"


class Database:
    """The application's connections, under a role that owns nothing.

    `clock` returns the platform's time in the city's zone; each transaction reads it once.
    `kept_for_desk`: of the `max_size` connections, those that only pipelined transactions, the
    booking desk's, may use, so that no number of slow searches keeps a booking waiting.
    `wait_seconds`: how long a transaction waits for a free connection. `prepared`: whether
    prepared statements work, which they do not behind a transaction pooler. `read_url`:
    replicas to read from while no primary answers.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        min_size: int = 1,
        max_size: int = 10,
        kept_for_desk: int = 0,
        wait_seconds: float = 10,
        prepared: bool = True,
        read_url: str | None = None,
    ) -> None:
        self.clock = clock
        self.watch: ClockWatch | None = None  # the watch on the clock, where there is one
        self.url = as_application(url)
        self.state = DatabaseState.ALIVE  # set by store/kernel/pulse.py
        self.is_watched = False
        self.seen_at: datetime | None = None  # when the pulse last found a primary
        self._replayed_at: datetime | None = None
        self._in_use: set[Connection] = set()
        self._prepared = prepared
        self._not_kept = asyncio.Semaphore(max_size - kept_for_desk)
        self._waiting = 0  # for one of them

        def pool(url: str, least: int, set_up: Configure) -> Pool:
            return Pool(
                url,
                connection_class=Connection,
                min_size=least,
                max_size=max_size,
                open=False,
                timeout=wait_seconds,
                reconnect_timeout=float("inf"),
                configure=set_up,
                kwargs={"autocommit": True, "prepare_threshold": 2 if prepared else None},
            )

        self.pool = pool(self.url, min_size, configure)
        # Opens no connection before the first request for one.
        self._replicas = read_url and pool(as_application(read_url), 0, self._configure_replica)

    async def open(self, *, may_begin_away: bool = False) -> None:
        """Connect to the database.

        `may_begin_away`: if no primary answers, begin with the replicas; for a process with a
        pulse, which notices when the primary is back.

        Raises RolesError if a connection has the wrong role, and psycopg's PoolTimeout if no
        server answers in 30 s.
        """
        try:
            first = await self.pool.connection_class.connect(
                self.url, autocommit=True, prepare_threshold=None
            )
        except OperationalError:
            if may_begin_away and self._replicas:
                await self._replicas.open()
                self.state = DatabaseState.AWAY
                await self.pool.open(wait=False)
                return
            # The pool keeps trying for a while.
        else:
            async with first:
                await configure(first)
        await self.pool.open(wait=True)
        if self._replicas:
            await self._replicas.open()

    async def check_roles(self) -> None:
        """Raise RolesError if a connection could assume more roles than the application."""
        async with self._connection() as conn:
            await check_login(conn)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()
        if self._replicas:
            await self._replicas.close()

    @property
    def as_of(self) -> datetime | None:
        """Return the time of the data that a replica serves; None while a primary answers.

        As a replica may lag, this is the earlier of its last replayed commit and of the last
        answer of the primary.
        """
        if self.state is not DatabaseState.AWAY or not self._replicas:
            return None
        known = [moment for moment in (self.seen_at, self._replayed_at) if moment is not None]
        return min(known, default=None)

    async def _configure_replica(self, conn: AsyncConnection[TupleRow]) -> None:
        await configure(conn)
        row = await (await conn.execute(_REPLAYED, prepare=False)).fetchone()
        self._replayed_at = row[0] if row is not None else None

    @asynccontextmanager
    async def transaction(self, hospital_id: int | None = None) -> AsyncIterator[Tx]:
        """Open a READ COMMITTED transaction; commit at the end, roll back on an exception.

        `hospital_id`: run under the role of that hospital's staff, to which the database shows
        no other hospital's rows.
        """
        async with self._connection() as conn, conn.transaction():
            roles = [APP_ROLE]
            if hospital_id is not None:
                roles = [HOSPITAL_ROLE]
                await conn.execute(
                    "SELECT set_config('role', %s, true),"
                    " set_config('guahao.hospital_id', %s, true)",
                    (HOSPITAL_ROLE, str(hospital_id)),
                )
            tx = Tx(conn, self._now(), roles)
            yield tx
            last = before_commit.get()
            if last is not None:
                await last(tx)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """Open a read-only transaction on a single snapshot."""
        async with self.transaction() as tx:
            await tx.do("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # Enough for counting without temporary files.
            await tx.do("SET LOCAL work_mem = '64MB'")
            yield tx

    @asynccontextmanager
    async def pipelined_transaction(
        self, deadline: float | None = None
    ) -> AsyncIterator[PipelinedTx]:
        """Open a transaction whose statements are sent together when a result is needed.

        `deadline`: by the event loop's clock; the connection is closed then. Raises
        CommitUnknownError if the connection is lost during the commit, and psycopg's
        OperationalError if it is lost before, so that nothing was done.
        """
        loop = asyncio.get_running_loop()
        wait_seconds = None if deadline is None else deadline - loop.time()
        async with self._leased(wait_seconds, may_read_replica=False) as conn:
            timer = None if deadline is None else loop.call_at(deadline, cut, conn)
            pipeline = Pipeline(conn, prepared=self._prepared)
            committing = False
            try:
                yield PipelinedTx(conn, self._now(), pipeline=pipeline)
                committing = True
                await pipeline.commit()
            except OperationalError as error:
                # On a live connection the server has confirmed the rollback.
                await pipeline.roll_back()
                if committing and conn.closed:
                    raise CommitUnknownError(str(error)) from error
                raise
            except BaseException:
                await pipeline.roll_back()
                raise
            finally:
                if timer is not None:
                    timer.cancel()

    @property
    def waiting(self) -> int:
        """Return how many transactions wait for a connection."""
        return self._waiting + int(self.pool.get_stats().get("requests_waiting", 0))

    def seconds(self) -> float:
        """Return the platform's time in Unix seconds, for what every request compares."""
        clock = self.clock
        return clock.seconds() if isinstance(clock, CityClock) else clock().timestamp()

    def _now(self) -> datetime:
        """Return the time of a transaction; raise ClockError if the clock is wrong."""
        if self.watch is not None and self.watch.is_wrong:
            raise ClockError(
                f"this machine's clock is {self.watch.ahead_seconds:+.1f} s off the database's:"
                " nothing is done with false times; set both by NTP"
            )
        return self.clock()

    async def compare_clocks(self) -> None:
        """Compare the clock with the database's, if it is watched; raises OperationalError."""
        if self.watch is None:
            return
        async with self._connection() as conn:
            asked = self.watch.now()
            cursor = await conn.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            row = await cursor.fetchone()
            answered = self.watch.now()
        assert row is not None
        self.watch.compare(row[0], asked, answered)

    @asynccontextmanager
    async def _connection(self, wait_seconds: float | None = None) -> AsyncIterator[Connection]:
        """Lease one of the connections that are not kept for the desk."""
        if wait_seconds is None:
            wait_seconds = self.pool.timeout
        until = asyncio.get_running_loop().time() + wait_seconds
        self._waiting += 1
        try:
            async with asyncio.timeout_at(until):
                await self._not_kept.acquire()
        except TimeoutError:
            raise PoolTimeout(f"no connection was free for {wait_seconds:.1f} s") from None
        finally:
            self._waiting -= 1
        try:
            left = until - asyncio.get_running_loop().time()
            async with self._leased(left) as conn:
                yield conn
        finally:
            self._not_kept.release()

    @asynccontextmanager
    async def _leased(
        self, wait_seconds: float | None, *, may_read_replica: bool = True
    ) -> AsyncIterator[Connection]:
        """Lease a live connection to the primary, or to a replica while no primary answers."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.pool.timeout if wait_seconds is None else wait_seconds)
        while True:
            pool = self.pool
            if self.state is DatabaseState.AWAY:
                if not self._replicas or not may_read_replica:
                    raise DatabaseAwayError("no primary answers")
                pool = self._replicas
            left = until - loop.time()
            try:
                conn = await pool.getconn(min(left, _LOOK_SECONDS))
            except PoolTimeout:
                if left <= _LOOK_SECONDS:
                    raise
                continue  # unless the primary is away by now
            if not has_ended(conn):
                break
            # A restart ends every idle connection; the pool replaces each that is returned.
            await conn.close()
            await pool.putconn(conn)
        self._in_use.add(conn)
        try:
            async with conn:
                yield conn
        except ReadOnlySqlTransaction as error:
            raise DatabaseReadOnlyError(str(error)) from error
        finally:
            self._in_use.discard(conn)
            await pool.putconn(conn)

    async def is_writable(self, seconds: float) -> bool:
        """Return whether a primary answers in time; a watched pulse knows it already."""
        if self.is_watched:
            return self.state is DatabaseState.ALIVE
        try:
            async with self._connection(seconds / 2) as conn:
                timer = asyncio.get_running_loop().call_later(seconds / 2, cut, conn)
                try:
                    row = await (await conn.execute(WRITABLE)).fetchone()
                finally:
                    timer.cancel()
        except OperationalError:
            return False
        return row == (True,)

    async def drop_connections(self, *, in_use: bool = False) -> None:
        """Replace idle connections; `in_use`: also those in use, whose callers get an error."""
        if in_use:
            for conn in list(self._in_use):
                cut(conn)
        if not self.pool.closed:
            await self.pool.drain()


def as_application(url: str) -> str:
    """Return the URL with the application's role and our time-outs."""
    url = watched(url)
    own = conninfo.conninfo_to_dict(url).get("options")
    options = f"{own} -c role={APP_ROLE} -c timezone={TIME_ZONE}"
    return conninfo.make_conninfo(url, options=options)


def array(plain: Iterable[int | str | date]) -> str:
    """Return ids, dates or codes (digits only) as PostgreSQL's array literal.

    It takes a tenth of the time of adapting a list, and the booking desk does it often.
    """
    return f"{{{','.join(map(str, plain))}}}"


def hexed(data: bytes) -> str:
    """Return bytes in PostgreSQL's text form, for JSON."""
    return f"\\x{data.hex()}"


def bytes_array(plain: Iterable[bytes]) -> str:
    """Return byte strings as PostgreSQL's array literal."""
    return "{" + ",".join(f'"\\\\x{data.hex()}"' for data in plain) + "}"


def recordset(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows for `json_to_recordset`: a single parameter for any number of rows."""
    return msgspec.json.encode(rows).decode()


def json_columns(record: object) -> dict[str, Any]:
    """Return a dataclass's fields as columns of a `recordset` row.

    `dataclasses.asdict` copies every value deeply: 30 µs a clinic session, and this takes 2.
    """
    columns: dict[str, Any] = msgspec.to_builtins(record)
    return columns
