"""The statements of a replay: fill its scratch database, and count there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from guahao.store.kernel.connections import connecting
from guahao.store.kernel.db import Tx

_COPY = {
    "hospitals": """
        COPY hospitals (id, code, name, grade, district, cycle_days, release_time,
                        next_day_stop_time, cancel_days_before, cancel_time,
                        pickup_until_morning, pickup_until_afternoon, pickup_until_evening,
                        checked_only)
        FROM STDIN
    """,
    "departments": "COPY departments (id, hospital_id, code, name) FROM STDIN",
    "clinic_sessions": """
        COPY clinic_sessions (id, hospital_id, department_id, title, visit_date, period,
                              fee_fen, capacity) FROM STDIN
    """,
}
_PERSONS = """
    INSERT INTO patients (id, name_enc, id_type, id_no_enc, id_no_index, person_index, created_at)
    SELECT n, b, %(id_type)s, b, b, b, %(now)s
    FROM generate_series(1, %(persons)s) n, LATERAL (SELECT n::text::bytea) AS text (b)
"""
# Written by the owner, for whom row-level security holds as well.
_OWN = """
    ALTER TABLE hospitals NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE departments NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE clinic_sessions NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE patients NO FORCE ROW LEVEL SECURITY;
"""
# What a replay never reads, and every booking would pay for: the log for hospitals' systems, and
# indexes of searches, reports and the sweep. What decides and what is unique stays: a person's
# bookings are found by the index that keeps them unique. A half of each page of persons is left
# for their first pick-up, which then changes no index.
_UNREAD = """
    ALTER TABLE appointments DISABLE TRIGGER USER;
    ALTER TABLE patients SET (fillfactor = 50);
    DROP INDEX appointments_by_patient, appointments_by_session, appointments_by_time,
               appointments_cancelled, appointments_picked_up, appointments_unverified,
               booking_requests_by_time, booking_requests_of_staff,
               patients_by_name_newest, patients_by_person, patients_erased, patients_suspended,
               patients_unnamed;
"""


@contextmanager
def filling(url: str) -> Iterator[psycopg.Connection]:
    """Yield the owner's connection, which may COPY into every table, and gather statistics."""
    with psycopg.connect(connecting(url)) as conn:
        conn.execute(_OWN)
        conn.execute(_UNREAD)
        yield conn
    analyze(url, "patients", *_COPY)


def analyze(url: str, *tables: str) -> None:
    """Gather statistics of tables that were filled since the server looked at them last.

    Without them statements are planned for small tables, and read a large table for each row.
    Not of an empty table: a plan made for that is worse than a plan for an unknown table.
    """
    names = map(sql.Identifier, tables)
    with psycopg.connect(connecting(url)) as conn:
        conn.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(names)))


def fill(conn: psycopg.Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows, each with the columns of its table in _COPY."""
    with conn.cursor() as cursor, cursor.copy(_COPY[table]) as sink:
        for row in rows:
            sink.write_row(row)


def fill_persons(conn: psycopg.Connection, persons: int, id_type: str, now: datetime) -> None:
    """Write so many persons; name and document of each are the number that is its id."""
    conn.execute(_PERSONS, {"persons": persons, "id_type": id_type, "now": now})


async def requests_by_outcome(tx: Tx) -> dict[str, int]:
    """Count the booked requests, and those refused for each reason."""
    return await _counts(tx, "SELECT outcome, count(*) FROM booking_requests GROUP BY outcome")


async def appointments_by_status(tx: Tx) -> dict[str, int]:
    """Count the appointments of each status."""
    return await _counts(tx, "SELECT status, count(*) FROM appointments GROUP BY status")


async def persons_suspended(tx: Tx) -> int:
    """Count the persons ever suspended; a replay excuses nothing."""
    row = await tx.row("SELECT count(*) FROM patients WHERE suspended_until IS NOT NULL")
    assert row is not None
    return int(row[0])


async def _counts(tx: Tx, query: str) -> dict[str, int]:
    return {row[0]: row[1] for row in await tx.rows(query)}
