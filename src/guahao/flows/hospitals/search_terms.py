"""The administrator edits the city's search terms; every change has a reason in the trail."""

from __future__ import annotations

from dataclasses import asdict

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.search_terms import (
    SearchTerm,
    TermFacts,
    TermRefusal,
    decide_deletion,
    decide_term,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import search_terms as store

SUBJECT = "search_term"


def version(term: SearchTerm) -> str:
    """Return what a form that shows the entry sends back."""
    return version_of(term.facts)


async def listed(platform: Platform) -> list[SearchTerm]:
    """Return all terms: complaints, names of departments, names of hospitals."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def add(
    platform: Platform, by: Staff, facts: TermFacts, reason: str
) -> int | Refused[TermRefusal]:
    """Add a term; return its id."""
    async with acting(platform, by.who) as act:
        refusal = decide_term(await store.lock_all(act.tx), facts)
        if refusal is not None:
            return Refused(refusal)
        [id] = await store.add(act.tx, [facts])
        detail = {"after": asdict(facts)}
        await act.record("add_search_term", (SUBJECT, id), reason=reason, detail=detail)
        return id


async def change(
    platform: Platform, by: Staff, id: int, seen: str, facts: TermFacts, reason: str
) -> Done | Refused[TermRefusal]:
    """Change a term that is still the version `seen`."""
    async with acting(platform, by.who) as act:
        existing = await store.lock_all(act.tx)
        refusal = decide_term(existing, facts, id, seen)
        if refusal is not None:
            return Refused(refusal)
        before = next(term for term in existing if term.id == id)
        if before.facts != facts:
            await store.change(act.tx, id, facts)
            detail = {"before": asdict(before.facts), "after": asdict(facts)}
            await act.record("change_search_term", (SUBJECT, id), reason=reason, detail=detail)
        return DONE


async def delete(
    platform: Platform, by: Staff, id: int, seen: str, reason: str
) -> Done | Refused[TermRefusal]:
    """Delete a term that is still the version `seen`."""
    async with acting(platform, by.who) as act:
        existing = await store.lock_all(act.tx)
        refusal = decide_deletion(existing, id, seen)
        if refusal is not None:
            return Refused(refusal)
        before = next(term for term in existing if term.id == id)
        await store.delete(act.tx, [id])
        detail = {"before": asdict(before.facts)}
        await act.record("delete_search_term", (SUBJECT, id), reason=reason, detail=detail)
        return DONE
