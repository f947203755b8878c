"""Import hospitals from an operator's file: check, preview, and apply as a whole."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from guahao.flows.hospitals.files import importing
from guahao.flows.hospitals.files.importing import Preview
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.importing import FileRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import SYSTEM
from guahao.tools.session_import import Sentences, print_left_out

_FAULTS_SHOWN = 100


async def run(
    platform: Platform,
    filename: str,
    content: bytes,
    sentences: Sentences,
    console: Console,
    *,
    dry_run: bool,
    include_hidden: bool = False,
) -> bool:
    """Import a file and print the result; return whether the file was correct.

    `dry_run`: only check and print.
    """
    preview = await importing.preview_of(platform, filename, content, include_hidden=include_hidden)
    print_left_out(preview.left_out, console, may_hide_rows=preview.may_hide_rows)
    if not preview.is_right:
        _print_faults(preview, sentences, console)
        return False
    _print_changes(preview, console)
    if dry_run:
        console.print("Nothing was changed.")
        return True
    outcome = await importing.apply(
        platform, SYSTEM, filename, content, include_hidden=include_hidden
    )
    if outcome == Refused(FileRefusal.NOTHING):
        console.print("Nothing changed: it is so already.")
        return True
    if isinstance(outcome, Refused):
        console.print("The directory changed meanwhile: nothing was imported. Run it again.")
        return False
    console.print("Imported. Changes of booking rules hold from tomorrow on.")
    return True


def _print_changes(preview: Preview, console: Console) -> None:
    console.print(
        f"Hospitals: {len(preview.additions):,} new, {len(preview.changes):,} changed,"
        f" {preview.same:,} as they are."
    )
    for change in preview.changes:
        names = ", ".join(name for name, _, _ in change.fields)
        console.print(f"  {change.before.code}: {names}", markup=False)


def _print_faults(preview: Preview, sentences: Sentences, console: Console) -> None:
    if preview.unreadable is not None:
        words = sentences.of_file(preview.unreadable.fault)
        console.print(f"{preview.unreadable.sheet} {words}".strip(), markup=False)
        return
    table = Table("Sheet", "Cell", "Heading", "Value", "What is wrong, and what to write")
    for fault in preview.faults[:_FAULTS_SHOWN]:
        place = fault.place if fault.column_letter else f"row {fault.row}"
        table.add_row(fault.sheet, place, fault.heading, fault.value, sentences.of_cell(fault))
    console.print(table, markup=False)
    console.print(f"Problems: {len(preview.faults):,}. Nothing was changed.")
