"""A file of search terms: what it would change, and doing so, all or nothing.

A row is the term of its kind and name: new, changed or as it is. What the file leaves out stays.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from guahao.flows.hospitals.files.previews import (
    FilePreview,
    SavedPreview,
    read_upload,
    save_upload,
)
from guahao.flows.hospitals.files.term_reading import SHIPPED, FoundTerms, TermRow, read, shipped
from guahao.flows.hospitals.search_terms import SUBJECT
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.importing import FileRefusal
from guahao.rules.hospitals.search_terms import SearchTerm, TermFacts, key_of
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Staff
from guahao.sheets.faults import UnreadableFile
from guahao.store.hospitals import hospital_imports as import_store
from guahao.store.hospitals import search_terms as store

_TABLE: import_store.Table = "search_term_imports"


@dataclass(frozen=True, slots=True)
class TermChange:
    """A term that the file changes."""

    before: SearchTerm
    facts: TermFacts


class TermPreview(FilePreview[TermFacts, TermChange]):
    """What a file of search terms would do."""


async def receive(
    platform: Platform, by: Staff, filename: str, content: bytes, *, include_hidden: bool = False
) -> int:
    """Store a file for its preview; return its id."""
    return await save_upload(platform, by, _TABLE, filename, content, include_hidden=include_hidden)


async def receive_shipped(platform: Platform, by: Staff) -> int:
    """Store the list that comes with the platform for its preview; return the file's id."""
    return await receive(platform, by, SHIPPED, shipped())


async def show(platform: Platform, by: Staff, import_id: int) -> SavedPreview[TermPreview] | None:
    """Return the member's own file as it would be applied now, or None."""
    async with platform.db.transaction() as tx:
        saved = await import_store.one(tx, _TABLE, by.id, import_id)
        existing = await store.listed(tx)
    if saved is None:
        return None
    preview = None
    if saved.content is not None:
        found = await read_upload(
            read, saved.filename, saved.content, include_hidden=saved.include_hidden
        )
        preview = _compared(found, existing)
    return SavedPreview(saved.id, saved.filename, preview)


async def confirm(
    platform: Platform, by: Staff, import_id: int, seen: str, reason: str
) -> TermPreview | Refused[FileRefusal]:
    """Apply the member's own file if it still does what was `seen`; return what was done."""
    async with acting(platform, by.who) as act:
        saved = await import_store.one(act.tx, _TABLE, by.id, import_id, lock=True)
        if saved is None or saved.content is None:
            return Refused(FileRefusal.UNKNOWN)
        found = await read_upload(
            read, saved.filename, saved.content, include_hidden=saved.include_hidden
        )
        preview = _compared(found, await store.lock_all(act.tx))
        if (refusal := preview.refusal(seen)) is not None:
            return Refused(refusal)
        ids = await store.add(act.tx, preview.additions)
        for change in preview.changes:
            await store.change(act.tx, change.before.id, change.facts)
        await import_store.note_applied(act.tx, _TABLE, import_id)
        for id, facts in zip(ids, preview.additions, strict=True):
            await act.record(
                "add_search_term", (SUBJECT, id), reason=reason, detail={"after": asdict(facts)}
            )
        for change in preview.changes:
            detail = {"before": asdict(change.before.facts), "after": asdict(change.facts)}
            subject = (SUBJECT, change.before.id)
            await act.record("change_search_term", subject, reason=reason, detail=detail)
        detail_of_all = {"added": len(preview.additions), "changed": len(preview.changes)}
        await act.record("import_search_terms", reason=reason, detail=detail_of_all)
        return preview


def _compared(found: FoundTerms | UnreadableFile, existing: list[SearchTerm]) -> TermPreview:
    if isinstance(found, UnreadableFile):
        return TermPreview(found)
    if found.faults:
        faults = sorted(found.faults, key=lambda fault: (fault.sheet, fault.row))
        return TermPreview(
            faults=faults, left_out=found.left_out, may_hide_rows=found.may_hide_rows
        )
    known = {(term.facts.kind, key_of(term.facts)): term for term in existing}
    additions, changes, same = [], [], 0
    for row in found.rows:
        before = known.get(row.key)
        if before is None:
            additions.append(row.facts)
        elif before.facts != _completed(row, before.facts):
            changes.append(TermChange(before, _completed(row, before.facts)))
        else:
            same += 1
    return TermPreview(None, [], additions, changes, same, found.left_out, found.may_hide_rows)


def _completed(row: TermRow, before: TermFacts) -> TermFacts:
    """Return a row's entry; a column that the file does not have stays as it is."""
    columns = row.table.columns
    facts = row.facts
    return TermFacts(
        facts.kind,
        facts.name,
        facts.name_en if "name_en" in columns else before.name_en,
        facts.also if "also" in columns else before.also,
        facts.targets,
        facts.children if "children" in columns else before.children,
        facts.urgent if "urgent" in columns else before.urgent,
    )
