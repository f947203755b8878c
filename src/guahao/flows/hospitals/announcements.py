"""The administrator writes, changes and withdraws what the first page announces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.announcements import (
    AnnouncementRefusal,
    AnnouncementText,
    SavedAnnouncement,
    check_editable,
    check_text,
    decide_change,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import announcements as store

LISTED = 200


@dataclass(frozen=True, slots=True)
class AnnouncementView:
    """An announcement and its state: `coming`, `shown`, `over` or `withdrawn`."""

    saved: SavedAnnouncement
    state: str

    @property
    def version(self) -> str:
        """Return what a form that shows it sends back."""
        return version_of(self.saved)


def _view(saved: SavedAnnouncement, now: datetime) -> AnnouncementView:
    return AnnouncementView(saved, saved.state_at(now))


async def listed(platform: Platform) -> list[AnnouncementView]:
    """Return the latest announcements, those to come first."""
    async with platform.db.transaction() as tx:
        return [_view(saved, tx.now) for saved in await store.latest(tx, LISTED)]


async def one(platform: Platform, announcement_id: int) -> AnnouncementView | None:
    """Return an announcement, or None."""
    async with platform.db.transaction() as tx:
        saved = await store.one(tx, announcement_id)
        return None if saved is None else _view(saved, tx.now)


async def add(
    platform: Platform, by: Staff, text: AnnouncementText
) -> int | Refused[AnnouncementRefusal]:
    """Write an announcement; return its id."""
    async with acting(platform, by.who) as act:
        refusal = check_text(text, act.now)
        if refusal is not None:
            return Refused(refusal)
        id = await store.add(act.tx, text)
        await act.record("add_announcement", ("announcement", id), detail={"after": asdict(text)})
        return id


async def change(
    platform: Platform, by: Staff, announcement_id: int, seen: str, text: AnnouncementText
) -> Done | Refused[AnnouncementRefusal]:
    """Change an announcement that is still the version `seen`."""
    async with acting(platform, by.who) as act:
        saved = await store.one(act.tx, announcement_id, lock=True)
        refusal = decide_change(saved, seen, text, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert saved is not None
        await store.change(act.tx, announcement_id, text)
        detail = {"before": asdict(saved.text), "after": asdict(text)}
        await act.record("change_announcement", ("announcement", announcement_id), detail=detail)
        return DONE


async def withdraw(
    platform: Platform, by: Staff, announcement_id: int, seen: str, reason: str = ""
) -> Done | Refused[AnnouncementRefusal]:
    """Stop showing an announcement."""
    async with acting(platform, by.who) as act:
        saved = await store.one(act.tx, announcement_id, lock=True)
        refusal = check_editable(saved, seen)
        if refusal is not None:
            return Refused(refusal)
        await store.withdraw(act.tx, announcement_id)
        await act.record("withdraw_announcement", ("announcement", announcement_id), reason=reason)
        return DONE
