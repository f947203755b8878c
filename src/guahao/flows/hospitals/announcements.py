"""The administrator writes what everybody reads on the first page, changes and withdraws it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import announcements as store
from guahao.store.hospitals.announcements import Kept, Written

TITLE_MAX = 80  # characters
BODY_MAX = 1000
LISTED = 200
AHEAD_DAYS = 366  # later is a slip of the keyboard


class AnnouncementRefusal(StrEnum):
    """Why an announcement is not written, changed or withdrawn."""

    UNKNOWN = "announcement_unknown"
    TITLE = "announcement_title"
    BODY = "announcement_body"
    ENGLISH = "announcement_english"
    SPAN = "announcement_span"
    WITHDRAWN = "announcement_withdrawn"
    CHANGED_MEANWHILE = "announcement_changed_meanwhile"


@dataclass(frozen=True, slots=True)
class Announced:
    """An announcement and its state: `coming`, `shown`, `over` or `withdrawn`."""

    kept: Kept
    state: str

    @property
    def version(self) -> str:
        """What a form that shows it gives back."""
        return version_of(self.kept)


def _state(kept: Kept, now: datetime) -> str:
    if kept.withdrawn_at is not None:
        return "withdrawn"
    if now < kept.written.shown_from:
        return "coming"
    until = kept.written.shown_until
    return "shown" if until is None or now < until else "over"


def refused_words(new: Written, now: datetime) -> AnnouncementRefusal | None:
    """What no announcement may be."""
    if not 1 <= len(new.title) <= TITLE_MAX or len(new.title_en) > TITLE_MAX:
        return AnnouncementRefusal.TITLE
    if max(len(new.body), len(new.body_en)) > BODY_MAX:
        return AnnouncementRefusal.BODY
    # Half in English helps nobody: a title without its text, or a text under a Chinese title.
    if (new.body_en and not new.title_en) or (new.title_en and bool(new.body) != bool(new.body_en)):
        return AnnouncementRefusal.ENGLISH
    until = new.shown_until
    if until is not None and until <= max(new.shown_from, now):
        return AnnouncementRefusal.SPAN
    last = now + timedelta(days=AHEAD_DAYS)
    return AnnouncementRefusal.SPAN if max(new.shown_from, until or now) > last else None


async def listed(platform: Platform) -> list[Announced]:
    """The latest announcements, those to come first."""
    async with platform.db.transaction() as tx:
        return [Announced(one, _state(one, tx.now)) for one in await store.latest(tx, LISTED)]


async def one(platform: Platform, announcement_id: int) -> Announced | None:
    """An announcement, or None."""
    async with platform.db.transaction() as tx:
        kept = await store.one(tx, announcement_id)
        return None if kept is None else Announced(kept, _state(kept, tx.now))


async def add(platform: Platform, by: Staff, new: Written) -> int | AnnouncementRefusal:
    """Write one; its id."""
    async with acting(platform, by.who) as act:
        refused = refused_words(new, act.now)
        if refused is not None:
            return refused
        id = await store.add(act.tx, new)
        subject, detail = ("announcement", id), {"after": asdict(new)}
        await act.record("add_announcement", subject, detail=detail)
        return id


async def change(
    platform: Platform, by: Staff, announcement_id: int, version: str, new: Written
) -> AnnouncementRefusal | None:
    """Change one that is as it was shown (`version`); None where that is done."""
    async with acting(platform, by.who) as act:
        kept = await store.one(act.tx, announcement_id, lock=True)
        refused = _not_to_be_changed(kept, version) or refused_words(new, act.now)
        if refused is not None:
            return refused
        assert kept is not None
        await store.change(act.tx, announcement_id, new)
        detail = {"before": asdict(kept.written), "after": asdict(new)}
        subject = ("announcement", announcement_id)
        await act.record("change_announcement", subject, detail=detail)
        return None


async def withdraw(
    platform: Platform, by: Staff, announcement_id: int, version: str, reason: str = ""
) -> AnnouncementRefusal | None:
    """Show it no more; None where that is done."""
    async with acting(platform, by.who) as act:
        kept = await store.one(act.tx, announcement_id, lock=True)
        refused = _not_to_be_changed(kept, version)
        if refused is not None:
            return refused
        await store.withdraw(act.tx, announcement_id)
        subject = ("announcement", announcement_id)
        await act.record("withdraw_announcement", subject, reason=reason)
        return None


def _not_to_be_changed(kept: Kept | None, version: str) -> AnnouncementRefusal | None:
    if kept is None:
        return AnnouncementRefusal.UNKNOWN
    if kept.withdrawn_at is not None:
        return AnnouncementRefusal.WITHDRAWN
    same = version_of(kept) == version
    return None if same else AnnouncementRefusal.CHANGED_MEANWHILE
