"""What a hospital's own system publishes: departments and sessions by the hospital's ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from guahao.rules.supply.changes import SessionTerms
from guahao.rules.supply.feeding import PublishedDepartment, StoredDepartment
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx, json_columns, recordset
from guahao.store.supply.changes import TERMS, TERMS_TYPES


@dataclass(frozen=True, slots=True)
class HospitalSession:
    """A session as the hospital sees it."""

    id: int
    external_id: str | None
    department_external_id: str | None
    department_name: str
    session: SessionTerms
    booked: int
    stopped: bool
    attendance_known: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A session that an item may mean; not `linked`: the same clinic, without an id of its own."""

    external_id: str
    id: int
    linked: bool


async def lock_feed(tx: Tx, hospital_id: int) -> None:
    """Lock the hospital and its departments, before all sessions.

    One list of a hospital is published at a time, and no department goes meanwhile.
    """
    hospital = {"hospital_id": hospital_id}
    await tx.do("SELECT 1 FROM hospitals WHERE id = %(hospital_id)s FOR NO KEY UPDATE", hospital)
    await tx.do(
        """
        SELECT 1 FROM departments WHERE hospital_id = %(hospital_id)s ORDER BY id FOR KEY SHARE
        """,
        hospital,
    )


# Departments ------------------------------------------------------------------------------


async def departments(tx: Tx, hospital_id: int) -> list[StoredDepartment]:
    """Return all departments of a hospital."""
    return await tx.records(
        _known_department,
        """
        SELECT d.id, d.external_id, d.code, d.name, d.name_en, d.parent_id, d.on_platform,
               EXISTS (SELECT FROM departments c WHERE c.parent_id = d.id) AS has_children,
               EXISTS (SELECT FROM clinic_sessions s WHERE s.department_id = d.id) AS has_sessions
        FROM departments d WHERE d.hospital_id = %(hospital_id)s
        """,
        {"hospital_id": hospital_id},
    )


def _known_department(
    *,
    id: int,
    external_id: str | None,
    code: str,
    has_children: bool,
    has_sessions: bool,
    **department: Any,
) -> StoredDepartment:
    return StoredDepartment(
        id, external_id, code, PublishedDepartment(**department), has_children, has_sessions
    )


async def add_departments(
    tx: Tx, hospital_id: int, new: Mapping[str, PublishedDepartment]
) -> dict[str, int]:
    """Add departments by the hospital's ids, which become their codes, too; return their ids.

    One whose code was taken meanwhile is not made.
    """
    rows = await tx.rows(
        """
        INSERT INTO departments (hospital_id, code, external_id, name, name_en, parent_id,
                                 on_platform, search_keys)
        SELECT %(hospital_id)s, external_id, external_id, name, name_en, parent_id, on_platform,
               search_keys
        FROM json_to_recordset(%(departments)s::json)
            AS n (external_id text, name text, name_en text, parent_id bigint,
                  on_platform boolean, search_keys text)
        ON CONFLICT (hospital_id, code) DO NOTHING
        RETURNING external_id, id
        """,
        {
            "hospital_id": hospital_id,
            "departments": recordset(
                [_department_row(external_id, made) for external_id, made in new.items()]
            ),
        },
    )
    return dict(rows)


async def change_departments(
    tx: Tx, changed: Mapping[int, tuple[str, PublishedDepartment]]
) -> None:
    """Change departments by their ids, and give them the hospital's ids."""
    rows = [
        {"id": id, **_department_row(external_id, department)}
        for id, (external_id, department) in changed.items()
    ]
    await tx.do(
        """
        UPDATE departments d
        SET external_id = n.external_id, name = n.name, name_en = n.name_en,
            parent_id = n.parent_id, on_platform = n.on_platform, search_keys = n.search_keys
        FROM json_to_recordset(%(departments)s::json)
            AS n (id bigint, external_id text, name text, name_en text, parent_id bigint,
                  on_platform boolean, search_keys text)
        WHERE d.id = n.id
        """,
        {"departments": recordset(rows)},
    )


def _department_row(external_id: str, department: PublishedDepartment) -> dict[str, Any]:
    keys = search_keys(department.name)
    return {"external_id": external_id, **json_columns(department), "search_keys": keys}


async def bookable_departments(tx: Tx, hospital_id: int) -> dict[str, int]:
    """Return the departments that have sessions, by the hospital's ids."""
    rows = await tx.rows(
        """
        SELECT external_id, id FROM departments
        WHERE hospital_id = %(hospital_id)s AND external_id IS NOT NULL AND parent_id IS NOT NULL
        """,
        {"hospital_id": hospital_id},
    )
    return dict(rows)


# Sessions ---------------------------------------------------------------------------------

_HOSPITAL_SESSION = f"""
    SELECT s.id, s.external_id, d.external_id AS department_external_id,
           d.name AS department_name, s.booked, s.stopped_at IS NOT NULL AS stopped,
           s.attendance_known_at IS NOT NULL AS attendance_known, s.department_id, {TERMS}
    FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
    WHERE s.hospital_id = %(hospital_id)s AND d.hospital_id = %(hospital_id)s
"""  # of both tables: PostgreSQL starts from the hospital's departments, not from all of the days


def _hospital_session(
    *,
    id: int,
    external_id: str | None,
    department_external_id: str | None,
    department_name: str,
    booked: int,
    stopped: bool,
    attendance_known: bool,
    **terms: Any,
) -> HospitalSession:
    return HospitalSession(
        id,
        external_id,
        department_external_id,
        department_name,
        SessionTerms(**terms),
        booked,
        stopped,
        attendance_known,
    )


async def sessions_between(
    tx: Tx, hospital_id: int, first: date, last: date, after: int, limit: int
) -> list[HospitalSession]:
    """Return a hospital's sessions of some days, both included, with ids above `after`, by id."""
    return await tx.records(
        _hospital_session,
        f"""
        {_HOSPITAL_SESSION}
          AND s.visit_date BETWEEN %(first)s AND %(last)s AND s.id > %(after)s
        ORDER BY s.id LIMIT %(limit)s
        """,
        {
            "hospital_id": hospital_id,
            "first": first,
            "last": last,
            "after": after,
            "limit": limit,
        },
    )


async def published(
    tx: Tx, hospital_id: int, external_ids: Sequence[str]
) -> dict[str, HospitalSession]:
    """Return the sessions that have these ids of the hospital, by them."""
    found = await tx.records(
        _hospital_session,
        f"{_HOSPITAL_SESSION} AND s.external_id = ANY(%(external_ids)s::text[])",
        {"hospital_id": hospital_id, "external_ids": list(external_ids)},
    )
    return {session.external_id or "": session for session in found}


async def matches(tx: Tx, hospital_id: int, wanted: Mapping[str, SessionTerms]) -> list[Match]:
    """Return the sessions that these items may mean, by id: their own, or the same open clinic."""
    return await tx.records(
        Match,
        f"""
        WITH n AS MATERIALIZED (
            SELECT * FROM json_to_recordset(%(sessions)s::json)
                AS n (external_id text, {TERMS_TYPES})
            WHERE NOT EXISTS (SELECT FROM clinic_sessions k
                              WHERE k.hospital_id = %(hospital_id)s
                                AND k.external_id = n.external_id)
        )
        SELECT s.external_id, s.id, true AS linked
        FROM clinic_sessions s
        WHERE s.hospital_id = %(hospital_id)s AND s.external_id = ANY(%(external_ids)s::text[])
        UNION ALL
        SELECT n.external_id, s.id, false
        FROM n JOIN clinic_sessions s
          ON s.department_id = n.department_id AND s.visit_date = n.visit_date
         AND s.title = n.title AND s.specialty = n.specialty AND s.period = n.period
         AND s.starts_at IS NOT DISTINCT FROM n.starts_at
        WHERE s.hospital_id = %(hospital_id)s AND s.external_id IS NULL AND s.stopped_at IS NULL
        ORDER BY id
        """,
        {
            "hospital_id": hospital_id,
            "external_ids": list(wanted),
            "sessions": recordset(_session_rows(wanted)),
        },
    )


async def add_sessions(tx: Tx, hospital_id: int, new: Mapping[str, SessionTerms]) -> dict[str, int]:
    """Add sessions by the hospital's ids; return their ids."""
    rows = await tx.rows(
        f"""
        INSERT INTO clinic_sessions (hospital_id, external_id, department_id, {TERMS})
        SELECT %(hospital_id)s, external_id, department_id, {TERMS}
        FROM json_to_recordset(%(sessions)s::json) AS n (external_id text, {TERMS_TYPES})
        RETURNING external_id, id
        """,
        {"hospital_id": hospital_id, "sessions": recordset(_session_rows(new))},
    )
    return dict(rows)


def _session_rows(sessions: Mapping[str, SessionTerms]) -> list[dict[str, Any]]:
    return [
        {"external_id": external_id, **json_columns(terms)}
        for external_id, terms in sessions.items()
    ]
