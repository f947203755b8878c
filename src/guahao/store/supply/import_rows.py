"""The rows of an imported file: comparing them with the plan, and applying them.

How a row compares is stored with it: `add` where nothing matches it, `same` where it is as
the plan is, else `change`. Whether it may be applied is decided by rules/supply/importing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from guahao.rules.supply.changes import Clinic
from guahao.rules.supply.importing import Conflict, RowFacts
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import copy_rows
from guahao.store.supply.changes import OFFERED
from guahao.store.supply.fees import listed_fee
from guahao.store.supply.timetables import TimetableChange

ACTION = "deed"  # the column: the release before this one would lose it by a rename


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row as it was read: a session's with its date, or a timetable's with its weekday."""

    sheet: str
    row: int
    hospital_id: int
    department_id: int
    clinic: Clinic
    visit_date: date | None = None
    iso_weekday: int | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    named_id: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """What a row would do: add or change something. `before_*`: as it stands, of a change alone."""

    action: str
    sheet: str
    row: int
    department_name: str
    department_name_en: str
    hospital_name: str
    clinic: Clinic
    visit_date: date | None
    iso_weekday: int | None
    valid_from: date | None
    valid_until: date | None
    before_ends_at: time | None
    before_fee_fen: int | None
    before_capacity: int | None
    before_valid_until: date | None


@dataclass(frozen=True, slots=True)
class PlannedDates:
    """On which dates an import adds or changes something.

    `timetables`: by weekday, from when until when. `sessions`: how many are on a date.
    """

    timetables: dict[int, tuple[date, date]]
    sessions: dict[date, int]


@dataclass(frozen=True, slots=True)
class ChangedTimetable:
    """A timetable that a row changes."""

    id: int
    before_valid_until: date
    change: TimetableChange


# The file's rows -------------------------------------------------------------------------------

_COPY = """
    COPY supply_import_rows (import_id, sheet, row, hospital_id, department_id, title, specialty,
                             period, starts_at, ends_at, fee_fen, capacity, visit_date,
                             iso_weekday, valid_from, valid_until, named_id)
    FROM STDIN
"""


async def replace_rows(tx: Tx, import_id: int, rows: Iterable[ImportRow]) -> None:
    """Save the rows of the file, in place of any before."""
    await drop_rows(tx, import_id)
    await copy_rows(tx, _COPY, (_copied(import_id, row) for row in rows))


def _copied(import_id: int, row: ImportRow) -> tuple[object, ...]:
    clinic = row.clinic
    return (
        *(import_id, row.sheet, row.row, row.hospital_id, row.department_id),
        *(clinic.title, clinic.specialty, clinic.period, clinic.starts_at, clinic.ends_at),
        *(clinic.fee_fen, clinic.capacity, row.visit_date, row.iso_weekday),
        *(row.valid_from, row.valid_until, row.named_id),
    )


async def drop_rows(tx: Tx, import_id: int) -> None:
    """Delete the rows."""
    await tx.do(
        "DELETE FROM supply_import_rows WHERE import_id = %(import_id)s", {"import_id": import_id}
    )


async def lock_hospitals(tx: Tx, import_id: int) -> None:
    """Lock the hospitals that the rows name, before all else, so that plans change in turn."""
    await tx.rows(
        """
        SELECT id FROM hospitals
        WHERE id IN (SELECT hospital_id FROM supply_import_rows WHERE import_id = %(import_id)s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"import_id": import_id},
    )


# Comparing --------------------------------------------------------------------------------------

# The same clinic: at most its end, fee, places and last day are different.
_SAME_CLINIC = """
    s.department_id = r.department_id AND s.title = r.title AND s.specialty = r.specialty
    AND s.period = r.period AND s.starts_at IS NOT DISTINCT FROM r.starts_at
"""
_FORGET = f"""
    UPDATE supply_import_rows SET {ACTION} = 'add', record_id = NULL, matches = 0
    WHERE import_id = %(import_id)s AND matches > 0
"""
# Of several that it might be, one that is as the row says.
_BEST = """
    SELECT *, count(*) OVER (PARTITION BY sheet, row) AS matches,
           row_number() OVER (PARTITION BY sheet, row ORDER BY same DESC, id) AS nth
    FROM matched
"""
_COMPARE_SESSIONS = f"""
    WITH matched AS (
        SELECT r.sheet, r.row, s.id, s.ends_at, s.fee_fen, s.capacity,
               s.booked + {OFFERED} AS booked,
               s.stopped_at IS NOT NULL AS stopped,
               s.ends_at IS NOT DISTINCT FROM r.ends_at AND s.fee_fen = r.fee_fen
               AND s.capacity = r.capacity AS same
        FROM supply_import_rows r
        JOIN clinic_sessions s ON s.visit_date = r.visit_date AND {_SAME_CLINIC}
         AND s.id = coalesce(r.named_id, s.id)
        WHERE r.import_id = %(import_id)s
    )
    UPDATE supply_import_rows r
    SET record_id = m.id, matches = m.matches, booked = m.booked, stopped = m.stopped,
        before_ends_at = m.ends_at, before_fee_fen = m.fee_fen, before_capacity = m.capacity,
        {ACTION} = CASE WHEN m.same THEN 'same' ELSE 'change' END
    FROM ({_BEST}) m
    WHERE m.nth = 1 AND r.import_id = %(import_id)s AND r.sheet = m.sheet AND r.row = m.row
"""
_COMPARE_TIMETABLES = f"""
    WITH matched AS (
        SELECT r.sheet, r.row, s.id, s.ends_at, s.fee_fen, s.capacity,
               least(s.valid_until, date '9999-12-31') AS valid_until,
               s.ends_at IS NOT DISTINCT FROM r.ends_at AND s.fee_fen = r.fee_fen
               AND s.capacity = r.capacity
               AND least(s.valid_until, date '9999-12-31') = r.valid_until AS same
        FROM supply_import_rows r
        JOIN timetables s ON s.iso_weekday = r.iso_weekday AND s.valid_from = r.valid_from
         AND {_SAME_CLINIC}
        WHERE r.import_id = %(import_id)s
    )
    UPDATE supply_import_rows r
    SET record_id = m.id, matches = m.matches, booked = 0, stopped = false,
        before_ends_at = m.ends_at, before_fee_fen = m.fee_fen, before_capacity = m.capacity,
        before_valid_until = m.valid_until,
        {ACTION} = CASE WHEN m.same THEN 'same' ELSE 'change' END
    FROM ({_BEST}) m
    WHERE m.nth = 1 AND r.import_id = %(import_id)s AND r.sheet = m.sheet AND r.row = m.row
"""


@asynccontextmanager
async def joined_as_a_whole(tx: Tx) -> AsyncIterator[None]:
    """Let every row be joined at once, not one after the other.

    The rows have just been written, so the planner takes them for a few: with a large plan
    it would look through one of the two tables for each row of the other.
    """
    await tx.do("SET LOCAL enable_nestloop = off")
    yield
    await tx.do("SET LOCAL enable_nestloop = on")


async def compare(tx: Tx, import_id: int) -> None:
    """Find what each row means by now, how that stands, and whether it is as the row says."""
    params = {"import_id": import_id}
    async with joined_as_a_whole(tx):
        await tx.do(_FORGET, params)
        await tx.do(_COMPARE_SESSIONS, params)
        await tx.do(_COMPARE_TIMETABLES, params)


async def fingerprint(tx: Tx, import_id: int) -> str:
    """Return another text whenever the comparison has come out otherwise."""
    row = await tx.row(
        f"""
        SELECT count(*), sum(hashtextextended(
            concat_ws('|', sheet, row, {ACTION}, record_id, stopped, before_ends_at, before_fee_fen,
                      before_capacity, before_valid_until), 0))
        FROM supply_import_rows WHERE import_id = %(import_id)s
        """,
        {"import_id": import_id},
    )
    assert row is not None
    return f"{row[0]}.{row[1]}"


# The rows that are not as the plan is.
_PLANNED = f"r.import_id = %(import_id)s AND r.{ACTION} <> 'same'"
_DIFFERING = f"""
    SELECT r.sheet, r.row, r.department_id,
           coalesce(d.on_platform AND d.parent_id IS NOT NULL, false) AS is_bookable,
           r.title, r.specialty, r.period, r.starts_at, r.ends_at, r.fee_fen, r.capacity,
           r.visit_date, r.iso_weekday, r.valid_from, r.valid_until,
           r.named_id IS NOT NULL AS is_named, r.matches, r.booked, r.stopped,
           r.before_ends_at, r.before_fee_fen, r.before_capacity, r.before_valid_until
    FROM supply_import_rows r LEFT JOIN departments d ON d.id = r.department_id
    WHERE {_PLANNED}
"""
# Two of the same clinic at the same time would be one in the patients' eyes. Without an end it
# takes its start for certain (OVERLAPS: a moment). What the file itself changes is compared within
# the file.
_OVERLAPS = f"""
    SELECT DISTINCT ON (r.sheet, r.row) r.sheet, r.row, 'overlaps_plan' AS word,
           left(s.starts_at::text, 5) AS since, left(s.ends_at::text, 5) AS until
    FROM supply_import_rows r
    JOIN clinic_sessions s ON s.visit_date = r.visit_date AND s.department_id = r.department_id
     AND s.title = r.title AND s.specialty = r.specialty AND s.period = r.period
     AND s.starts_at <> r.starts_at
     AND (s.starts_at, coalesce(s.ends_at, s.starts_at))
         OVERLAPS (r.starts_at, coalesce(r.ends_at, r.starts_at))
     AND s.stopped_at IS NULL
    WHERE {_PLANNED}
      AND NOT EXISTS (SELECT FROM supply_import_rows o
                      WHERE o.import_id = %(import_id)s AND o.visit_date IS NOT NULL
                        AND o.record_id = s.id)
    ORDER BY r.sheet, r.row, s.starts_at
"""
_TIMETABLE_OVERLAPS = f"""
    SELECT DISTINCT ON (r.sheet, r.row) r.sheet, r.row, 'overlaps_timetable' AS word,
           s.valid_from::text AS since, nullif(s.valid_until, 'infinity')::text AS until
    FROM supply_import_rows r
    JOIN timetables s ON s.iso_weekday = r.iso_weekday AND {_SAME_CLINIC}
     AND s.id IS DISTINCT FROM r.record_id
     AND s.valid_from <= r.valid_until AND r.valid_from <= s.valid_until
    WHERE {_PLANNED}
      AND NOT EXISTS (SELECT FROM supply_import_rows o
                      WHERE o.import_id = %(import_id)s AND o.visit_date IS NULL
                        AND o.record_id = s.id)
    ORDER BY r.sheet, r.row, s.valid_from
"""
# One row names a session by its number and another by its words; two of a kind are found
# within the file.
_TWICE = """
    SELECT sheet, row, 'duplicate' AS word, first AS number, first_sheet AS since FROM (
        SELECT sheet, row, first_value(row) OVER same AS first,
               first_value(sheet) OVER same AS first_sheet, row_number() OVER same AS nth,
               count(named_id) OVER (PARTITION BY record_id) AS named,
               count(*) OVER (PARTITION BY record_id) AS rows
        FROM supply_import_rows
        WHERE import_id = %(import_id)s AND visit_date IS NOT NULL AND record_id IS NOT NULL
        WINDOW same AS (PARTITION BY record_id ORDER BY sheet, row)
    ) numbered WHERE nth > 1 AND named > 0 AND named < rows
"""


async def differing_rows(tx: Tx, import_id: int) -> list[RowFacts]:
    """Return the rows of a compared import that are not as the plan is."""
    return await tx.records(RowFacts, _DIFFERING, {"import_id": import_id})


async def overlaps(tx: Tx, import_id: int) -> list[Conflict]:
    """Return the rows of a compared import that overlap the plan, or mean what another row does."""
    found: list[Conflict] = []
    async with joined_as_a_whole(tx):
        for sql in (_OVERLAPS, _TIMETABLE_OVERLAPS, _TWICE):
            found += await tx.records(Conflict, sql, {"import_id": import_id})
    return found


async def counts(tx: Tx, import_id: int) -> dict[str, int]:
    """Count the rows that are new, changed and the same, and of these the stopped sessions."""

    def counted(**counts: int) -> dict[str, int]:
        return counts

    found = await tx.record(
        counted,
        f"""
        SELECT count(*) FILTER (WHERE {ACTION} = 'add' AND visit_date IS NOT NULL) AS add,
               count(*) FILTER (WHERE {ACTION} = 'change' AND visit_date IS NOT NULL) AS change,
               count(*) FILTER (WHERE {ACTION} = 'same' AND visit_date IS NOT NULL) AS same,
               count(*) FILTER (WHERE {ACTION} = 'same' AND stopped) AS stopped,
               count(*) FILTER (WHERE {ACTION} = 'add' AND iso_weekday IS NOT NULL) AS add_weekly,
               count(*) FILTER (WHERE {ACTION} = 'change' AND iso_weekday IS NOT NULL)
                   AS change_weekly,
               count(*) FILTER (WHERE {ACTION} = 'same' AND iso_weekday IS NOT NULL) AS same_weekly
        FROM supply_import_rows WHERE import_id = %(import_id)s
        """,
        {"import_id": import_id},
    )
    assert found is not None
    return found


async def planned_dates(tx: Tx, import_id: int) -> dict[int, PlannedDates]:
    """Return by hospital on which dates the rows add or change something."""
    params = {"import_id": import_id}
    planned: defaultdict[int, PlannedDates] = defaultdict(lambda: PlannedDates({}, {}))
    for hospital_id, weekday, first, last in await tx.rows(
        f"""
        SELECT hospital_id, iso_weekday, min(valid_from), max(valid_until)
        FROM supply_import_rows r
        WHERE {_PLANNED} AND iso_weekday IS NOT NULL
        GROUP BY hospital_id, iso_weekday
        """,
        params,
    ):
        planned[hospital_id].timetables[weekday] = (first, last)
    for hospital_id, day, sessions in await tx.rows(
        f"""
        SELECT hospital_id, visit_date, count(*) FROM supply_import_rows r
        WHERE {_PLANNED} AND visit_date IS NOT NULL
        GROUP BY hospital_id, visit_date
        """,
        params,
    ):
        planned[hospital_id].sessions[day] = sessions
    return dict(planned)


async def new_titles(tx: Tx, import_id: int, limit: int) -> list[str]:
    """Return titles that no timetable or session of the hospital has had so far."""
    rows = await tx.rows(
        f"""
        SELECT DISTINCT r.title FROM supply_import_rows r
        WHERE r.import_id = %(import_id)s AND r.{ACTION} = 'add'
          AND NOT EXISTS (SELECT FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
                          WHERE d.hospital_id = r.hospital_id AND s.title = r.title)
          AND NOT EXISTS (SELECT FROM timetables t
                          WHERE t.hospital_id = r.hospital_id AND t.title = r.title)
        ORDER BY r.title LIMIT %(limit)s
        """,
        {"import_id": import_id, "limit": limit},
    )
    return [row[0] for row in rows]


async def actions(tx: Tx, import_id: int, action: str, limit: int) -> list[Action]:
    """Return the first rows that add or change something, in the file's order."""
    return await tx.records(
        _action,
        f"""
        SELECT r.{ACTION} AS action, r.sheet, r.row, d.name AS department_name,
               d.name_en AS department_name_en, h.name AS hospital_name,
               r.title, r.specialty, r.period, r.starts_at, r.ends_at, r.fee_fen, r.capacity,
               r.visit_date, r.iso_weekday, r.valid_from, r.valid_until,
               r.before_ends_at, r.before_fee_fen, r.before_capacity, r.before_valid_until
        FROM supply_import_rows r JOIN departments d ON d.id = r.department_id
        JOIN hospitals h ON h.id = r.hospital_id
        WHERE r.import_id = %(import_id)s AND r.{ACTION} = %(action)s
        ORDER BY r.sheet, r.row LIMIT %(limit)s
        """,
        {"import_id": import_id, "action": action, "limit": limit},
    )


def _action(
    *,
    title: str,
    specialty: str,
    period: str,
    starts_at: time | None,
    ends_at: time | None,
    fee_fen: int,
    capacity: int,
    **fields: Any,
) -> Action:
    clinic = Clinic(title, specialty, period, starts_at, ends_at, fee_fen, capacity)
    return Action(clinic=clinic, **fields)


# Applying ---------------------------------------------------------------------------------------


async def lock_changed(tx: Tx, import_id: int) -> None:
    """Lock what would be changed: timetables, then sessions, each in order of id.

    The sessions that follow a changed timetable, too.
    """
    params = {"import_id": import_id, "today": tx.now.date()}
    await tx.rows(
        f"""
        SELECT id FROM timetables WHERE id IN (
            SELECT record_id FROM supply_import_rows
            WHERE import_id = %(import_id)s AND {ACTION} = 'change' AND iso_weekday IS NOT NULL)
        ORDER BY id FOR NO KEY UPDATE
        """,
        params,
    )
    await tx.rows(
        f"""
        SELECT id FROM clinic_sessions WHERE id IN (
            SELECT record_id FROM supply_import_rows
            WHERE import_id = %(import_id)s AND {ACTION} = 'change' AND visit_date IS NOT NULL
            UNION ALL
            SELECT s.id FROM supply_import_rows r JOIN clinic_sessions s
              ON s.timetable_id = r.record_id AND s.visit_date > %(today)s
             AND s.external_id IS NULL
            WHERE r.import_id = %(import_id)s AND r.{ACTION} = 'change'
              AND r.iso_weekday IS NOT NULL)
        ORDER BY id FOR NO KEY UPDATE
        """,
        params,
    )


async def number_new(tx: Tx, import_id: int) -> int:
    """Give each new session its id; return how many there are."""
    return await tx.do(
        f"""
        UPDATE supply_import_rows
        SET record_id = nextval(pg_get_serial_sequence('clinic_sessions', 'id'))
        WHERE import_id = %(import_id)s AND {ACTION} = 'add' AND visit_date IS NOT NULL
        """,
        {"import_id": import_id},
    )


async def add_sessions(tx: Tx, import_id: int, after_id: int, limit: int) -> tuple[int, int]:
    """Add the next numbered sessions after an id; return how many, and the last one's id."""
    row = await tx.row(
        f"""
        WITH next AS (
            SELECT record_id, hospital_id, department_id, title, specialty, visit_date, period,
                   starts_at, ends_at, fee_fen, capacity
            FROM supply_import_rows
            WHERE import_id = %(import_id)s AND {ACTION} = 'add' AND visit_date IS NOT NULL
              AND record_id > %(after_id)s
            ORDER BY record_id LIMIT %(limit)s
        ), made AS (
            INSERT INTO clinic_sessions (id, hospital_id, department_id, title, specialty,
                                         visit_date, period, starts_at, ends_at, fee_fen, capacity)
            SELECT * FROM next RETURNING id
        )
        SELECT count(*), max(id) FROM made
        """,
        {"import_id": import_id, "after_id": after_id, "limit": limit},
    )
    assert row is not None
    return row[0], row[1] or after_id


async def sessions_by_action(tx: Tx, import_id: int) -> dict[str, list[int]]:
    """Return the ids of the sessions of an import, by what it does with them."""
    rows = await tx.rows(
        f"""
        SELECT {ACTION}, array_agg(record_id ORDER BY record_id) FROM supply_import_rows
        WHERE import_id = %(import_id)s AND record_id IS NOT NULL AND visit_date IS NOT NULL
        GROUP BY 1
        """,
        {"import_id": import_id},
    )
    return dict(rows)


async def change_sessions(tx: Tx, import_id: int) -> int:
    """Give locked sessions their new end, fee and places; return how many."""
    return await tx.do(
        f"""
        UPDATE clinic_sessions s
        SET ends_at = r.ends_at, fee_fen = r.fee_fen, capacity = r.capacity,
            -- What waits for a draw, for the counter or for referrals gives way to fewer places;
            -- what is offered does not.
            held = least(s.held, r.capacity - s.booked - {OFFERED}),
            reserved = least(s.reserved, r.capacity - s.booked
                                         - least(s.held, r.capacity - s.booked - {OFFERED}))
        FROM supply_import_rows r
        WHERE r.import_id = %(import_id)s AND r.{ACTION} = 'change' AND r.visit_date IS NOT NULL
          AND s.id = r.record_id
        """,
        {"import_id": import_id},
    )


async def add_timetables(tx: Tx, import_id: int) -> list[int]:
    """Add the new timetables; return the hospitals that own them."""
    params = {"import_id": import_id}
    await tx.do(
        f"""
        UPDATE supply_import_rows
        SET record_id = nextval(pg_get_serial_sequence('timetables', 'id'))
        WHERE import_id = %(import_id)s AND {ACTION} = 'add' AND iso_weekday IS NOT NULL
        """,
        params,
    )
    rows = await tx.rows(
        f"""
        WITH made AS (
            INSERT INTO timetables (id, hospital_id, department_id, title, specialty, iso_weekday,
                                    period, starts_at, ends_at, fee_fen, fee_is_own, capacity,
                                    valid_from, valid_until)
            SELECT record_id, hospital_id, department_id, title, specialty, iso_weekday, period,
                   starts_at, ends_at, fee_fen,
                   coalesce(fee_fen <> {listed_fee("r.hospital_id", "r.title", "valid_from")},
                            false),
                   capacity, valid_from,
                   CASE WHEN valid_until = date '9999-12-31' THEN 'infinity' ELSE valid_until END
            FROM supply_import_rows r
            WHERE import_id = %(import_id)s AND {ACTION} = 'add' AND iso_weekday IS NOT NULL
            ORDER BY sheet, row
            RETURNING hospital_id
        )
        SELECT DISTINCT hospital_id FROM made ORDER BY hospital_id
        """,
        params,
    )
    return [row[0] for row in rows]


async def changed_timetables(tx: Tx, import_id: int) -> list[ChangedTimetable]:
    """Return what is to become of locked timetables, in order of id.

    Where the file leaves the fee as it is, the line follows the hospital's list or not as before.
    """
    listed = listed_fee("r.hospital_id", "r.title", "greatest(r.valid_from, %(today)s)")
    return await tx.records(
        _changed_timetable,
        f"""
        SELECT record_id, r.hospital_id, r.title, r.specialty, r.period, r.starts_at, r.ends_at,
               r.fee_fen, r.capacity, r.valid_until, before_valid_until,
               CASE WHEN r.fee_fen = before_fee_fen THEN t.fee_is_own
                    ELSE coalesce(r.fee_fen <> {listed}, false) END AS fee_is_own
        FROM supply_import_rows r JOIN timetables t ON t.id = record_id
        WHERE import_id = %(import_id)s AND {ACTION} = 'change' AND r.iso_weekday IS NOT NULL
        ORDER BY record_id
        """,
        {"today": tx.now.date(), "import_id": import_id},
    )


def _changed_timetable(
    *,
    record_id: int,
    hospital_id: int,
    valid_until: date,
    before_valid_until: date,
    fee_is_own: bool,
    **clinic: Any,
) -> ChangedTimetable:
    change = TimetableChange(hospital_id, Clinic(**clinic), fee_is_own, valid_until)
    return ChangedTimetable(record_id, before_valid_until, change)
