"""The city's list of professional titles: added, put in order, retired; the word stays."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import titles as store
from guahao.store.hospitals.titles import Title

NAME_MAX = 40  # characters, as many as a timetable holds
NAME_EN_MAX = 80


class TitleRefusal(StrEnum):
    """Why a title is not written."""

    UNKNOWN = "title_unknown"
    NAME = "title_name"
    NAME_EN = "title_name_en"
    NAME_TAKEN = "title_name_taken"
    CHANGED_MEANWHILE = "title_changed_meanwhile"


def version(title: Title) -> str:
    """What a form that shows it gives back."""
    return version_of(title)


async def listed(platform: Platform) -> list[Title]:
    """All of them in the city's order, the retired ones too."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def add(platform: Platform, by: Staff, name: str, name_en: str) -> int | TitleRefusal:
    """A title, the last of the list; its id."""
    async with acting(platform, by.who) as act:
        there = await store.lock_all(act.tx)
        if not 1 <= len(name) <= NAME_MAX:
            return TitleRefusal.NAME
        if len(name_en) > NAME_EN_MAX:
            return TitleRefusal.NAME_EN
        if any(one.name == name for one in there):
            return TitleRefusal.NAME_TAKEN
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
) -> TitleRefusal | None:
    """Its English, and whether forms offer it, where it is as it was `seen`; None when done."""
    async with acting(platform, by.who) as act:
        before = _of(await store.lock_all(act.tx), title_id)
        if before is None:
            return TitleRefusal.UNKNOWN
        if version(before) != seen:
            return TitleRefusal.CHANGED_MEANWHILE
        if len(name_en) > NAME_EN_MAX:
            return TitleRefusal.NAME_EN
        retired_at = (before.retired_at or act.now) if retired else None
        await store.change(act.tx, title_id, name_en, retired_at)
        after = replace(before, name_en=name_en, retired_at=retired_at)
        detail = {"before": asdict(before), "after": asdict(after)}
        await act.record("change_title", ("title", title_id), reason=reason, detail=detail)
    platform.titles.forget()
    return None


async def move(platform: Platform, by: Staff, title_id: int, *, up: bool) -> TitleRefusal | None:
    """One place up or down in the list; at its end it stays."""
    async with acting(platform, by.who) as act:
        before = [one.id for one in await store.lock_all(act.tx)]
        if title_id not in before:
            return TitleRefusal.UNKNOWN
        after = moved(before, title_id, up=up)
        if after != before:
            await store.put_in_order(act.tx, after)
            detail = {"before": before, "after": after}
            await act.record("move_title", ("title", title_id), detail=detail)
        return None


def moved(ids: list[int], id: int, *, up: bool) -> list[int]:
    """The same ids with one of them a place further up or down."""
    here = ids.index(id)
    there = max(0, here - 1) if up else min(len(ids) - 1, here + 1)
    rest = [one for one in ids if one != id]
    return [*rest[:there], id, *rest[there:]]


def _of(there: list[Title], title_id: int) -> Title | None:
    return next((one for one in there if one.id == title_id), None)
