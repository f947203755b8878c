"""Clinic sessions (门诊单元): reading them, rolling them out, stopping one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from guahao.store.db import Tx
from guahao.store.directory import RULES_COLUMNS, hospital_rules
from guahao.store.views import SessionView

# Over s = clinic_sessions, h = hospitals, d = departments; `session_view` reads them back.
SESSION_COLUMNS = f"""
    s.id, s.hospital_id, h.name, s.department_id, d.name, s.title, s.specialty, s.visit_date,
    s.period, s.starts_at, s.ends_at, s.fee_fen, s.capacity, s.booked, s.stopped_at IS NOT NULL,
    h.pickup_place, {RULES_COLUMNS}
"""
SESSION_WIDTH = 24  # how many columns of a row are SESSION_COLUMNS
_PLAIN_WIDTH = 16  # of these, what is not the hospital's rules

_LIST = f"""
    SELECT {SESSION_COLUMNS}
    FROM clinic_sessions s
    JOIN departments d ON d.id = s.department_id AND d.on_platform
    JOIN hospitals h ON h.id = s.hospital_id
    WHERE s.department_id = %s AND s.hospital_id = %s
      AND s.visit_date BETWEEN %s AND coalesce(%s::date, 'infinity')
      AND s.title = coalesce(%s, s.title) AND s.specialty = coalesce(%s, s.specialty)
    ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period),
             s.starts_at NULLS FIRST, s.title, s.specialty, s.id
"""  # noqa: S608 - constants


def session_view(row_part: Sequence[Any]) -> SessionView:
    """A clinic session from its SESSION_COLUMNS."""
    return SessionView(*[*row_part[:_PLAIN_WIDTH], hospital_rules(row_part[_PLAIN_WIDTH:])])


async def in_department(
    tx: Tx,
    hospital_id: int,
    department_id: int,
    date_from: date,
    date_to: date | None,
    title: str | None,
    specialty: str | None,
) -> list[SessionView]:
    """A department's sessions from `date_from` on, by date, period, start and title.

    Nothing where the department is kept off the platform (S4).
    """
    params = (department_id, hospital_id, date_from, date_to, title, specialty)
    return [session_view(row) for row in await tx.rows(_LIST, params)]
