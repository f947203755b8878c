"""A file of search terms: what it would change, and doing so, all or nothing.

A row is the term of its kind and name: new, changed or as it is. What the file leaves out stays.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field

from guahao.flows.hospitals.files.importing import LIMITS
from guahao.flows.hospitals.files.term_reading import SHIPPED, FoundTerms, TermRow, read, shipped
from guahao.flows.hospitals.search_terms import SUBJECT
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.importing import FileRefusal, decide_file
from guahao.rules.hospitals.search_terms import SearchTerm, TermFacts, key_of
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.sheets.faults import Fault, Unreadable
from guahao.sheets.hidden import LeftOut, without_hidden
from guahao.sheets.read import read_book
from guahao.store.hospitals import hospital_imports as import_store
from guahao.store.hospitals import search_terms as store

_TABLE: import_store.Table = "search_term_imports"
_FILENAME_MAX = 120


@dataclass(frozen=True, slots=True)
class TermChange:
    """A term that the file changes."""

    before: SearchTerm
    facts: TermFacts


@dataclass(frozen=True, slots=True)
class TermPreview:
    """What a file would do; with any fault, nothing."""

    unreadable: Unreadable | None = None
    faults: list[Fault] = field(default_factory=list)
    additions: list[TermFacts] = field(default_factory=list)
    changes: list[TermChange] = field(default_factory=list)
    same: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    may_hide_rows: bool = False

    @property
    def is_right(self) -> bool:
        """Return whether the file could be applied."""
        return self.unreadable is None and not self.faults

    @property
    def version(self) -> str:
        """Return a version that changes whenever the file would do something else."""
        return version_of((self.additions, self.changes))


@dataclass(frozen=True, slots=True)
class SavedTermPreview:
    """A file that waits for its confirmation, or has had it (`preview` None)."""

    id: int
    filename: str
    preview: TermPreview | None


async def receive(
    platform: Platform, by: Staff, filename: str, content: bytes, *, include_hidden: bool = False
) -> int:
    """Store a file for its preview; return its id."""
    name = filename[-_FILENAME_MAX:]
    async with platform.db.transaction() as tx:
        return await import_store.add(
            tx, by.id, name, content, include_hidden=include_hidden, table=_TABLE
        )


async def receive_shipped(platform: Platform, by: Staff) -> int:
    """Store the list that comes with the platform for its preview; return the file's id."""
    return await receive(platform, by, SHIPPED, shipped())


async def show(platform: Platform, by: Staff, import_id: int) -> SavedTermPreview | None:
    """Return the member's own file as it would be applied now, or None."""
    async with platform.db.transaction() as tx:
        saved = await import_store.one(tx, by.id, import_id, table=_TABLE)
        existing = await store.listed(tx)
    if saved is None:
        return None
    preview = None
    if saved.content is not None:
        found = await _read(saved.filename, saved.content, include_hidden=saved.include_hidden)
        preview = _compared(found, existing)
    return SavedTermPreview(saved.id, saved.filename, preview)


async def confirm(
    platform: Platform, by: Staff, import_id: int, seen: str, reason: str
) -> TermPreview | Refused[FileRefusal]:
    """Apply the member's own file if it still does what was `seen`; return what was done."""
    async with acting(platform, by.who) as act:
        saved = await import_store.one(act.tx, by.id, import_id, lock=True, table=_TABLE)
        if saved is None or saved.content is None:
            return Refused(FileRefusal.UNKNOWN)
        found = await _read(saved.filename, saved.content, include_hidden=saved.include_hidden)
        preview = _compared(found, await store.lock_all(act.tx))
        refusal = decide_file(
            is_correct=preview.is_right,
            is_as_seen=preview.version == seen,
            changes_something=bool(preview.additions or preview.changes),
        )
        if refusal is not None:
            return Refused(refusal)
        ids = await store.add(act.tx, preview.additions)
        for change in preview.changes:
            await store.change(act.tx, change.before.id, change.facts)
        await import_store.note_applied(act.tx, import_id, _TABLE)
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


async def _read(filename: str, content: bytes, *, include_hidden: bool) -> FoundTerms | Unreadable:
    book = await asyncio.to_thread(read_book, content, filename, LIMITS)
    if isinstance(book, Unreadable):
        return book
    left_out: list[LeftOut] = []
    if not include_hidden:
        book, left_out = without_hidden(book)
    found = await asyncio.to_thread(read, book)
    found.left_out = left_out
    found.may_hide_rows = book.may_hide_rows and not include_hidden
    return found


def _compared(found: FoundTerms | Unreadable, existing: list[SearchTerm]) -> TermPreview:
    if isinstance(found, Unreadable):
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
