"""Measure the platform by SQL, and share what was measured with every process.

On a connection of its own, which commits each statement by itself: what cannot be read leaves
its fact unknown and the others be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from psycopg import AsyncConnection, OperationalError
from psycopg import Error as DatabaseError
from psycopg.rows import TupleRow, class_row

from guahao.rules.operations.facts import (
    Backup,
    Facts,
    HospitalQueue,
    Maintenance,
    Replication,
    ReplicationSlot,
    ServerUse,
    Standby,
    TaskRun,
    WaitingMessages,
    Workers,
)

Conn = AsyncConnection[TupleRow]
T = TypeVar("T")

STATEMENT_SECONDS = 2


@asynccontextmanager
async def bounded(conn: Conn) -> AsyncIterator[None]:
    """Open a transaction whose statements are bounded in time, and which waits for no standby.

    These facts may be lost; and a lost standby would hide itself if the row that reports it
    waited for it. Set for the transaction alone: a pooler shares the session with others.
    """
    async with conn.transaction():
        await conn.execute(
            "SELECT set_config('statement_timeout', %(timeout)s, true),"
            " set_config('synchronous_commit', 'local', true)",
            {"timeout": f"{STATEMENT_SECONDS}s"},
            prepare=False,
        )
        yield


async def shared(conn: Conn) -> tuple[Facts, float] | None:
    """Return the facts that were measured last and their age in seconds; None before the first."""
    row = await _row(
        conn,
        "SELECT facts::text, extract(epoch FROM clock_timestamp() - taken_at)::float8"
        " FROM observations WHERE taken_at IS NOT NULL",
    )
    if row is None:
        return None
    try:
        return msgspec.json.decode(row[0], type=Facts), max(0.0, row[1])
    except msgspec.ValidationError:  # measured by another version: ours measures soon
        return None


async def claim(conn: Conn, every_seconds: float) -> bool:
    """Return whether this process is to measure; for a while no other process is then."""
    async with bounded(conn):
        row = await _row(
            conn,
            "UPDATE observations SET claimed_at = clock_timestamp()"
            " WHERE claimed_at < clock_timestamp() - make_interval(secs => %(seconds)s)"
            " RETURNING id",
            {"seconds": every_seconds},
        )
    return row is not None


async def share(conn: Conn, facts: Facts) -> None:
    """Share measured facts with every process."""
    async with bounded(conn):
        await conn.execute(
            "UPDATE observations SET taken_at = clock_timestamp(), facts = %(facts)s::jsonb",
            {"facts": msgspec.json.encode(facts).decode()},
            prepare=False,
        )


async def measure(conn: Conn, now: datetime) -> Facts:
    """Measure everything. `now`: by the platform's clock, which dates messages and bookings.

    Raises OperationalError where the connection is lost.
    """

    async def known(read: Callable[[], Awaitable[T]]) -> T | None:
        try:
            async with bounded(conn):
                return await read()
        except DatabaseError:
            if conn.closed:
                raise OperationalError("the connection was lost") from None
            return None

    return Facts(
        revision=await known(lambda: revision(conn)),
        replication=await known(lambda: _replication(conn)),
        server=await known(lambda: _server(conn)),
        workers=await known(lambda: _workers(conn)),
        tasks=await known(lambda: _tasks(conn)),
        failed_jobs=await known(lambda: _failed_jobs(conn)),
        undelivered=await known(lambda: _undelivered(conn, now)),
        hospitals=await known(lambda: _hospitals(conn, now)),
        backup=await known(lambda: _backup(conn, "backup")),
        verification=await known(lambda: _backup(conn, "verify")),
        maintenance=await known(lambda: _maintenance(conn, now)),
    )


async def _row(conn: Conn, sql: str, params: dict[str, Any] | None = None) -> TupleRow | None:
    return await (await conn.execute(sql, params, prepare=False)).fetchone()


async def _all(
    conn: Conn, kind: type[T], sql: str, params: dict[str, Any] | None = None
) -> tuple[T, ...]:
    async with conn.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(sql, params, prepare=False)
        return tuple(await cursor.fetchall())


async def revision(conn: Conn) -> str | None:
    """Return the database's revision; None where none was ever recorded."""
    row = await _row(conn, "SELECT version_num FROM alembic_version")
    return None if row is None else str(row[0])


async def _replication(conn: Conn) -> Replication:
    row = await _row(
        conn,
        "SELECT NOT pg_is_in_recovery(), current_setting('synchronous_standby_names') <> ''",
    )
    assert row is not None
    is_primary, asks = row
    standbys = await _all(
        conn,
        Standby,
        "SELECT name, state, sync_state, behind_bytes, lag_seconds FROM operations_standbys()"
        " ORDER BY name",
    )
    return Replication(is_primary, asks, standbys)


async def _server(conn: Conn) -> ServerUse:
    row = await _row(
        conn,
        """
        SELECT (SELECT sum(numbackends)::int FROM pg_stat_database),
               current_setting('max_connections')::int
               - current_setting('superuser_reserved_connections')::int,
               operations_database_bytes(), operations_wal_bytes()
        """,
    )
    assert row is not None
    slots = await _all(
        conn,
        ReplicationSlot,
        """
        SELECT slot_name::text AS name, active AS is_active,
               CASE WHEN NOT pg_is_in_recovery()
                    THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
               END AS held_bytes
        FROM pg_replication_slots ORDER BY slot_name
        """,
    )
    connections, max_connections, database_bytes, wal_bytes = row
    return ServerUse(connections, max_connections, database_bytes, wal_bytes, slots)


async def _workers(conn: Conn) -> Workers:
    [workers] = await _all(
        conn,
        Workers,
        """
        SELECT count(*) FILTER (WHERE age <= interval '30 seconds')::int AS alive,
               count(*) FILTER (WHERE age > interval '30 seconds')::int AS dead,
               extract(epoch FROM min(age))::float8 AS heartbeat_age
        FROM (SELECT clock_timestamp() - last_heartbeat AS age FROM procrastinate_workers) w
        """,
    )
    return workers


async def _tasks(conn: Conn) -> tuple[TaskRun, ...]:
    return await _all(
        conn,
        TaskRun,
        """
        SELECT name, extract(epoch FROM clock_timestamp() - first_at)::float8 AS first_age,
               extract(epoch FROM clock_timestamp() - succeeded_at)::float8 AS succeeded_age,
               seconds, extract(epoch FROM clock_timestamp() - failed_at)::float8 AS failed_age,
               error
        FROM task_runs ORDER BY name
        """,
    )


async def _failed_jobs(conn: Conn) -> int:
    row = await _row(
        conn, "SELECT count(*)::int FROM procrastinate_jobs WHERE status::text = 'failed'"
    )
    assert row is not None
    return int(row[0])


async def _undelivered(conn: Conn, now: datetime) -> tuple[WaitingMessages, ...]:
    return await _all(
        conn,
        WaitingMessages,
        """
        SELECT kind, count(*)::int AS count,
               extract(epoch FROM %(now)s - min(greatest(created_at, held_until)))::float8
                   AS oldest_seconds
        FROM messages
        WHERE state = 'queued' AND (held_until IS NULL OR held_until <= %(now)s)
        GROUP BY kind ORDER BY kind
        """,
        {"now": now},
    )


async def _hospitals(conn: Conn, now: datetime) -> tuple[HospitalQueue, ...]:
    return await _all(
        conn,
        HospitalQueue,
        """
        SELECT h.code, h.name, h.name_en, w.enabled AS is_enabled,
               w.probe_at IS NULL AS is_answering,
               coalesce(d.waiting, 0)::int AS waiting, coalesce(d.dead, 0)::int AS dead,
               w.delivered, w.failed,
               greatest(0, extract(epoch FROM %(now)s - least(n.at, d.since)))::float8
                   AS oldest_seconds,
               greatest(0, extract(epoch FROM %(now)s - n.at))::float8 AS unsent_seconds
        FROM hospital_webhooks w
        JOIN hospitals h ON h.id = w.hospital_id
        LEFT JOIN (SELECT hospital_id, count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
                          count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,
                          min(due_since) FILTER (WHERE dead_at IS NULL) AS since
                   FROM hospital_deliveries GROUP BY hospital_id) d
            ON d.hospital_id = w.hospital_id
        LEFT JOIN LATERAL (SELECT e.at FROM hospital_events e
                           WHERE e.hospital_id = w.hospital_id
                             AND (e.position, e.id) > (w.position, w.event_id)
                           ORDER BY e.position, e.id LIMIT 1) n ON true
        ORDER BY h.code
        """,
        {"now": now},
    )


async def _backup(conn: Conn, kind: str) -> Backup | None:
    [backup] = await _all(
        conn,
        Backup,
        """
        SELECT extract(epoch FROM clock_timestamp() - max(finished_at)
                                                      FILTER (WHERE outcome = 'ok'))::float8
                   AS succeeded_age,
               coalesce((array_agg(outcome ORDER BY finished_at DESC))[1] = 'failed', false)
                   AS last_failed,
               coalesce((array_agg(detail ORDER BY finished_at DESC))[1], '') AS detail,
               (array_agg(size_bytes ORDER BY finished_at DESC)
                    FILTER (WHERE outcome = 'ok'))[1] AS size_bytes
        FROM backup_runs WHERE kind = %(kind)s
        """,
        {"kind": kind},
    )
    return backup


async def _maintenance(conn: Conn, now: datetime) -> tuple[Maintenance, ...]:
    return await _all(
        conn,
        Maintenance,
        """
        SELECT title, title_en, body, body_en FROM announcements
        WHERE is_maintenance AND shown_from <= %(now)s AND %(now)s < shown_until
          AND withdrawn_at IS NULL
        ORDER BY shown_from DESC, id DESC LIMIT 5
        """,
        {"now": now},
    )
