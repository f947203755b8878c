"""Single sessions beside those of a weekly timetable: a clinic is then probably on offer twice.

The same department, title, specialty, date and period, another start, and hours that overlap:
with the same start it is one and the same session (docs/decisions/0019), and one after the other
they are a clinic's time slots. Without a time it takes the whole period. What was stopped, has no
places or follows the hospital's own system is no timetable's offer. Nothing is refused: a hospital
may mean it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from guahao.rules.supply.changes import SessionTerms
from guahao.store.kernel.db import Tx, json_columns, recordset
from guahao.store.supply.import_rows import joined_as_a_whole


@dataclass(frozen=True, slots=True)
class DoubleSupply:
    """The timetable's session that an item stands beside; None where it is still to be made."""

    session_id: int | None


@dataclass(frozen=True, slots=True)
class DoubleSupplyRow:
    """A row of a file, and what its session stands beside.

    Of a row that is a timetable itself (`is_weekly`) that is the first single session.
    `session_id` None: the timetable's session is still to be made.
    """

    sheet: str
    row: int
    is_weekly: bool
    department_name: str
    department_name_en: str
    title: str
    specialty: str
    visit_date: date
    period: str
    session_id: int | None
    capacity: int


# A timetable `t` on the day of `n`, and its session `s` of that day, if it was made.
_ITS_TIMETABLE = """
    JOIN timetables t ON t.department_id = n.department_id
     AND t.iso_weekday = extract(isodow FROM n.visit_date)::int
     AND n.visit_date BETWEEN t.valid_from AND t.valid_until
    LEFT JOIN clinic_sessions s ON s.timetable_id = t.id AND s.visit_date = n.visit_date
"""
# Once booked, a session keeps its words when its timetable changes. A timetable makes nothing
# beside the same clinic with the same start.
_ON_OFFER = """
    coalesce(s.title, t.title) = n.title AND coalesce(s.specialty, t.specialty) = n.specialty
    AND coalesce(s.period, t.period) = n.period AND coalesce(s.capacity, t.capacity) > 0
    AND coalesce(s.starts_at, t.starts_at) IS DISTINCT FROM n.starts_at
    AND (n.starts_at IS NULL OR coalesce(s.starts_at, t.starts_at) IS NULL
         OR (n.starts_at, coalesce(n.ends_at, time '24:00')) OVERLAPS
            (coalesce(s.starts_at, t.starts_at),
             coalesce(CASE WHEN s.id IS NULL THEN t.ends_at ELSE s.ends_at END, time '24:00')))
    AND s.stopped_at IS NULL AND s.external_id IS NULL
    AND (s.id IS NOT NULL OR NOT EXISTS (
        SELECT FROM clinic_sessions o
        WHERE o.department_id = t.department_id AND o.visit_date = n.visit_date
          AND o.timetable_id IS NULL AND o.title = t.title AND o.specialty = t.specialty
          AND o.period = t.period AND o.starts_at IS NOT DISTINCT FROM t.starts_at))
"""
_BEST = "coalesce(s.starts_at, t.starts_at) NULLS FIRST, t.id"


async def beside_timetables(
    tx: Tx, sessions: Mapping[str, SessionTerms]
) -> dict[str, DoubleSupply]:
    """Return what these published sessions stand beside, by the hospital's ids."""
    rows = await tx.rows(
        f"""
        SELECT DISTINCT ON (n.external_id) n.external_id, s.id
        FROM json_to_recordset(%(sessions)s::json)
            AS n (external_id text, department_id bigint, title text, specialty text,
                  visit_date date, period text, starts_at time, ends_at time)
        {_ITS_TIMETABLE}
        WHERE {_ON_OFFER}
        ORDER BY n.external_id, {_BEST}
        """,
        {
            "sessions": recordset(
                [{"external_id": id, **json_columns(terms)} for id, terms in sessions.items()]
            )
        },
    )
    return {external_id: DoubleSupply(session_id) for external_id, session_id in rows}


_ROWS_BESIDE = f"""
    SELECT DISTINCT ON (n.sheet, n.row) n.sheet, n.row, false AS is_weekly,
           d.name AS department_name, d.name_en AS department_name_en, n.title, n.specialty,
           n.visit_date, n.period, s.id AS session_id,
           coalesce(s.capacity, t.capacity) AS capacity
    FROM supply_import_rows n JOIN departments d ON d.id = n.department_id
    {_ITS_TIMETABLE}
    LEFT JOIN clinic_sessions own ON own.id = n.record_id
    WHERE n.import_id = %(import_id)s AND n.visit_date > %(today)s AND n.capacity > 0
      AND own.timetable_id IS NULL AND own.stopped_at IS NULL AND {_ON_OFFER}
    ORDER BY n.sheet, n.row, {_BEST}
"""
_WEEKLY_BESIDE = """
    SELECT DISTINCT ON (n.sheet, n.row) n.sheet, n.row, true AS is_weekly,
           d.name AS department_name, d.name_en AS department_name_en, n.title, n.specialty,
           s.visit_date, n.period, s.id AS session_id, s.capacity
    FROM supply_import_rows n JOIN departments d ON d.id = n.department_id
    JOIN clinic_sessions s ON s.department_id = n.department_id AND s.title = n.title
     AND s.specialty = n.specialty AND s.period = n.period
     AND extract(isodow FROM s.visit_date)::int = n.iso_weekday
     AND s.visit_date BETWEEN n.valid_from AND n.valid_until
    WHERE n.import_id = %(import_id)s AND s.visit_date > %(today)s AND n.capacity > 0
      AND s.capacity > 0
      AND s.timetable_id IS NULL AND s.stopped_at IS NULL
      AND s.starts_at IS DISTINCT FROM n.starts_at
      AND (n.starts_at IS NULL OR s.starts_at IS NULL
           OR (n.starts_at, coalesce(n.ends_at, time '24:00'))
              OVERLAPS (s.starts_at, coalesce(s.ends_at, time '24:00')))
    ORDER BY n.sheet, n.row, s.visit_date, s.starts_at NULLS FIRST, s.id
"""


async def beside_rows(tx: Tx, import_id: int) -> list[DoubleSupplyRow]:
    """Return the rows of a compared import that would put the same clinic on offer twice."""
    params = {"import_id": import_id, "today": tx.now.date()}
    async with joined_as_a_whole(tx):
        found = await tx.records(DoubleSupplyRow, _ROWS_BESIDE, params)
        return found + await tx.records(DoubleSupplyRow, _WEEKLY_BESIDE, params)
