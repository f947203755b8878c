"""The administrator edits the directory of hospitals.

A hospital is added with its first booking rules; `flows.hospitals.hospital_rules.change` makes
later ones. Its code never changes: feeds, files and the staff's commands know it by that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from guahao.flows.hospitals.search import SearchRequest, hospital_ids
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.hospital_rules import RulesRefusal, check_numbers
from guahao.rules.hospitals.hospitals import (
    Faults,
    HospitalFacts,
    HospitalRecord,
    HospitalRefusal,
    decide_addition,
    decide_change,
)
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import typed
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import hospital_rules as rules_store
from guahao.store.hospitals import hospitals as store

PAGE = 50


@dataclass(frozen=True, slots=True)
class FoundHospitals:
    """A page of hospitals; `more`: there is another."""

    hospitals: list[HospitalRecord]
    more: bool


@dataclass(frozen=True, slots=True)
class Faulty:
    """An entry that was not written, and every field that is wrong."""

    faults: Faults


def version(record: HospitalRecord) -> str:
    """Return what a form that shows the entry sends back."""
    return version_of(record.facts)


async def find(platform: Platform, q: str, page: int) -> FoundHospitals:
    """Find hospitals by name, pinyin, initials or the very code; pages count from 1."""
    async with platform.db.transaction() as tx:
        exact = await store.id_of_code(tx, typed(q))
        if exact is not None:
            return FoundHospitals(await store.records(tx, [exact]), more=False)
        ids = hospital_ids(SearchRequest(q), await platform.search.vocabulary(tx))
        skip = (page - 1) * PAGE
        found = await store.records(tx, ids[skip : skip + PAGE])
    return FoundHospitals(found, len(ids) > skip + PAGE)


async def one(platform: Platform, hospital_id: int) -> HospitalRecord | None:
    """Return a hospital's entry, or None."""
    async with platform.db.transaction() as tx:
        return await store.one(tx, hospital_id)


async def districts(platform: Platform) -> list[tuple[str, str]]:
    """Return the districts that there are hospitals in, with their English names."""
    async with platform.db.transaction() as tx:
        return (await platform.search.vocabulary(tx)).filters.districts


async def add(
    platform: Platform, by: Staff, code: str, facts: HospitalFacts, rules: HospitalRules
) -> int | Faulty | Refused[RulesRefusal]:
    """Add a hospital with the rules it begins with; return its id."""
    async with acting(platform, by.who) as act:
        refusal = check_numbers(rules)
        if refusal is not None:
            return Refused(refusal)
        await store.lock_directory(act.tx)
        faults = decide_addition(
            code,
            facts,
            code_taken=await store.id_of_code(act.tx, code) is not None,
            name_taken=await store.is_named(act.tx, facts.name, besides=0),
        )
        if faults:
            return Faulty(faults)
        return await add_in(act, code, facts, rules)


async def change(
    platform: Platform, by: Staff, hospital_id: int, seen: str, facts: HospitalFacts
) -> Done | Faulty | Refused[HospitalRefusal]:
    """Change an entry that is still the version `seen`."""
    async with acting(platform, by.who) as act:
        await store.lock_directory(act.tx)
        await rules_store.lock_hospital(act.tx, hospital_id)
        before = await store.one(act.tx, hospital_id)
        name_taken = await store.is_named(act.tx, facts.name, besides=hospital_id)
        refusal = decide_change(before, seen, facts, name_taken=name_taken)
        if isinstance(refusal, HospitalRefusal):
            return Refused(refusal)
        if refusal:
            return Faulty(refusal)
        assert before is not None
        if before.facts != facts:
            await change_in(act, before, facts)
        return DONE


async def add_in(act: Acting, code: str, facts: HospitalFacts, rules: HospitalRules) -> int:
    """Write a hospital that was decided on under the directory's lock; return its id."""
    id = await store.add(act.tx, code, facts, rules)
    detail = {"code": code, "after": {**asdict(facts), **asdict(rules)}}
    await act.record("add_hospital", ("hospital", id), detail=detail, hospital_id=id)
    return id


async def change_in(act: Acting, before: HospitalRecord, facts: HospitalFacts) -> None:
    """Write a changed entry that was decided on; the trail saves the fields that differ."""
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
    """Return the fields that differ, as they were and as they are."""
    names = [name for name in before if before[name] != after[name]]
    return {
        "before": {name: before[name] for name in names},
        "after": {name: after[name] for name in names},
    }
