"""The city's English for specialties; the Chinese is what hospitals write."""

from __future__ import annotations

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.specialties import SpecialtyRefusal, decide
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import specialties as store


async def listed(platform: Platform) -> list[tuple[str, str]]:
    """Return all specialties with their English: those without it first."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def change(
    platform: Platform, by: Staff, name: str, name_en: str
) -> Done | Refused[SpecialtyRefusal]:
    """Set the English of a specialty; an empty text removes it."""
    refusal = decide(name, name_en)
    if refusal is not None:
        return Refused(refusal)
    async with acting(platform, by.who) as act:
        before = await store.change(act.tx, name, name_en)
        detail = {"before": [name, before], "after": [name, name_en]}
        await act.record("change_specialty", ("specialty", 0), detail=detail)
    platform.titles.forget()
    return DONE
