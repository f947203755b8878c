"""Check twice a second, on a separate connection, whether a primary answers.

If none does, waiting callers get an error and new callers are refused at once, until a later
beat finds a primary. Health checks read the state without waiting.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from psycopg import OperationalError
from psycopg.errors import Error as DatabaseError

from guahao.store.kernel.connections import RECONNECT_SECONDS, Connection, cut, has_ended
from guahao.store.kernel.db import WRITABLE, Database, DatabaseState

BEAT_SECONDS = 0.5
ANSWER_SECONDS = 2.0
# Since the last answer: a closed connection is noticed at once, a silent server by this.
AWAY_AFTER_SECONDS = 3.5

_log = structlog.get_logger("guahao.database")


class Pulse:
    """Keep `database.state` up to date."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conn: Connection | None = None
        self._replacing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Watch the database until the end of the block."""
        self._database.is_watched = True
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self._database.is_watched = False
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._replacing is not None:
                await asyncio.gather(self._replacing, return_exceptions=True)
            if self._conn is not None:
                await self._conn.close()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        silence = loop.call_later(AWAY_AFTER_SECONDS, self._turn, DatabaseState.AWAY)
        try:
            while True:
                try:
                    state = await self._beat()
                except (DatabaseError, OSError):
                    state = DatabaseState.AWAY
                self._turn(state)
                if state is not DatabaseState.AWAY:
                    silence.cancel()
                    silence = loop.call_later(AWAY_AFTER_SECONDS, self._turn, DatabaseState.AWAY)
                if state is DatabaseState.ALIVE:
                    await asyncio.sleep(BEAT_SECONDS)
                else:
                    await asyncio.sleep(random.uniform(*RECONNECT_SECONDS))  # noqa: S311 - jitter
        finally:
            silence.cancel()

    async def _beat(self) -> DatabaseState:
        """Query the current connection; if it is closed, query a new connection once."""
        if self._conn is not None and not has_ended(self._conn):
            with suppress(OperationalError):
                return await self._ask(self._conn)
        if self._conn is not None:
            await self._conn.close()
            self._conn = None
        self._conn = await Connection.connect(
            self._database.url, autocommit=True, prepare_threshold=None
        )
        return await self._ask(self._conn)

    async def _ask(self, conn: Connection) -> DatabaseState:
        timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, cut, conn)
        try:
            row = await (await conn.execute(WRITABLE)).fetchone()
        finally:
            timer.cancel()
        if row == (True,):
            self._database.seen_at = self._database.clock()
            return DatabaseState.ALIVE
        # The next beat reconnects, because another of the URL's hosts may be primary by then.
        await conn.close()
        return DatabaseState.READ_ONLY

    def _turn(self, state: DatabaseState) -> None:
        database = self._database
        if state is database.state:
            return
        before, database.state = database.state, state
        _log.warning("database_state", state=state.value, before=before.value)
        # Connections to a dead server are closed; those to a former primary are still open.
        if state is DatabaseState.AWAY or before is DatabaseState.READ_ONLY:
            is_away = state is DatabaseState.AWAY
            self._replacing = asyncio.create_task(database.drop_connections(in_use=is_away))
