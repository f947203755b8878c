"""A file of hospitals: what it would change, and doing so, all or nothing.

A row is the hospital of its code: new, changed or as it is. What the file leaves out stays; no
hospital is ever removed. Rules of a hospital that exists change from tomorrow on (decision
0008), so a file is compared with the rules of tomorrow.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from guahao.flows.hospitals import hospital_rules, hospitals
from guahao.flows.hospitals.files import columns as c
from guahao.flows.hospitals.files.previews import (
    FilePreview,
    SavedPreview,
    read_upload,
    save_upload,
)
from guahao.flows.hospitals.files.reading import HospitalFileFault, HospitalRow, HospitalRows, read
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.hospital_rules import DatedRules
from guahao.rules.hospitals.hospitals import HospitalFacts, HospitalRecord
from guahao.rules.hospitals.importing import FileRefusal
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Staff, Who
from guahao.sheets.faults import Fault, UnreadableFile
from guahao.sheets.values import CellFault
from guahao.store.hospitals import hospital_imports as import_store
from guahao.store.hospitals import hospital_rules as rules_store
from guahao.store.hospitals import hospitals as store
from guahao.store.kernel.db import Tx

_TABLE: import_store.Table = "hospital_imports"


@dataclass(frozen=True, slots=True)
class Addition:
    """A hospital that the file adds."""

    sheet: str
    row: int
    code: str
    facts: HospitalFacts
    rules: HospitalRules


@dataclass(frozen=True, slots=True)
class HospitalChange:
    """A hospital that the file changes; each of `fields`: its name, as it was, as it will be."""

    sheet: str
    row: int
    before: HospitalRecord
    facts: HospitalFacts
    rules: HospitalRules
    rules_before: HospitalRules
    fields: list[tuple[str, Any, Any]]


class Preview(FilePreview[Addition, HospitalChange]):
    """What a file of hospitals would do."""


async def receive(
    platform: Platform, by: Staff, filename: str, content: bytes, *, include_hidden: bool = False
) -> int:
    """Store a file for its preview; return its id."""
    return await save_upload(platform, by, _TABLE, filename, content, include_hidden=include_hidden)


async def show(platform: Platform, by: Staff, import_id: int) -> SavedPreview[Preview] | None:
    """Return the member's own file as it would be applied now, or None."""
    async with platform.db.transaction() as tx:
        saved = await import_store.one(tx, _TABLE, by.id, import_id)
    if saved is None:
        return None
    preview = None
    if saved.content is not None:
        preview = await preview_of(
            platform, saved.filename, saved.content, include_hidden=saved.include_hidden
        )
    return SavedPreview(saved.id, saved.filename, preview)


async def preview_of(
    platform: Platform, filename: str, content: bytes, *, include_hidden: bool = False
) -> Preview:
    """Return what a file would do."""
    found = await read_upload(read, filename, content, include_hidden=include_hidden)
    if isinstance(found, UnreadableFile):
        return Preview(found)
    async with platform.db.transaction() as tx:
        return await _compare(tx, found)


async def confirm(
    platform: Platform, by: Staff, import_id: int, seen: str
) -> Preview | Refused[FileRefusal]:
    """Apply the member's own file if it still does what was `seen`; return what was done."""
    async with acting(platform, by.who) as act:
        saved = await import_store.one(act.tx, _TABLE, by.id, import_id, lock=True)
        if saved is None or saved.content is None:
            return Refused(FileRefusal.UNKNOWN)
        found = await read_upload(
            read, saved.filename, saved.content, include_hidden=saved.include_hidden
        )
        outcome = await _apply(act, found, seen)
        if not isinstance(outcome, Refused):
            await import_store.note_applied(act.tx, _TABLE, import_id)
        return outcome


async def apply(
    platform: Platform, who: Who, filename: str, content: bytes, *, include_hidden: bool = False
) -> Preview | Refused[FileRefusal]:
    """Apply a file as it is, for an operator; return what was done."""
    found = await read_upload(read, filename, content, include_hidden=include_hidden)
    async with acting(platform, who) as act:
        return await _apply(act, found, None)


async def _apply(
    act: Acting, found: HospitalRows | UnreadableFile, seen: str | None
) -> Preview | Refused[FileRefusal]:
    """Apply a file under the locks of the directory and of every hospital that changes, by id."""
    if isinstance(found, UnreadableFile):
        return Refused(FileRefusal.FAULTY)
    await store.lock_directory(act.tx)
    await rules_store.lock_hospitals(act.tx, [row.code for row in found.rows])
    preview = await _compare(act.tx, found)
    if (refusal := preview.refusal(seen)) is not None:
        return Refused(refusal)
    await _write(act, preview)
    return preview


async def _write(act: Acting, preview: Preview) -> None:
    for new in preview.additions:
        await hospitals.add_in(act, new.code, new.facts, new.rules)
    tomorrow = act.now.date() + ONE_DAY
    for one in preview.changes:
        if one.facts != one.before.facts:
            await hospitals.change_in(act, one.before, one.facts)
        if one.rules != one.rules_before:
            new_rules = DatedRules(tomorrow, one.rules)
            await hospital_rules.change_in(act, one.before.id, one.rules_before, new_rules)
    detail = {"added": len(preview.additions), "changed": len(preview.changes)}
    await act.record("import_hospitals", detail=detail)


# Comparing ----------------------------------------------------------------------------------


async def _compare(tx: Tx, found: HospitalRows) -> Preview:
    known = {one.code: one for one in await store.every(tx)}
    rules = await rules_store.of_all(tx, tx.now.date() + ONE_DAY)
    faults = [
        *found.faults,
        *_names_taken(found.rows, known),
        *_zeros_lost(found.named, known),
    ]
    if faults:
        listed = sorted(faults, key=lambda one: (one.sheet, one.row))
        return Preview(faults=listed, left_out=found.left_out, may_hide_rows=found.may_hide_rows)
    additions, changes, same = [], [], 0
    for row in found.rows:
        record = known.get(row.code)
        if record is None:
            additions.append(_addition(row))
            continue
        change = _change(row, record, rules[record.id])
        if change.fields:
            changes.append(change)
        else:
            same += 1
    return Preview(None, [], additions, changes, same, found.left_out, found.may_hide_rows)


def _names_taken(rows: list[HospitalRow], known: dict[str, HospitalRecord]) -> list[Fault]:
    """Return the new names that another hospital has, once the file is applied."""
    names = {code: record.facts.name for code, record in known.items()}
    names |= {row.code: row.facts["name"] for row in rows if "name" in row.facts}
    times = Counter(names.values())
    return [
        row.fault("name", HospitalFileFault.NAME_TAKEN)
        for row in rows
        if times[row.facts.get("name", "")] > 1
        and (row.code not in known or known[row.code].facts.name != row.facts["name"])
    ]


def _zeros_lost(rows: list[HospitalRow], known: dict[str, HospitalRecord]) -> list[Fault]:
    """Return codes stored as numbers that are a hospital's but for their leading zeros."""
    without = {code.lstrip("0"): code for code in known if code.startswith("0")}
    return [
        row.fault(c.CODE, CellFault.ZEROS_LOST, meant=without[row.code])
        for row in rows
        if row.code not in known and row.code in without and row.is_number(c.CODE)
    ]


def _addition(row: HospitalRow) -> Addition:
    empty = {one.name: "" for one in fields(HospitalFacts)}
    facts = HospitalFacts(**{**empty, **row.facts})
    rules = replace(HospitalRules(), **row.rules)  # type: ignore[arg-type]
    return Addition(row.row.sheet, row.row.number, row.code, facts, rules)


def _change(row: HospitalRow, record: HospitalRecord, before: HospitalRules) -> HospitalChange:
    facts = replace(record.facts, **row.facts)
    rules = replace(before, **row.rules)  # type: ignore[arg-type]
    was = {**asdict(record.facts), **asdict(before)}
    will = {**asdict(facts), **asdict(rules)}
    names = [one.name for one in c.HEADINGS if one.name in was]
    changed = [(name, was[name], will[name]) for name in names if was[name] != will[name]]
    place = (row.row.sheet, row.row.number)
    return HospitalChange(*place, record, facts, rules, before, changed)


async def every(platform: Platform) -> list[tuple[HospitalRecord, HospitalRules]]:
    """Return all hospitals with the rules of tomorrow, by code: what a file holds."""
    async with platform.db.transaction() as tx:
        rules = await rules_store.of_all(tx, tx.now.date() + ONE_DAY)
        return [(one, rules[one.id]) for one in await store.every(tx)]
