"""A hospital's departments as it keeps them, those off the platform among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Department:
    """`parent_id` None: of the first level, which has no sessions of its own."""

    id: int
    parent_id: int | None
    code: str
    name: str
    name_en: str
    on_platform: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """What hangs on a department. `sessions`: open ones after today; `bookings`: theirs, live.

    `ever_booked`: whether there was any booking at any time; `timetables`: those not ended.
    """

    sessions: int
    bookings: int
    ever_booked: bool
    timetables: int
    members: int


# Each of the first level before its own; `position` is the hospital's, the code decides else.
_LISTED = """
    SELECT d.id, d.parent_id, d.code, d.name, d.name_en, d.on_platform
    FROM departments d LEFT JOIN departments parent ON parent.id = d.parent_id
    WHERE d.hospital_id = %s
    ORDER BY coalesce(parent.position, d.position), coalesce(parent.code, d.code),
             d.parent_id NULLS FIRST, d.position, d.code
"""


async def listed(tx: Tx, hospital_id: int) -> list[Department]:
    """All of a hospital's, each of the first level before its own."""
    return [Department(*row) for row in await tx.rows(_LISTED, (hospital_id,))]


async def reach(tx: Tx, department_id: int) -> Reach:
    """What hangs on a department, from tomorrow on."""
    today = tx.now.date()
    row = await tx.row(
        """
        SELECT (SELECT count(*) FROM clinic_sessions
                WHERE department_id = d.id AND visit_date > %s AND stopped_at IS NULL),
               (SELECT count(*) FROM appointments a
                JOIN clinic_sessions s ON s.id = a.clinic_session_id
                WHERE s.department_id = d.id AND s.visit_date > %s AND a.status = 'booked'),
               EXISTS (SELECT FROM appointments a
                       JOIN clinic_sessions s ON s.id = a.clinic_session_id
                       WHERE s.department_id = d.id),
               (SELECT count(*) FROM timetables WHERE department_id = d.id AND valid_until > %s),
               (SELECT count(*) FROM departments own WHERE own.parent_id = d.id)
        FROM departments d WHERE d.id = %s
        """,
        (today, today, today, department_id),
    )
    assert row is not None
    return Reach(*row)


async def add(
    tx: Tx, hospital_id: int, parent_id: int | None, code: str, name: str, name_en: str
) -> int:
    """A department, its id: where it can be booked, on the platform.

    The last of its own where these were put in order; else the code decides.
    """
    row = await tx.row(
        """
        INSERT INTO departments (hospital_id, parent_id, code, name, name_en, on_platform,
                                 search_keys, position)
        SELECT %s, asked.parent_id, %s, %s, %s, asked.parent_id IS NOT NULL, %s,
               coalesce((SELECT max(position) + least(max(position), 1) FROM departments
                         WHERE hospital_id = %s
                           AND parent_id IS NOT DISTINCT FROM asked.parent_id), 0)
        FROM (SELECT %s::bigint AS parent_id) asked
        RETURNING id
        """,
        (hospital_id, code, name, name_en, search_keys(name), hospital_id, parent_id),
    )
    assert row is not None
    return int(row[0])


async def change(
    tx: Tx, department_id: int, parent_id: int | None, name: str, name_en: str
) -> None:
    """Another name, or under another department of the first level."""
    await tx.do(
        "UPDATE departments SET (parent_id, name, name_en, search_keys) = (%s, %s, %s, %s)"
        " WHERE id = %s",
        (parent_id, name, name_en, search_keys(name), department_id),
    )


async def set_on_platform(tx: Tx, department_id: int, *, on_platform: bool) -> None:
    """Show it to patients, or to its hospital alone (S4)."""
    await tx.do(
        "UPDATE departments SET on_platform = %s WHERE id = %s", (on_platform, department_id)
    )


async def follow_members(tx: Tx, hospital_id: int) -> None:
    """A department of the first level is on the platform as long as one of its own is."""
    await tx.do(
        """
        UPDATE departments head SET on_platform = NOT on_platform
        WHERE hospital_id = %s AND parent_id IS NULL
          AND on_platform <> EXISTS (SELECT FROM departments own
                                     WHERE own.parent_id = head.id AND own.on_platform)
        """,
        (hospital_id,),
    )


async def put_in_order(tx: Tx, ids: Sequence[int]) -> None:
    """Their positions, from 1 on."""
    await tx.do(
        """
        UPDATE departments d SET position = n.position
        FROM unnest(%s::bigint[]) WITH ORDINALITY n (id, position) WHERE d.id = n.id
        """,
        (list(ids),),
    )


async def delete(tx: Tx, department_id: int) -> None:
    """With its timetables and sessions.

    Raises psycopg's ForeignKeyViolation where a booking, a stop or another record names it.
    """
    await tx.do("DELETE FROM clinic_sessions WHERE department_id = %s", (department_id,))
    await tx.do("DELETE FROM timetables WHERE department_id = %s", (department_id,))
    await tx.do("DELETE FROM departments WHERE id = %s", (department_id,))
