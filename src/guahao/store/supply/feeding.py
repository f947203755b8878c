"""What a hospital's own system publishes: departments and sessions by the hospital's ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from guahao.rules.supply.feeding import Department, KnownDepartment, KnownSession, Session
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx, recordset

_SESSION = "title, specialty, visit_date, period, starts_at, ends_at, fee_fen, capacity"
_SESSION_TYPES = """
    department_id bigint, title text, specialty text, visit_date date, period text,
    starts_at time, ends_at time, fee_fen integer, capacity integer
"""


@dataclass(frozen=True, slots=True)
class FedSession:
    """A session as the hospital sees it."""

    id: int
    external_id: str | None
    department_external_id: str | None
    department_name: str
    session: Session
    booked: int
    stopped: bool
    attendance_known: bool


async def lock_feed(tx: Tx, hospital_id: int) -> None:
    """One list of a hospital's at a time, and no department goes meanwhile; before all others."""
    await tx.do("SELECT 1 FROM hospitals WHERE id = %s FOR NO KEY UPDATE", (hospital_id,))
    await tx.do(
        "SELECT 1 FROM departments WHERE hospital_id = %s ORDER BY id FOR KEY SHARE", (hospital_id,)
    )


# Departments ------------------------------------------------------------------------------


async def departments(tx: Tx, hospital_id: int) -> list[KnownDepartment]:
    """All departments of a hospital."""
    rows = await tx.rows(
        """
        SELECT d.id, d.external_id, d.code, d.name, d.name_en, d.parent_id, d.on_platform,
               EXISTS (SELECT FROM departments c WHERE c.parent_id = d.id),
               EXISTS (SELECT FROM clinic_sessions s WHERE s.department_id = d.id)
        FROM departments d WHERE d.hospital_id = %s
        """,
        (hospital_id,),
    )
    return [KnownDepartment(*[*row[:3], Department(*row[3:7]), *row[7:]]) for row in rows]


async def add_departments(
    tx: Tx, hospital_id: int, new: Mapping[str, Department]
) -> dict[str, int]:
    """New departments by the hospital's ids, which become their codes, too; their ids.

    One whose code somebody else took meanwhile is not made.
    """
    rows = await tx.rows(
        """
        INSERT INTO departments (hospital_id, code, external_id, name, name_en, parent_id,
                                 on_platform, search_keys)
        SELECT %s, external_id, external_id, name, name_en, parent_id, on_platform, keys
        FROM json_to_recordset(%s::json)
            AS n (external_id text, name text, name_en text, parent_id bigint,
                  on_platform boolean, keys text)
        ON CONFLICT (hospital_id, code) DO NOTHING
        RETURNING external_id, id
        """,
        (hospital_id, recordset([_department_row(*one) for one in new.items()])),
    )
    return dict(rows)


async def change_departments(tx: Tx, changed: Mapping[int, tuple[str, Department]]) -> None:
    """Departments as they are from now on, by their ids, with the hospital's ids."""
    rows = [{"id": id, **_department_row(*one)} for id, one in changed.items()]
    await tx.do(
        """
        UPDATE departments d
        SET external_id = n.external_id, name = n.name, name_en = n.name_en,
            parent_id = n.parent_id, on_platform = n.on_platform, search_keys = n.keys
        FROM json_to_recordset(%s::json)
            AS n (id bigint, external_id text, name text, name_en text, parent_id bigint,
                  on_platform boolean, keys text)
        WHERE d.id = n.id
        """,
        (recordset(rows),),
    )


def _department_row(external_id: str, one: Department) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "name": one.name,
        "name_en": one.name_en,
        "parent_id": one.parent_id,
        "on_platform": one.on_platform,
        "keys": search_keys(one.name),
    }


async def bookable_departments(tx: Tx, hospital_id: int) -> dict[str, int]:
    """The departments that have sessions, by the hospital's ids."""
    rows = await tx.rows(
        """
        SELECT external_id, id FROM departments
        WHERE hospital_id = %s AND external_id IS NOT NULL AND parent_id IS NOT NULL
        """,
        (hospital_id,),
    )
    return dict(rows)


# Sessions ---------------------------------------------------------------------------------


async def known_sessions(
    tx: Tx, hospital_id: int, external_ids: Sequence[str]
) -> dict[str, KnownSession]:
    """Those of these sessions that are there, by the hospital's ids."""
    rows = await tx.rows(
        f"""
        SELECT s.external_id, s.id, s.booked, s.stopped_at IS NOT NULL,
               EXISTS (SELECT FROM appointments a WHERE a.clinic_session_id = s.id),
               s.department_id, {_SESSION}
        FROM clinic_sessions s
        WHERE s.hospital_id = %s AND s.external_id = ANY(%s::text[])
        """,
        (hospital_id, list(external_ids)),
    )
    return {row[0]: KnownSession(row[1], Session(*row[5:]), *row[2:5]) for row in rows}


async def unlinked_sessions(
    tx: Tx, hospital_id: int, wanted: Sequence[Session]
) -> list[KnownSession]:
    """Open sessions without an id of the hospital's that are the same clinic as one of these."""
    rows = await tx.rows(
        f"""
        SELECT DISTINCT s.id, s.booked, s.stopped_at IS NOT NULL,
               EXISTS (SELECT FROM appointments a WHERE a.clinic_session_id = s.id),
               s.department_id, s.title, s.specialty, s.visit_date, s.period, s.starts_at,
               s.ends_at, s.fee_fen, s.capacity
        FROM json_to_recordset(%s::json) AS n ({_SESSION_TYPES})
        JOIN clinic_sessions s
          ON s.department_id = n.department_id AND s.visit_date = n.visit_date
         AND s.title = n.title AND s.specialty = n.specialty AND s.period = n.period
         AND s.starts_at IS NOT DISTINCT FROM n.starts_at
        WHERE s.hospital_id = %s AND s.external_id IS NULL AND s.stopped_at IS NULL
        ORDER BY s.id
        """,
        (recordset([session_row(one) for one in wanted]), hospital_id),
    )
    return [
        KnownSession(row[0], Session(*row[4:]), row[1], row[2], row[3], linked=False)
        for row in rows
    ]


async def add_sessions(tx: Tx, hospital_id: int, new: Mapping[str, Session]) -> dict[str, int]:
    """New sessions by the hospital's ids; their ids."""
    rows = await tx.rows(
        f"""
        INSERT INTO clinic_sessions (hospital_id, external_id, department_id, {_SESSION})
        SELECT %s, external_id, department_id, {_SESSION}
        FROM json_to_recordset(%s::json) AS n (external_id text, {_SESSION_TYPES})
        RETURNING external_id, id
        """,
        (
            hospital_id,
            recordset([{"external_id": id, **session_row(one)} for id, one in new.items()]),
        ),
    )
    return dict(rows)


async def change_sessions(tx: Tx, changed: Mapping[int, tuple[str, Session]]) -> None:
    """Locked sessions as they are from now on, by their ids, with the hospital's ids."""
    rows = [{"id": id, "external_id": one[0], **session_row(one[1])} for id, one in changed.items()]
    await tx.do(
        f"""
        UPDATE clinic_sessions s
        SET external_id = n.external_id, department_id = n.department_id, title = n.title,
            specialty = n.specialty,
            visit_date = n.visit_date, period = n.period, starts_at = n.starts_at,
            ends_at = n.ends_at, fee_fen = n.fee_fen, capacity = n.capacity
        FROM json_to_recordset(%s::json) AS n (id bigint, external_id text, {_SESSION_TYPES})
        WHERE s.id = n.id
        """,
        (recordset(rows),),
    )


def session_row(one: Session) -> dict[str, Any]:
    """A session as a row of `recordset`."""
    return {
        "department_id": one.department_id,
        "title": one.title,
        "specialty": one.specialty,
        "visit_date": one.visit_date,
        "period": one.period,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "fee_fen": one.fee_fen,
        "capacity": one.capacity,
    }


async def sessions_between(
    tx: Tx, hospital_id: int, first: date, last: date, after: int, limit: int
) -> list[FedSession]:
    """A hospital's sessions of some days, both included, in order of id, above `after`."""
    rows = await tx.rows(
        f"{_FED} WHERE s.hospital_id = %s AND s.visit_date BETWEEN %s AND %s AND s.id > %s"
        " ORDER BY s.id LIMIT %s",
        (hospital_id, first, last, after, limit),
    )
    return [_fed(row) for row in rows]


async def one_session(tx: Tx, hospital_id: int, external_id: str) -> FedSession | None:
    """A session by the hospital's id, or None."""
    row = await tx.row(
        f"{_FED} WHERE s.hospital_id = %s AND s.external_id = %s", (hospital_id, external_id)
    )
    return None if row is None else _fed(row)


_FED = """
    SELECT s.id, s.external_id, d.external_id, d.name, s.booked, s.stopped_at IS NOT NULL,
           s.attendance_known_at IS NOT NULL, s.department_id, s.title, s.specialty,
           s.visit_date, s.period, s.starts_at, s.ends_at, s.fee_fen, s.capacity
    FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
"""


def _fed(row: Sequence[Any]) -> FedSession:
    return FedSession(*[*row[:4], Session(*row[7:]), *row[4:7]])
