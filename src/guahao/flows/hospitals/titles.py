"""The city's list of professional titles: added, put in order, retired; the word stays."""

from __future__ import annotations

from dataclasses import asdict, replace

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.ordering import moved
from guahao.rules.hospitals.titles import Title, TitleRefusal, decide_addition, decide_change
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import titles as store


def version(title: Title) -> str:
    """Return what a form that shows the title sends back."""
    return version_of(title)


async def listed(platform: Platform) -> list[Title]:
    """Return all titles in the city's order, the retired ones too."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def add(
    platform: Platform, by: Staff, name: str, name_en: str
) -> int | Refused[TitleRefusal]:
    """Add a title at the end of the list; return its id."""
    async with acting(platform, by.who) as act:
        refusal = decide_addition(await store.lock_all(act.tx), name, name_en)
        if refusal is not None:
            return Refused(refusal)
        id = await store.add(act.tx, name, name_en)
        await act.record("add_title", ("title", id), detail={"after": [name, name_en]})
    platform.titles.forget()
    return id


async def change(
    platform: Platform,
    by: Staff,
    title_id: int,
    seen: str,
    name_en: str,
    *,
    retired: bool,
    reason: str = "",
) -> Done | Refused[TitleRefusal]:
    """Change the English of a title that is still the version `seen`, and whether it is offered."""
    async with acting(platform, by.who) as act:
        titles = await store.lock_all(act.tx)
        before = next((title for title in titles if title.id == title_id), None)
        refusal = decide_change(before, seen, name_en)
        if refusal is not None:
            return Refused(refusal)
        assert before is not None
        retired_at = (before.retired_at or act.now) if retired else None
        await store.change(act.tx, title_id, name_en, retired_at)
        after = replace(before, name_en=name_en, retired_at=retired_at)
        detail = {"before": asdict(before), "after": asdict(after)}
        await act.record("change_title", ("title", title_id), reason=reason, detail=detail)
    platform.titles.forget()
    return DONE


async def move(
    platform: Platform, by: Staff, title_id: int, *, up: bool
) -> Done | Refused[TitleRefusal]:
    """Move a title a place up or down in the list; at its end it stays."""
    async with acting(platform, by.who) as act:
        before = [title.id for title in await store.lock_all(act.tx)]
        if title_id not in before:
            return Refused(TitleRefusal.UNKNOWN)
        after = moved(before, title_id, up=up)
        if after != before:
            await store.put_in_order(act.tx, after)
            detail = {"before": before, "after": after}
            await act.record("move_title", ("title", title_id), detail=detail)
        return DONE
