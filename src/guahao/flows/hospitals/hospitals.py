"""The administrator keeps the directory of hospitals.

A hospital is added with its first booking rules; `flows.hospitals.hospital_rules.change` makes
later ones. Its code never changes: feeds, files and the staff's commands know it by that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from guahao.flows.hospitals.hospital_rules import RulesRefusal, refused_numbers
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.hospitals import HospitalFacts, HospitalFault, code_fault, faults_of
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.text import typed
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import hospital_rules as rules_store
from guahao.store.hospitals import hospitals as store
from guahao.store.hospitals import search
from guahao.store.hospitals.hospitals import HospitalRecord
from guahao.store.kernel.db import Tx

PAGE = 50
Faults = dict[str, HospitalFault]


class HospitalRefusal(StrEnum):
    """Why a hospital is not changed, whatever its fields hold."""

    UNKNOWN = "hospital_unknown"
    CHANGED_MEANWHILE = "hospital_changed_meanwhile"


@dataclass(frozen=True, slots=True)
class FoundHospitals:
    """A page of hospitals; `more`: there is another."""

    hospitals: list[HospitalRecord]
    more: bool


def version(record: HospitalRecord) -> str:
    """What a form that shows the entry gives back."""
    return version_of(record.facts)


async def find(platform: Platform, q: str, page: int) -> FoundHospitals:
    """By name, pinyin, initials or the very code; pages count from 1."""
    async with platform.db.transaction() as tx:
        exact = await store.id_of_code(tx, typed(q))
        if exact is not None:
            return FoundHospitals(await store.records(tx, [exact]), more=False)
        hits = await search.hospitals(tx, q, None, None, (page - 1) * PAGE, PAGE + 1)
        found = await store.records(tx, [one.id for one in hits[:PAGE]])
    return FoundHospitals(found, len(hits) > PAGE)


async def one(platform: Platform, hospital_id: int) -> HospitalRecord | None:
    """A hospital's entry, or None."""
    async with platform.db.transaction() as tx:
        return await store.one(tx, hospital_id)


async def districts(platform: Platform) -> list[tuple[str, str]]:
    """The districts there are hospitals in, with their English names."""
    async with platform.db.transaction() as tx:
        return (await search.filters(tx)).districts


async def add(
    platform: Platform, by: Staff, code: str, facts: HospitalFacts, rules: HospitalRules
) -> int | Faults | RulesRefusal:
    """A new hospital with the rules it begins with; its id."""
    async with acting(platform, by.who) as act:
        tx = act.tx
        refused = refused_numbers(rules)
        if refused is not None:
            return refused
        await store.lock_directory(tx)
        faults = await _faults(tx, facts, 0)
        if code_fault(code) or await store.id_of_code(tx, code) is not None:
            faults["code"] = code_fault(code) or HospitalFault.CODE_TAKEN
        if faults:
            return faults
        return await add_in(act, code, facts, rules)


async def change(
    platform: Platform, by: Staff, hospital_id: int, seen: str, facts: HospitalFacts
) -> HospitalRefusal | Faults | None:
    """Another entry, where it still is as it was `seen` (its version); None when done."""
    async with acting(platform, by.who) as act:
        tx = act.tx
        await store.lock_directory(tx)
        await rules_store.lock_hospital(tx, hospital_id)
        before = await store.one(tx, hospital_id)
        if before is None:
            return HospitalRefusal.UNKNOWN
        if version(before) != seen:
            return HospitalRefusal.CHANGED_MEANWHILE
        faults = await _faults(tx, facts, hospital_id)
        if faults:
            return faults
        if before.facts != facts:
            await change_in(act, before, facts)
        return None


async def _faults(tx: Tx, facts: HospitalFacts, hospital_id: int) -> Faults:
    faults = faults_of(facts)
    if "name" not in faults and await store.is_named(tx, facts.name, hospital_id):
        faults["name"] = HospitalFault.NAME_TAKEN
    return faults


async def add_in(act: Acting, code: str, facts: HospitalFacts, rules: HospitalRules) -> int:
    """Within a transaction that has the directory's lock; what is given is without fault."""
    id = await store.add(act.tx, code, facts, rules)
    detail = {"code": code, "after": {**asdict(facts), **asdict(rules)}}
    await act.record("add_hospital", ("hospital", id), detail=detail, hospital_id=id)
    return id


async def change_in(act: Acting, before: HospitalRecord, facts: HospitalFacts) -> None:
    """The same for a change; the trail keeps the fields that differ."""
    await store.change(act.tx, before.id, facts)
    detail = differences(asdict(before.facts), asdict(facts))
    subject = ("hospital", before.id)
    await act.record(
        "change_hospital",
        subject,
        detail=detail,
        hospital_id=before.id,
    )


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The fields that differ, as they were and as they are."""
    names = [name for name in before if before[name] != after[name]]
    return {
        "before": {name: before[name] for name in names},
        "after": {name: after[name] for name in names},
    }
