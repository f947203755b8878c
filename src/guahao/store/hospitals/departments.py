"""A hospital's departments as its scheduler edits them, those off the platform among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from guahao.rules.hospitals.departments import Department, DepartmentEntry, DepartmentReach
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx

# Each of the first level before its members, by the hospital's `position`, else by the code.
_LISTED = """
    SELECT d.id, d.parent_id, d.code, d.name, d.name_en, d.on_platform
    FROM departments d LEFT JOIN departments parent ON parent.id = d.parent_id
    WHERE d.hospital_id = %(hospital_id)s
    ORDER BY coalesce(parent.position, d.position), coalesce(parent.code, d.code),
             d.parent_id NULLS FIRST, d.position, d.code
"""


async def listed(tx: Tx, hospital_id: int) -> list[Department]:
    """Return all of a hospital's departments, each of the first level before its members."""
    return await tx.records(Department, _LISTED, {"hospital_id": hospital_id})


async def spellings(tx: Tx, hospital_id: int) -> dict[int, str]:
    """Return how a hospital's departments are spelled, by id: pinyin and initials."""
    rows = await tx.rows(
        "SELECT id, search_keys FROM departments WHERE hospital_id = %(hospital_id)s",
        {"hospital_id": hospital_id},
    )
    return dict(rows)


async def reach(tx: Tx, department_id: int) -> DepartmentReach:
    """Return what hangs on a department, from tomorrow on."""
    found = await tx.record(
        DepartmentReach,
        """
        SELECT (SELECT count(*) FROM clinic_sessions
                WHERE department_id = d.id AND visit_date > %(today)s AND stopped_at IS NULL)
                   AS sessions,
               (SELECT count(*) FROM appointments a
                JOIN clinic_sessions s ON s.id = a.clinic_session_id
                WHERE s.department_id = d.id AND s.visit_date > %(today)s AND a.status = 'booked')
                   AS bookings,
               EXISTS (SELECT FROM appointments a
                       JOIN clinic_sessions s ON s.id = a.clinic_session_id
                       WHERE s.department_id = d.id) AS ever_booked,
               (SELECT count(*) FROM timetables
                WHERE department_id = d.id AND valid_until > %(today)s) AS timetables,
               (SELECT count(*) FROM departments own WHERE own.parent_id = d.id) AS members
        FROM departments d WHERE d.id = %(id)s
        """,
        {"today": tx.now.date(), "id": department_id},
    )
    assert found is not None
    return found


async def add(tx: Tx, hospital_id: int, code: str, entry: DepartmentEntry) -> int:
    """Add a department, on the platform where it can be booked; return its id.

    It is the last of its level where that was put in order by hand; else the code decides.
    """
    row = await tx.row(
        """
        INSERT INTO departments (hospital_id, parent_id, code, name, name_en, on_platform,
                                 search_keys, position)
        VALUES (%(hospital_id)s, %(parent_id)s, %(code)s, %(name)s, %(name_en)s,
                %(parent_id)s::bigint IS NOT NULL, %(search_keys)s,
                coalesce((SELECT max(position) + least(max(position), 1) FROM departments
                          WHERE hospital_id = %(hospital_id)s
                            AND parent_id IS NOT DISTINCT FROM %(parent_id)s::bigint), 0))
        RETURNING id
        """,
        {"hospital_id": hospital_id, "code": code, **_written(entry)},
    )
    assert row is not None
    return int(row[0])


async def change(tx: Tx, department_id: int, entry: DepartmentEntry) -> None:
    """Rename a department, or move it under another of the first level."""
    await tx.do(
        """
        UPDATE departments SET parent_id = %(parent_id)s, name = %(name)s, name_en = %(name_en)s,
                               search_keys = %(search_keys)s
        WHERE id = %(id)s
        """,
        {"id": department_id, **_written(entry)},
    )


def _written(entry: DepartmentEntry) -> dict[str, object]:
    return {**asdict(entry), "search_keys": search_keys(entry.name)}


async def set_on_platform(tx: Tx, department_id: int, *, on_platform: bool) -> None:
    """Show a department to patients, or to its hospital alone (S4)."""
    await tx.do(
        "UPDATE departments SET on_platform = %(on_platform)s WHERE id = %(id)s",
        {"on_platform": on_platform, "id": department_id},
    )


async def follow_members(tx: Tx, hospital_id: int) -> None:
    """Have departments of the first level on the platform as long as a member of theirs is."""
    await tx.do(
        """
        UPDATE departments head SET on_platform = NOT on_platform
        WHERE hospital_id = %(hospital_id)s AND parent_id IS NULL
          AND on_platform <> EXISTS (SELECT FROM departments own
                                     WHERE own.parent_id = head.id AND own.on_platform)
        """,
        {"hospital_id": hospital_id},
    )


async def put_in_order(tx: Tx, ids: Sequence[int]) -> None:
    """Number the departments in this order, from 1 on."""
    await tx.do(
        """
        UPDATE departments d SET position = n.position
        FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY n (id, position) WHERE d.id = n.id
        """,
        {"ids": list(ids)},
    )


async def delete(tx: Tx, department_id: int) -> None:
    """Delete a department with its timetables and sessions.

    Raises psycopg's ForeignKeyViolation where a booking, a stop or another record names it.
    """
    # In order of id, as all who change or stop many sessions lock them.
    await tx.do(
        "SELECT FROM clinic_sessions WHERE department_id = %(id)s ORDER BY id FOR UPDATE",
        {"id": department_id},
    )
    for table, column in (
        ("clinic_sessions", "department_id"),
        ("timetables", "department_id"),
        ("departments", "id"),
    ):
        await tx.do(f"DELETE FROM {table} WHERE {column} = %(id)s", {"id": department_id})
