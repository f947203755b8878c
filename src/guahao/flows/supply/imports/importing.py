"""Import sessions and timetables: receive a file, check it, confirm, apply it as a whole.

A worker checks and applies (`carry_out`), as a large file takes a while; the sender sees its
progress. What is applied is what was shown: under the locks of the hospital and its sessions
everything is compared once more, and if the result differs, nothing is applied and the file is
checked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from itertools import islice
from typing import Any

import msgspec

from guahao.flows.fairness.returning import new_places, returning_places
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import following
from guahao.flows.supply.imports import columns, reading
from guahao.flows.supply.imports.reading import Directory, Found, Tables
from guahao.flows.supply.rolling_out import roll_out
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.staff import Staff, Who
from guahao.rules.supply.importing import Conflict, ImportRefusal, decide_row
from guahao.rules.supply.planning import ROLLED_DAYS
from guahao.sheets.book import Book, Limits, Row
from guahao.sheets.faults import Fault, UnreadableFile
from guahao.sheets.headings import HeadedTable
from guahao.sheets.hidden import LeftOut, without_hidden
from guahao.sheets.read import read_book
from guahao.store.hospitals import titles
from guahao.store.kernel import queue
from guahao.store.kernel.db import Tx
from guahao.store.supply import import_rows, timetables
from guahao.store.supply import supply_imports as store
from guahao.store.supply.double_supply import DoubleSupplyRow, beside_rows
from guahao.store.supply.import_rows import Action, PlannedDates
from guahao.store.supply.supply_imports import Import

LIMITS = Limits()
TASK, QUEUE = "carry_out_import", "imports"
FAULTS_KEPT = 1000
LISTED = 20
SHOWN_CHANGES = 100
SHOWN_NEW = 20
TITLES_SHOWN = 20
BESIDE_SHOWN = 100
WAITING_MAX = 5  # files of a hospital at a time
NOT_CONFIRMED_KEPT = timedelta(days=7)
_ROWS_A_SLICE = 2000
_SESSIONS_A_STATEMENT = 5000

Progress = Callable[[str, int, int], Awaitable[None]]  # the step, how much is done, of how much


class Checked(msgspec.Struct):
    """What a check has found, as it is stored. `unreadable`: why the file has no tables."""

    unreadable: str = ""
    unreadable_sheet: str = ""
    faults: list[dict[str, Any]] = []
    faults_in_all: int = 0
    counts: dict[str, int] = {}
    skipped: list[str] = []
    new_titles: list[str] = []
    beside: list[DoubleSupplyRow] = []
    beside_in_all: int = 0
    fingerprint: str = ""
    left_out: list[LeftOut] = []
    may_hide_rows: bool = False  # this format does not show which rows are hidden


@dataclass(frozen=True, slots=True)
class ImportReport:
    """An import with what its check has found, and the first rows that would change something."""

    it: Import
    checked: Checked
    faults: list[Fault] = field(default_factory=list)
    changes: list[Action] = field(default_factory=list)
    additions: list[Action] = field(default_factory=list)

    @property
    def changes_something(self) -> bool:
        """Return whether confirming it would change anything."""
        counted = self.checked.counts
        return any(counted.get(name) for name in ("add", "change", "add_weekly", "change_weekly"))


async def receive(
    platform: Platform, by: Staff, filename: str, content: bytes, *, include_hidden: bool = False
) -> int | Refused[ImportRefusal]:
    """Store a file of the scheduler's own hospital for a worker to check; return the import's id.

    `include_hidden`: hidden sheets too, and rows that are hidden or filtered out.
    """
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        if await store.count_open(tx, by.own_hospital_id) >= WAITING_MAX:
            return Refused(ImportRefusal.TOO_MANY)
        import_id = await store.add(
            tx, by.own_hospital_id, by.who, filename, content, include_hidden=include_hidden
        )
        await queue.defer(tx, TASK, queue=QUEUE, import_id=import_id)
        return import_id


async def receive_from_operator(
    platform: Platform,
    who: Who,
    hospital_id: int | None,
    filename: str,
    content: bytes,
    *,
    include_hidden: bool = False,
) -> int:
    """Store a file that the caller carries out itself; of all hospitals if none is named."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        return await store.add(
            tx, hospital_id, who, filename, content, include_hidden=include_hidden
        )


async def report(
    platform: Platform, hospital_id: int | None, import_id: int
) -> ImportReport | None:
    """Return an import of the hospital's, or None."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        it = await store.by_id(tx, import_id)
        if it is None:
            return None
        checked = msgspec.json.decode(it.found, type=Checked)
        faults = [Fault(**fault) for fault in checked.faults]
        changes = await import_rows.actions(tx, import_id, "change", SHOWN_CHANGES)
        return ImportReport(
            it, checked, faults, changes, await import_rows.actions(tx, import_id, "add", SHOWN_NEW)
        )


async def planned_dates(
    platform: Platform, hospital_id: int | None, import_id: int
) -> dict[int, PlannedDates]:
    """Return by hospital on which dates an import adds or changes something."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        return await import_rows.planned_dates(tx, import_id)


async def latest(platform: Platform, by: Staff) -> list[Import]:
    """Return the hospital's imports, the newest first."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.latest(tx, by.own_hospital_id, LISTED)


async def confirm(platform: Platform, by: Staff, import_id: int) -> Done | Refused[ImportRefusal]:
    """Confirm a checked import of the scheduler's own hospital; a worker applies it."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        if not await store.decide(tx, import_id, "confirmed", "checked"):
            return Refused(ImportRefusal.NOT_CHECKED)
        await queue.defer(tx, TASK, queue=QUEUE, import_id=import_id)
        return DONE


async def confirm_and_apply(
    platform: Platform, hospital_id: int | None, import_id: int, progress: Progress
) -> None:
    """Apply an operator's checked import at once."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        await store.decide(tx, import_id, "confirmed", "checked")
    await carry_out(platform, import_id, progress)


async def withdraw(
    platform: Platform, hospital_id: int | None, import_id: int
) -> Done | Refused[ImportRefusal]:
    """Withdraw a file that was not confirmed."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        before = ("waiting", "faulty", "checked")
        if not await store.decide(tx, import_id, "withdrawn", *before):
            return Refused(ImportRefusal.OVER)
        await import_rows.drop_rows(tx, import_id)
        return DONE


async def forget_old(platform: Platform) -> int:
    """Withdraw files that nobody confirmed within NOT_CONFIRMED_KEPT; return how many."""
    async with platform.db.transaction() as tx:
        return await store.withdraw_forgotten(tx, tx.now - NOT_CONFIRMED_KEPT)


async def carry_on(platform: Platform) -> int:
    """Carry out imports that a crash left without a worker; return how many."""
    async with platform.db.transaction() as tx:
        import_ids = await store.unfinished(tx)
    for import_id in import_ids:
        await carry_out(platform, import_id)
    return len(import_ids)


async def carry_out(platform: Platform, import_id: int, progress: Progress | None = None) -> None:
    """Check or apply an import, as it waits for; do nothing if another worker has claimed it.

    Safe to run twice: what is checked or applied is decided again under its lock.
    """
    async with platform.db.transaction() as tx:
        it = await store.claim(tx, import_id)
    if it is None:
        return

    async def show_progress(step: str, done: int, of: int) -> None:
        async with platform.db.transaction() as tx:
            await store.note_step(tx, import_id, step, done, of)
        if progress is not None:
            await progress(step, done, of)

    try:
        await (_check if it.state == "waiting" else _apply)(platform, it, show_progress)
    finally:
        async with platform.db.transaction() as tx:
            await store.release(tx, import_id)


# Checking ---------------------------------------------------------------------------------------


async def _check(platform: Platform, it: Import, show_progress: Progress) -> None:
    async with platform.db.transaction(hospital_id=it.hospital_id) as tx:
        content = await store.content(tx, it.id)
        codes = await store.hospital_codes(tx, it.hospital_id)
        departments = await store.departments(tx, it.hospital_id)
    known = reading.directory(it.hospital_id, codes, departments)
    await show_progress("reading", 0, 0)
    book = await asyncio.to_thread(read_book, content, it.filename, LIMITS)
    if isinstance(book, UnreadableFile):
        checked = Checked(unreadable=book.fault, unreadable_sheet=book.sheet)
        async with platform.db.transaction(hospital_id=it.hospital_id) as tx:
            if await store.lock_waiting(tx, it.id):
                await store.note_checked(tx, it.id, "faulty", _json(checked))
        return
    left_out: list[LeftOut] = []
    if not it.include_hidden:
        book, left_out = without_hidden(book)
    tables, found = await _read(platform, book, known, show_progress)
    await show_progress("comparing", 0, 0)
    async with platform.db.transaction(hospital_id=it.hospital_id) as tx:
        if not await store.lock_waiting(tx, it.id):
            return
        checked = await _compare(tx, it, tables, found)
        checked.left_out = left_out
        checked.may_hide_rows = book.may_hide_rows and not it.include_hidden
        await store.note_checked(
            tx, it.id, "faulty" if checked.faults_in_all else "checked", _json(checked)
        )
        if checked.faults_in_all:
            await import_rows.drop_rows(tx, it.id)


async def _read(
    platform: Platform, book: Book, known: Directory, show_progress: Progress
) -> tuple[Tables, Found]:
    """Read all rows, in slices, so that the sender sees the progress."""
    tables = await asyncio.to_thread(reading.find_tables, book)
    found = Found(faults=list(tables.faults))
    today = platform.db.clock().date()
    of = sum(len(table.sheet) - table.heading_row for table in tables.tables)
    done = 0
    for table in tables.tables:
        rows = table.rows()
        while taken := await asyncio.to_thread(_slice, table, rows, known, today, found):
            done += taken
            await show_progress("checking", done, of)
    found.faults += await asyncio.to_thread(reading.rows_against_rows, tables, found.rows)
    return tables, found


def _slice(
    table: HeadedTable, rows: Iterator[Row], known: Directory, today: date, found: Found
) -> int:
    """Read the next rows; return how many there were."""
    taken = 0
    for taken, row in enumerate(islice(rows, _ROWS_A_SLICE), start=1):  # noqa: B007 - counted
        reading.read_row(table, row, known, today, found)
    return taken


async def _compare(tx: Tx, it: Import, tables: Tables, found: Found) -> Checked:
    """Compare with the plan what could be read, and collect all faults."""
    await import_rows.replace_rows(tx, it.id, found.rows)
    await import_rows.compare(tx, it.id)
    faults = found.faults + [
        _as_fault(tables, conflict) for conflict in await _conflicts(tx, it.id)
    ]
    # Once a place and word: a duplicate may be found in two ways.
    told = {
        (fault.sheet, fault.row, fault.column_letter, fault.word): fault
        for fault in reversed(faults)
    }
    order = [table.sheet.name for table in tables.tables]
    listed = sorted(told.values(), key=lambda fault: _place(order, fault))
    beside = await beside_rows(tx, it.id)
    return Checked(
        faults=[asdict(fault) for fault in listed[:FAULTS_KEPT]],
        faults_in_all=len(listed),
        counts=await import_rows.counts(tx, it.id),
        skipped=tables.skipped,
        new_titles=await import_rows.new_titles(tx, it.id, TITLES_SHOWN),
        beside=sorted(beside, key=lambda row: (order.index(row.sheet), row.row))[:BESIDE_SHOWN],
        beside_in_all=len(beside),
        fingerprint=await import_rows.fingerprint(tx, it.id),
    )


async def _conflicts(tx: Tx, import_id: int) -> list[Conflict]:
    """Decide on every row that differs from the plan; return what cannot be applied."""
    offered = {title.name for title in await titles.listed(tx) if title.retired_at is None}
    found = [
        conflict
        for row in await import_rows.differing_rows(tx, import_id)
        for conflict in decide_row(row, offered, tx.now.date())
    ]
    return found + await import_rows.overlaps(tx, import_id)


def _place(order: list[str], fault: Fault) -> tuple[int, int, int, str]:
    sheet = order.index(fault.sheet) if fault.sheet in order else -1
    return sheet, fault.row, len(fault.column_letter), fault.column_letter


def _as_fault(tables: Tables, found: Conflict) -> Fault:
    column = reading.COLUMN_OF.get(reading.PlanFault(found.word), "")
    table = next(table for table in tables.tables if table.sheet.name == found.sheet)
    if reading.is_weekly(table) and column == columns.VISIT_DATE:
        column = columns.VALID_FROM
    detail = {"number": found.number, "since": found.since, "until": found.until}
    if found.word == reading.PlanFault.OUTSIDE_PERIOD:
        detail = {"first": found.since, "last": found.until}
    if found.word == reading.PlanFault.DUPLICATE:
        detail = {"other": found.number, "other_sheet": found.since}
    return tables.fault(found.sheet, found.row, column, found.word, **detail)


def _json(checked: Checked) -> str:
    return msgspec.json.encode(checked).decode()


# Applying ---------------------------------------------------------------------------------------


async def _apply(platform: Platform, it: Import, show_progress: Progress) -> None:
    """Lock, compare once more and write in a single transaction; or send it back to the check."""
    checked = msgspec.json.decode(it.found, type=Checked)
    await show_progress("comparing", 0, 0)
    async with acting(platform, it.who, hospital_id=it.hospital_id) as act:
        tx = act.tx
        await import_rows.lock_hospitals(tx, it.id)
        now = await store.by_id(tx, it.id)
        if now is None or now.state != "confirmed":
            return
        await import_rows.lock_changed(tx, it.id)
        await import_rows.compare(tx, it.id)
        same = await import_rows.fingerprint(tx, it.id) == checked.fingerprint
        if not same or await _conflicts(tx, it.id):
            await store.check_anew(tx, it.id)
            await queue.defer(tx, TASK, queue=QUEUE, import_id=it.id)
            return
        await _write(tx, platform, it, show_progress)
        checked.faults, checked.new_titles = [], []
        await store.note_applied(tx, it.id, _json(checked))
        await act.record("import_sessions", ("supply_import", it.id), detail=checked.counts)


async def _write(tx: Tx, platform: Platform, it: Import, show_progress: Progress) -> None:
    of = await import_rows.number_new(tx, it.id)
    done, last_id = 0, 0
    while done < of:
        made, last_id = await import_rows.add_sessions(tx, it.id, last_id, _SESSIONS_A_STATEMENT)
        done += made
        await show_progress("writing", done, of)
    by_action = await import_rows.sessions_by_action(tx, it.id)
    await new_places(tx, platform, by_action.get("add", []))
    changed_ids = by_action.get("change", [])
    async with returning_places(tx, platform, changed_ids, Cause.CAPACITY_RAISED):
        await import_rows.change_sessions(tx, it.id)
    found = await import_rows.changed_timetables(tx, it.id)
    ended = {
        row.id: row.change.valid_until
        for row in found
        if row.change.valid_until < row.before_valid_until
    }
    changed = {row.id: row.change for row in found}
    await following.withdraw(tx, platform, ended)
    await timetables.change(tx, changed)
    await following.follow(tx, platform, changed)
    reached = {change.hospital_id for change in changed.values()}
    reached.update(await import_rows.add_timetables(tx, it.id))
    last = tx.now.date() + ROLLED_DAYS * ONE_DAY
    for hospital_id in sorted(reached):
        await roll_out(tx, platform, hospital_id, tx.now.date(), last)
