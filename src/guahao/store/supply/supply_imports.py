"""Imports of sessions and timetables: the file, its rows, what they would change, applying."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from guahao.rules.staff.staff import Who
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import copy_rows
from guahao.store.supply.fees import listed_fee
from guahao.store.supply.timetables import Clinic

TAKEN_FOR = timedelta(minutes=5)
LEFT_AFTER = timedelta(minutes=1)  # its own job comes within seconds


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it stands; `found` is JSON. `hospital_id` None: of hospitals it names."""

    id: int
    hospital_id: int | None
    who: Who
    filename: str
    state: str
    step: str
    step_done: int
    step_of: int
    found: str
    checked_anew: bool
    at: datetime
    decided_at: datetime | None
    applied_at: datetime | None
    include_hidden: bool

    @property
    def is_open(self) -> bool:
        """Whether a worker has something to do for it."""
        return self.state in ("waiting", "confirmed")


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
class Deed:
    """What a row would do. `before_*`: as it stands, of a change alone."""

    deed: str
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
class Conflict:
    """A row that cannot be applied, as the plan stands.

    `number`: how many are booked, how many sessions it might mean, the fee that was told, or
    the other row (`since`: its sheet); else `since` and `until`: what it overlaps, what was told.
    """

    sheet: str
    row: int
    word: str
    number: int | None
    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class BookableDepartment:
    """A department as a file may name it."""

    id: int
    hospital_id: int
    code: str
    name: str
    is_head: bool
    on_platform: bool


# The import -----------------------------------------------------------------------------------

_IMPORT = """
    SELECT id, hospital_id, who_kind, who_id, who_name, filename, state, step, step_done, step_of,
           found, checked_anew, at, decided_at, applied_at, include_hidden
    FROM supply_imports
"""


def _import(row: Sequence[object]) -> Import:
    who = Who(*[*row[2:5], row[1]])  # type: ignore[arg-type]
    return Import(row[0], row[1], who, *row[5:])  # type: ignore[arg-type]


async def add(
    tx: Tx,
    hospital_id: int | None,
    who: Who,
    filename: str,
    content: bytes,
    *,
    include_hidden: bool,
) -> int:
    """Add an import that waits to be checked; return its id."""
    row = await tx.row(
        """
        INSERT INTO supply_imports (hospital_id, who_kind, who_id, who_name, filename, content, at,
                                    include_hidden)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (hospital_id, who.kind, who.id, who.name, filename, content, tx.now, include_hidden),
    )
    assert row is not None
    return int(row[0])


async def one(tx: Tx, import_id: int) -> Import | None:
    """An import; None if unknown or another hospital's."""
    row = await tx.row(_IMPORT + "WHERE id = %s", (import_id,))
    return None if row is None else _import(row)


async def latest(tx: Tx, hospital_id: int, limit: int) -> list[Import]:
    """A hospital's imports, the newest first."""
    rows = await tx.rows(
        _IMPORT + "WHERE hospital_id = %s ORDER BY id DESC LIMIT %s", (hospital_id, limit)
    )
    return [_import(row) for row in rows]


async def unfinished(tx: Tx) -> list[int]:
    """Imports that have waited for a worker for LEFT_AFTER and that none has."""
    rows = await tx.rows(
        """
        SELECT id FROM supply_imports
        WHERE state IN ('waiting', 'confirmed') AND coalesce(taken_until, '-infinity') < %s
          AND greatest(at, decided_at) < %s
        ORDER BY id
        """,
        (tx.now, tx.now - LEFT_AFTER),
    )
    return [row[0] for row in rows]


async def take(tx: Tx, import_id: int) -> Import | None:
    """Take an import to work on it, for TAKEN_FOR; None where another has it or it is done."""
    row = await tx.row(
        """
        UPDATE supply_imports SET taken_until = %s
        WHERE id = (SELECT id FROM supply_imports
                    WHERE id = %s AND state IN ('waiting', 'confirmed')
                      AND coalesce(taken_until, '-infinity') < %s
                    FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id
        """,
        (tx.now + TAKEN_FOR, import_id, tx.now),
    )
    return None if row is None else await one(tx, import_id)


async def give_back(tx: Tx, import_id: int) -> None:
    """Whoever took it is done with it."""
    await tx.do("UPDATE supply_imports SET taken_until = NULL WHERE id = %s", (import_id,))


async def content(tx: Tx, import_id: int) -> bytes:
    """The file."""
    row = await tx.row("SELECT content FROM supply_imports WHERE id = %s", (import_id,))
    assert row is not None
    return bytes(row[0])


async def note_step(tx: Tx, import_id: int, step: str, done: int, of: int) -> None:
    """How far the work has come; whoever works on holds it for longer."""
    await tx.do(
        """
        UPDATE supply_imports SET step = %s, step_done = %s, step_of = %s, taken_until = %s
        WHERE id = %s
        """,
        (step, done, of, tx.now + TAKEN_FOR, import_id),
    )


async def lock_waiting(tx: Tx, import_id: int) -> bool:
    """Lock an import for what its check has found; False where it no longer waits for it."""
    row = await tx.row(
        "SELECT 1 FROM supply_imports WHERE id = %s AND state = 'waiting' FOR NO KEY UPDATE",
        (import_id,),
    )
    return row is not None


async def note_checked(tx: Tx, import_id: int, state: str, found: str) -> None:
    """What the check of a locked import has found; a faulty file has served."""
    await tx.do(
        """
        UPDATE supply_imports
        SET state = %s, found = %s, content = CASE WHEN %s = 'faulty' THEN NULL ELSE content END
        WHERE id = %s
        """,
        (state, found, state, import_id),
    )


async def decide(tx: Tx, import_id: int, state: str, *before: str) -> bool:
    """Confirm or withdraw an import that is in one of the states `before`; whether it was."""
    done = await tx.do(
        """
        UPDATE supply_imports SET state = %s, decided_at = %s, checked_anew = false,
            content = CASE WHEN %s = 'withdrawn' THEN NULL ELSE content END
        WHERE id = %s AND state = ANY(%s)
        """,
        (state, tx.now, state, import_id, list(before)),
    )
    return done == 1


async def withdraw_forgotten(tx: Tx, before: datetime) -> int:
    """Withdraw what came before then and was never confirmed; how many files went."""
    await tx.do(
        """
        DELETE FROM supply_import_rows
        WHERE import_id IN (SELECT id FROM supply_imports WHERE state = 'checked' AND at < %s)
        """,
        (before,),
    )
    return await tx.do(
        """
        UPDATE supply_imports SET state = 'withdrawn', decided_at = %s, content = NULL
        WHERE state = 'checked' AND at < %s
        """,
        (tx.now, before),
    )


async def open_of(tx: Tx, hospital_id: int) -> int:
    """How many of a hospital's files wait for a worker."""
    row = await tx.row(
        """
        SELECT count(*) FROM supply_imports
        WHERE hospital_id = %s AND state IN ('waiting', 'confirmed')
        """,
        (hospital_id,),
    )
    assert row is not None
    return int(row[0])


async def check_anew(tx: Tx, import_id: int) -> None:
    """What was confirmed is no longer what would happen: back to the check."""
    await tx.do(
        "UPDATE supply_imports SET state = 'waiting', checked_anew = true WHERE id = %s",
        (import_id,),
    )


async def note_applied(tx: Tx, import_id: int, found: str) -> None:
    """It is done; what it added and changed stays, the file and the rest go."""
    await tx.do(
        "DELETE FROM supply_import_rows WHERE import_id = %s AND deed = 'same'", (import_id,)
    )
    await tx.do(
        """
        UPDATE supply_imports SET state = 'applied', applied_at = %s, content = NULL, found = %s
        WHERE id = %s
        """,
        (tx.now, found, import_id),
    )


async def lock_hospitals(tx: Tx, import_id: int) -> None:
    """One import at a time changes a hospital's plan; the first of its locks."""
    await tx.rows(
        """
        SELECT id FROM hospitals
        WHERE id IN (SELECT hospital_id FROM supply_import_rows WHERE import_id = %s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        (import_id,),
    )


async def departments(tx: Tx, hospital_id: int | None) -> list[BookableDepartment]:
    """Every department of the hospital, or of all of them."""
    rows = await tx.rows(
        """
        SELECT id, hospital_id, code, name, parent_id IS NULL, on_platform FROM departments
        WHERE hospital_id = coalesce(%s, hospital_id)
        """,
        (hospital_id,),
    )
    return [BookableDepartment(*row) for row in rows]


async def hospital_codes(tx: Tx, hospital_id: int | None) -> dict[str, int]:
    """Ids by code, of the hospital or of all."""
    rows = await tx.rows(
        "SELECT code, id FROM hospitals WHERE id = coalesce(%s, id)", (hospital_id,)
    )
    return {row[0]: row[1] for row in rows}


# Its rows ---------------------------------------------------------------------------------------

_COPY = """
    COPY supply_import_rows (import_id, sheet, row, hospital_id, department_id, title, specialty,
                             period, starts_at, ends_at, fee_fen, capacity, visit_date,
                             iso_weekday, valid_from, valid_until, named_id)
    FROM STDIN
"""


async def replace_rows(tx: Tx, import_id: int, rows: Iterable[ImportRow]) -> None:
    """The rows of the file, in place of any before."""
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
    """Forget the rows."""
    await tx.do("DELETE FROM supply_import_rows WHERE import_id = %s", (import_id,))


# Comparing --------------------------------------------------------------------------------------

# The same clinic: at most its end, fee, places and last day are different.
_SAME_CLINIC = """
    s.department_id = r.department_id AND s.title = r.title AND s.specialty = r.specialty
    AND s.period = r.period AND s.starts_at IS NOT DISTINCT FROM r.starts_at
"""
_FORGET = """
    UPDATE supply_import_rows SET deed = 'add', record_id = NULL, matches = 0
    WHERE import_id = %s AND matches > 0
"""
# Of several that it might be, one that is as the row says.
_BEST = """
    SELECT *, count(*) OVER (PARTITION BY sheet, row) AS matches,
           row_number() OVER (PARTITION BY sheet, row ORDER BY same DESC, id) AS nth
    FROM matched
"""
_COMPARE_SESSIONS = f"""
    WITH matched AS (
        SELECT r.sheet, r.row, s.id, s.ends_at, s.fee_fen, s.capacity, s.booked,
               s.stopped_at IS NOT NULL AS stopped,
               s.ends_at IS NOT DISTINCT FROM r.ends_at AND s.fee_fen = r.fee_fen
               AND s.capacity = r.capacity AS same
        FROM supply_import_rows r
        JOIN clinic_sessions s ON s.visit_date = r.visit_date AND {_SAME_CLINIC}
         AND s.id = coalesce(r.named_id, s.id)
        WHERE r.import_id = %s
    )
    UPDATE supply_import_rows r
    SET record_id = m.id, matches = m.matches, booked = m.booked, stopped = m.stopped,
        before_ends_at = m.ends_at, before_fee_fen = m.fee_fen, before_capacity = m.capacity,
        deed = CASE WHEN m.same THEN 'same' ELSE 'change' END
    FROM ({_BEST}) m
    WHERE m.nth = 1 AND r.import_id = %s AND r.sheet = m.sheet AND r.row = m.row
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
        WHERE r.import_id = %s
    )
    UPDATE supply_import_rows r
    SET record_id = m.id, matches = m.matches, booked = 0, stopped = false,
        before_ends_at = m.ends_at, before_fee_fen = m.fee_fen, before_capacity = m.capacity,
        before_valid_until = m.valid_until,
        deed = CASE WHEN m.same THEN 'same' ELSE 'change' END
    FROM ({_BEST}) m
    WHERE m.nth = 1 AND r.import_id = %s AND r.sheet = m.sheet AND r.row = m.row
"""


@asynccontextmanager
async def joined_as_a_whole(tx: Tx) -> AsyncIterator[None]:
    """Let every row be joined at once rather than one by one.

    The rows have just been written, so the planner takes them for a few: with a large plan
    it would look through one of the two tables for each row of the other.
    """
    await tx.do("SET LOCAL enable_nestloop = off")
    yield
    await tx.do("SET LOCAL enable_nestloop = on")


async def compare(tx: Tx, import_id: int) -> None:
    """Find what each row is by now, and whether it is new, changed or the same."""
    async with joined_as_a_whole(tx):
        await tx.do(_FORGET, (import_id,))
        await tx.do(_COMPARE_SESSIONS, (import_id, import_id))
        await tx.do(_COMPARE_TIMETABLES, (import_id, import_id))


async def fingerprint(tx: Tx, import_id: int) -> str:
    """Another text whenever the comparison has come out otherwise."""
    row = await tx.row(
        """
        SELECT count(*), sum(hashtextextended(
            concat_ws('|', sheet, row, deed, record_id, stopped, before_ends_at, before_fee_fen,
                      before_capacity, before_valid_until), 0))
        FROM supply_import_rows WHERE import_id = %s
        """,
        (import_id,),
    )
    assert row is not None
    return f"{row[0]}.{row[1]}"


_CONFLICTS = """
    SELECT r.sheet, r.row, c.word, c.number, NULL, c.until
    FROM supply_import_rows r
    CROSS JOIN LATERAL (VALUES
        (r.named_id IS NOT NULL AND r.matches = 0, 'unknown_session', NULL, NULL),
        (NOT EXISTS (SELECT FROM departments d WHERE d.id = r.department_id AND d.on_platform
                     AND d.parent_id IS NOT NULL), 'unknown_department', NULL, NULL),
        (r.deed = 'add' AND NOT EXISTS (SELECT FROM titles t WHERE t.name = r.title
                                        AND t.retired_at IS NULL), 'title_not_offered', NULL,
         NULL),
        (r.deed = 'change' AND r.matches > 1, 'ambiguous', r.matches, NULL),
        (r.deed <> 'same' AND r.visit_date < %s, 'date_past', NULL, NULL),
        (r.deed <> 'same' AND r.visit_date = %s, 'date_today', NULL, NULL),
        (r.deed = 'add' AND r.valid_from < %s, 'date_past', NULL, NULL),
        (r.deed = 'add' AND r.valid_from = %s, 'date_today', NULL, NULL),
        (r.deed = 'change' AND least(r.valid_until, r.before_valid_until) < %s, 'ended', NULL,
         r.before_valid_until::text),
        (r.deed = 'change' AND r.stopped, 'session_stopped', NULL, NULL),
        (r.deed = 'change' AND NOT r.stopped AND r.capacity < r.booked, 'below_booked', r.booked,
         NULL),
        (r.deed = 'change' AND NOT r.stopped AND r.booked > 0 AND r.fee_fen <> r.before_fee_fen,
         'fee_is_told', r.before_fee_fen, NULL),
        (r.deed = 'change' AND NOT r.stopped AND r.booked > 0
         AND r.ends_at IS DISTINCT FROM r.before_ends_at, 'hours_are_told', NULL,
         left(r.before_ends_at::text, 5))
    ) AS c (holds, word, number, until)
    WHERE r.import_id = %s AND c.holds
"""
# Two of the same clinic at the same time would be one in the patients' eyes. What the file
# itself changes is compared within the file.
_OVERLAPS = """
    SELECT DISTINCT ON (r.sheet, r.row) r.sheet, r.row, 'overlaps_plan', NULL,
           left(s.starts_at::text, 5), left(s.ends_at::text, 5)
    FROM supply_import_rows r
    JOIN clinic_sessions s ON s.visit_date = r.visit_date AND s.department_id = r.department_id
     AND s.title = r.title AND s.specialty = r.specialty AND s.period = r.period
     AND s.starts_at <> r.starts_at AND s.starts_at < r.ends_at AND r.starts_at < s.ends_at
     AND s.stopped_at IS NULL
    WHERE r.import_id = %s AND r.deed <> 'same'
      AND NOT EXISTS (SELECT FROM supply_import_rows o
                      WHERE o.import_id = %s AND o.visit_date IS NOT NULL AND o.record_id = s.id)
    ORDER BY r.sheet, r.row, s.starts_at
"""
_TIMETABLE_OVERLAPS = f"""
    SELECT DISTINCT ON (r.sheet, r.row) r.sheet, r.row, 'overlaps_timetable', NULL,
           s.valid_from::text, nullif(s.valid_until, 'infinity')::text
    FROM supply_import_rows r
    JOIN timetables s ON s.iso_weekday = r.iso_weekday AND {_SAME_CLINIC}
     AND s.id IS DISTINCT FROM r.record_id
     AND s.valid_from <= r.valid_until AND r.valid_from <= s.valid_until
    WHERE r.import_id = %s AND r.deed <> 'same'
      AND NOT EXISTS (SELECT FROM supply_import_rows o
                      WHERE o.import_id = %s AND o.visit_date IS NULL AND o.record_id = s.id)
    ORDER BY r.sheet, r.row, s.valid_from
"""
# One row names a session by its number and another by its words; two of a kind are found
# within the file.
_TWICE = """
    SELECT sheet, row, 'duplicate', first, first_sheet, NULL FROM (
        SELECT sheet, row, first_value(row) OVER same AS first,
               first_value(sheet) OVER same AS first_sheet, row_number() OVER same AS nth,
               count(named_id) OVER (PARTITION BY record_id) AS named,
               count(*) OVER (PARTITION BY record_id) AS rows
        FROM supply_import_rows
        WHERE import_id = %s AND visit_date IS NOT NULL AND record_id IS NOT NULL
        WINDOW same AS (PARTITION BY record_id ORDER BY sheet, row)
    ) numbered WHERE nth > 1 AND named > 0 AND named < rows
"""


async def conflicts(tx: Tx, import_id: int) -> list[Conflict]:
    """Rows that cannot be applied to the plan as it stands."""
    today = tx.now.date()
    async with joined_as_a_whole(tx):
        found = await tx.rows(_CONFLICTS, (*[today] * 5, import_id))
        for overlaps in (_OVERLAPS, _TIMETABLE_OVERLAPS):
            found += await tx.rows(overlaps, (import_id, import_id))
        found += await tx.rows(_TWICE, (import_id,))
    return [Conflict(*row) for row in found]


async def counts(tx: Tx, import_id: int) -> dict[str, int]:
    """How many rows are new, changed and the same; how many of these are stopped sessions."""
    row = await tx.row(
        """
        SELECT count(*) FILTER (WHERE deed = 'add' AND visit_date IS NOT NULL),
               count(*) FILTER (WHERE deed = 'change' AND visit_date IS NOT NULL),
               count(*) FILTER (WHERE deed = 'same' AND visit_date IS NOT NULL),
               count(*) FILTER (WHERE deed = 'same' AND stopped),
               count(*) FILTER (WHERE deed = 'add' AND iso_weekday IS NOT NULL),
               count(*) FILTER (WHERE deed = 'change' AND iso_weekday IS NOT NULL),
               count(*) FILTER (WHERE deed = 'same' AND iso_weekday IS NOT NULL)
        FROM supply_import_rows WHERE import_id = %s
        """,
        (import_id,),
    )
    assert row is not None
    names = ("add", "change", "same", "stopped", "add_weekly", "change_weekly", "same_weekly")
    return dict(zip(names, row, strict=True))


async def new_titles(tx: Tx, import_id: int, limit: int) -> list[str]:
    """Titles that no timetable or session of the hospital has had so far."""
    rows = await tx.rows(
        """
        SELECT DISTINCT r.title FROM supply_import_rows r
        WHERE r.import_id = %s AND r.deed = 'add'
          AND NOT EXISTS (SELECT FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
                          WHERE d.hospital_id = r.hospital_id AND s.title = r.title)
          AND NOT EXISTS (SELECT FROM timetables t
                          WHERE t.hospital_id = r.hospital_id AND t.title = r.title)
        ORDER BY r.title LIMIT %s
        """,
        (import_id, limit),
    )
    return [row[0] for row in rows]


async def deeds(tx: Tx, import_id: int, deed: str, limit: int) -> list[Deed]:
    """The first rows that add or change something, in the file's order."""
    rows = await tx.rows(
        """
        SELECT r.deed, r.sheet, r.row, d.name, d.name_en, h.name,
               r.title, r.specialty, r.period, r.starts_at, r.ends_at, r.fee_fen, r.capacity,
               r.visit_date, r.iso_weekday, r.valid_from, r.valid_until,
               r.before_ends_at, r.before_fee_fen, r.before_capacity, r.before_valid_until
        FROM supply_import_rows r JOIN departments d ON d.id = r.department_id
        JOIN hospitals h ON h.id = r.hospital_id
        WHERE r.import_id = %s AND r.deed = %s ORDER BY r.sheet, r.row LIMIT %s
        """,
        (import_id, deed, limit),
    )
    return [Deed(*[*row[:6], Clinic(*row[6:13]), *row[13:]]) for row in rows]


# Applying ---------------------------------------------------------------------------------------


async def lock_changed(tx: Tx, import_id: int) -> None:
    """Lock what would be changed: timetables, then sessions (those that follow a changed
    timetable, too), each in order of id."""
    await tx.rows(
        """
        SELECT id FROM timetables WHERE id IN (
            SELECT record_id FROM supply_import_rows
            WHERE import_id = %s AND deed = 'change' AND iso_weekday IS NOT NULL)
        ORDER BY id FOR NO KEY UPDATE
        """,
        (import_id,),
    )
    await tx.rows(
        """
        SELECT id FROM clinic_sessions WHERE id IN (
            SELECT record_id FROM supply_import_rows
            WHERE import_id = %s AND deed = 'change' AND visit_date IS NOT NULL
            UNION ALL
            SELECT s.id FROM supply_import_rows r JOIN clinic_sessions s
              ON s.timetable_id = r.record_id AND s.visit_date > %s AND s.external_id IS NULL
            WHERE r.import_id = %s AND r.deed = 'change' AND r.iso_weekday IS NOT NULL)
        ORDER BY id FOR NO KEY UPDATE
        """,
        (import_id, tx.now.date(), import_id),
    )


async def number_new(tx: Tx, import_id: int) -> int:
    """Give each new session its id; how many there are."""
    return await tx.do(
        """
        UPDATE supply_import_rows
        SET record_id = nextval(pg_get_serial_sequence('clinic_sessions', 'id'))
        WHERE import_id = %s AND deed = 'add' AND visit_date IS NOT NULL
        """,
        (import_id,),
    )


async def add_sessions(tx: Tx, import_id: int, after_id: int, limit: int) -> tuple[int, int]:
    """Make the next `limit` numbered sessions after an id; how many, and the last one's id."""
    row = await tx.row(
        """
        WITH next AS (
            SELECT record_id, hospital_id, department_id, title, specialty, visit_date, period,
                   starts_at, ends_at, fee_fen, capacity
            FROM supply_import_rows
            WHERE import_id = %s AND deed = 'add' AND visit_date IS NOT NULL AND record_id > %s
            ORDER BY record_id LIMIT %s
        ), made AS (
            INSERT INTO clinic_sessions (id, hospital_id, department_id, title, specialty,
                                         visit_date, period, starts_at, ends_at, fee_fen, capacity)
            SELECT * FROM next RETURNING id
        )
        SELECT count(*), max(id) FROM made
        """,
        (import_id, after_id, limit),
    )
    assert row is not None
    return row[0], row[1] or after_id


async def change_sessions(tx: Tx, import_id: int) -> int:
    """Give locked sessions their new end, fee and places; how many."""
    return await tx.do(
        """
        UPDATE clinic_sessions s
        SET ends_at = r.ends_at, fee_fen = r.fee_fen, capacity = r.capacity
        FROM supply_import_rows r
        WHERE r.import_id = %s AND r.deed = 'change' AND r.visit_date IS NOT NULL
          AND s.id = r.record_id
        """,
        (import_id,),
    )


async def add_timetables(tx: Tx, import_id: int) -> list[int]:
    """Make the new timetables; the hospitals whose they are."""
    await tx.do(
        """
        UPDATE supply_import_rows
        SET record_id = nextval(pg_get_serial_sequence('timetables', 'id'))
        WHERE import_id = %s AND deed = 'add' AND iso_weekday IS NOT NULL
        """,
        (import_id,),
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
            WHERE import_id = %s AND deed = 'add' AND iso_weekday IS NOT NULL
            ORDER BY sheet, row
            RETURNING hospital_id
        )
        SELECT DISTINCT hospital_id FROM made ORDER BY hospital_id
        """,
        (import_id,),
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class ChangedTimetable:
    """A timetable that a row changes."""

    id: int
    hospital_id: int
    clinic: Clinic
    valid_until: date
    before_valid_until: date
    fee_is_own: bool


async def changed_timetables(tx: Tx, import_id: int) -> list[ChangedTimetable]:
    """What is to become of locked timetables, in order of id.

    Where the file leaves the fee as it is, the line follows the hospital's list or not as before.
    """
    listed = listed_fee("r.hospital_id", "r.title", "greatest(r.valid_from, %s)")
    rows = await tx.rows(
        f"""
        SELECT record_id, r.hospital_id, r.title, r.specialty, r.period, r.starts_at, r.ends_at,
               r.fee_fen, r.capacity, r.valid_until, before_valid_until,
               CASE WHEN r.fee_fen = before_fee_fen THEN t.fee_is_own
                    ELSE coalesce(r.fee_fen <> {listed}, false) END
        FROM supply_import_rows r JOIN timetables t ON t.id = record_id
        WHERE import_id = %s AND deed = 'change' AND r.iso_weekday IS NOT NULL ORDER BY record_id
        """,
        (tx.now.date(), import_id),
    )
    return [ChangedTimetable(row[0], row[1], Clinic(*row[2:9]), *row[9:]) for row in rows]


# Handing out -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExportedSession:
    """A session as a file holds it."""

    id: int
    hospital_code: str
    department_code: str
    department_name: str
    visit_date: date
    booked: int
    stopped: bool
    clinic: Clinic


async def sessions_between(
    tx: Tx, hospital_id: int, first: date, last: date, limit: int
) -> list[ExportedSession]:
    """A hospital's sessions of these days, both included."""
    rows = await tx.rows(
        """
        SELECT s.id, h.code, d.code, d.name, s.visit_date, s.booked, s.stopped_at IS NOT NULL,
               s.title, s.specialty, s.period, s.starts_at, s.ends_at, s.fee_fen, s.capacity
        FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
        JOIN hospitals h ON h.id = s.hospital_id
        WHERE s.department_id IN (SELECT id FROM departments WHERE hospital_id = %s)
          AND s.visit_date BETWEEN %s AND %s
        ORDER BY s.visit_date, d.code, array_position('{morning,afternoon,evening}', s.period),
                 s.starts_at NULLS FIRST, s.title, s.id
        LIMIT %s
        """,
        (hospital_id, first, last, limit),
    )
    return [ExportedSession(*[*row[:7], Clinic(*row[7:])]) for row in rows]
