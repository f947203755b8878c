"""The pool and the transaction. Everything else in `store` takes a `Tx`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

APP_ROLE = "guahao_app"
Clock = Callable[[], datetime]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction and its time: fixed once, on the city's clock."""

    conn: AsyncConnection[TupleRow]
    now: datetime

    async def rows(self, sql: str, params: tuple[Any, ...] = ()) -> list[TupleRow]:
        """All rows of one statement."""
        return await (await self.conn.execute(sql, params)).fetchall()

    async def row(self, sql: str, params: tuple[Any, ...] = ()) -> TupleRow | None:
        """The first row, or None."""
        return await (await self.conn.execute(sql, params)).fetchone()

    async def do(self, sql: str, params: tuple[Any, ...] = ()) -> int:
        """Run a statement for its effect; the number of rows it touched."""
        return (await self.conn.execute(sql, params)).rowcount


class Database:
    """The application's connections, as the role that owns nothing.

    `clock` gives the platform's time with the city's zone; a transaction asks it once.
    """

    def __init__(self, url: str, clock: Clock, *, min_size: int = 1, max_size: int = 10) -> None:
        self.clock = clock
        self.pool = AsyncConnectionPool(
            as_application(url),
            min_size=min_size,
            max_size=max_size,
            open=False,
            timeout=10,
            kwargs={"autocommit": True, "prepare_threshold": 2},
        )

    async def open(self) -> None:
        """Connect; raises psycopg's PoolTimeout where no server answers in 10 s."""
        await self.pool.open(wait=True)

    async def close(self) -> None:
        """Give every connection back."""
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self, now: datetime | None = None) -> AsyncIterator[Tx]:
        """One READ COMMITTED transaction; commits at the end, rolls back on an exception.

        `now` replaces the clock where a caller carries its own time (a replay).
        """
        async with self.pool.connection() as conn, conn.transaction():
            yield Tx(conn, now or self.clock())


def as_application(url: str) -> str:
    """The same server and database, but as the application's role."""
    params = conninfo.conninfo_to_dict(url)
    options = f"{params.get('options') or ''} -c role={APP_ROLE} -c timezone=Asia/Shanghai"
    return conninfo.make_conninfo(url, options=options.strip())
