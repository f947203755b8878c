"""Import a plan from an operator's file: check, preview, and apply as a whole."""

from __future__ import annotations

from calendar import day_name
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import calendars
from guahao.flows.supply.imports import importing
from guahao.flows.supply.imports.importing import ImportReport
from guahao.rules.staff.staff import SYSTEM
from guahao.rules.supply.calendar import CalendarDay
from guahao.sheets.faults import Fault
from guahao.sheets.hidden import LeftOut

_FAULTS_SHOWN = 100
_STEPS = {
    "reading": "Reading the file",
    "checking": "Checking every cell",
    "comparing": "Comparing with the schedule",
    "writing": "Writing the schedule",
}


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences for faults."""

    of_file: Callable[[str], str]
    of_cell: Callable[[Fault], str]


async def run(
    platform: Platform,
    filename: str,
    content: bytes,
    hospital_id: int | None,
    sentences: Sentences,
    console: Console,
    *,
    dry_run: bool,
    include_hidden: bool = False,
) -> bool:
    """Import a file and print the result; return whether the file was correct.

    Without `hospital_id`, import for the hospitals that the file names. `dry_run`: only check
    and print.
    """
    import_id = await importing.receive_from_operator(
        platform, SYSTEM, hospital_id, filename[-120:], content, include_hidden=include_hidden
    )
    async with _shown(console) as progress:
        await importing.carry_out(platform, import_id, progress)
    report = await _report(platform, hospital_id, import_id)
    print_left_out(report.checked.left_out, console, may_hide_rows=report.checked.may_hide_rows)
    if report.it.state == "faulty":
        _print_faults(report, sentences, console)
        return False
    _print_counts(report, console)
    await _print_days_off(platform, hospital_id, import_id, console)
    if dry_run or not report.changes_something:
        await importing.withdraw(platform, hospital_id, import_id)
        console.print("Nothing was changed." if dry_run else "Nothing changed: it is so already.")
        return True
    async with _shown(console) as progress:
        await importing.confirm_and_apply(platform, hospital_id, import_id, progress)
    report = await _report(platform, hospital_id, import_id)
    if report.it.state == "applied":
        console.print("Imported.")
        return True
    console.print("The plan changed meanwhile: nothing was imported. Run the command again.")
    return False


async def _report(platform: Platform, hospital_id: int | None, import_id: int) -> ImportReport:
    report = await importing.report(platform, hospital_id, import_id)
    assert report is not None
    return report


@asynccontextmanager
async def _shown(console: Console) -> AsyncIterator[importing.Progress]:
    """Show a progress bar for each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        tasks = {}

        async def progress(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(_STEPS[step], total=of or None)
            bars.update(tasks[step], completed=done, total=of or None)

        yield progress


def print_left_out(left_out: list[LeftOut], console: Console, *, may_hide_rows: bool) -> None:
    """Print the hidden rows and sheets that the import leaves out."""
    for left in left_out:
        rows = f"rows {left.rows}" if left.rows else "a hidden sheet"
        console.print(f"Left out of {left.sheet}: {rows} ({left.count:,} in all).", markup=False)
    if left_out:
        console.print("Hidden rows and sheets are imported with --include-hidden.")
    if may_hide_rows:
        console.print(
            "Hidden rows cannot be recognised in .xls files and are imported too;"
            " if there are any, save the file as .xlsx."
        )


def _print_counts(report: ImportReport, console: Console) -> None:
    counts = report.checked.counts
    console.print(
        f"Sessions: {counts['add']:,} new, {counts['change']:,} changed,"
        f" {counts['same']:,} as they are."
    )
    if any(counts[name] for name in ("add_weekly", "change_weekly", "same_weekly")):
        console.print(
            f"Weekly timetables: {counts['add_weekly']:,} new,"
            f" {counts['change_weekly']:,} changed, {counts['same_weekly']:,} as they are."
        )
    if report.checked.beside:
        first = report.checked.beside[0]
        console.print(
            f"{report.checked.beside_in_all:,} rows double the supply: the same clinic is on offer"
            f" by a weekly timetable and as a single session. The first: {first.sheet} row"
            f" {first.row}, session {first.session_id or 'still to be made'}.",
            markup=False,
        )
    if report.checked.new_titles:
        console.print(f"Titles not seen before: {', '.join(report.checked.new_titles)}")


async def _print_days_off(
    platform: Platform, hospital_id: int | None, import_id: int, console: Console
) -> None:
    """Print the days off and swapped days that the file meets, and from when none is known."""
    planned = await importing.planned_dates(platform, hospital_id, import_id)
    sessions: Counter[CalendarDay] = Counter()
    timetables: set[CalendarDay] = set()
    unknown_from: date | None = None
    for of_hospital, dates in planned.items():
        met = await calendars.met_days(platform, of_hospital, dates.timetables, dates.sessions)
        sessions.update(dict(met.sessions))
        timetables.update(met.timetables)
        unknown_from = unknown_from or met.unknown_from
    for day in sorted({*sessions, *timetables}, key=lambda day: (day.day, day.reason)):
        what = "a day off" if day.is_off else f"worked as a {day_name[day.weekday - 1]}"
        reason = f" ({day.reason})" if day.reason else ""
        met_by = [f"{sessions[day]:,} sessions"] if sessions[day] else []
        if day in timetables:
            met_by.append("weekly timetables")
        console.print(f"{day.day} is {what}{reason}: {', '.join(met_by)}.", markup=False)
    if unknown_from is not None:
        console.print(
            f"National holidays are not known from {unknown_from} on: those days follow their"
            " weekdays."
        )


def _print_faults(report: ImportReport, sentences: Sentences, console: Console) -> None:
    checked = report.checked
    if checked.unreadable:
        console.print(f"{checked.unreadable_sheet} {sentences.of_file(checked.unreadable)}".strip())
        return
    table = Table("Sheet", "Cell", "Heading", "Value", "What is wrong, and what to write")
    for fault in report.faults[:_FAULTS_SHOWN]:
        place = fault.place if fault.column_letter else f"row {fault.row}"
        table.add_row(fault.sheet, place, fault.heading, fault.value, sentences.of_cell(fault))
    console.print(table, markup=False)
    left = checked.faults_in_all - min(len(report.faults), _FAULTS_SHOWN)
    more = f", {left:,} more not shown" if left else ""
    console.print(f"Problems: {checked.faults_in_all:,}{more}. Nothing was changed.")
