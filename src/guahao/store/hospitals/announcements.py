"""What the platform announces to everybody on its first page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from guahao.rules.hospitals.announcements import AnnouncementText, SavedAnnouncement
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Announcement:
    """A title and a text in both languages; the English ones may be empty."""

    id: int
    title: str
    title_en: str
    body: str
    body_en: str
    shown_from: datetime


_SHOWN = """
    SELECT id, title, title_en, body, body_en, shown_from FROM announcements
    WHERE shown_from <= %(now)s AND %(now)s < shown_until AND withdrawn_at IS NULL
    ORDER BY shown_from DESC, id DESC
"""
# The calendar has no "for ever" of its own.
_SAVED = """
    SELECT id, withdrawn_at, title, title_en, body, body_en, shown_from,
           nullif(shown_until, 'infinity') AS shown_until, is_maintenance
    FROM announcements
"""
_ADD = """
    INSERT INTO announcements
        (title, title_en, body, body_en, shown_from, shown_until, is_maintenance)
    VALUES (%(title)s, %(title_en)s, %(body)s, %(body_en)s, %(shown_from)s,
            coalesce(%(shown_until)s::timestamptz, 'infinity'), %(is_maintenance)s)
    RETURNING id
"""
_CHANGE = """
    UPDATE announcements
    SET title = %(title)s, title_en = %(title_en)s, body = %(body)s, body_en = %(body_en)s,
        shown_from = %(shown_from)s,
        shown_until = coalesce(%(shown_until)s::timestamptz, 'infinity'),
        is_maintenance = %(is_maintenance)s
    WHERE id = %(id)s
"""


async def shown(tx: Tx) -> list[Announcement]:
    """Return the announcements that are shown now, the latest first."""
    return await tx.records(Announcement, _SHOWN, {"now": tx.now})


async def latest(tx: Tx, limit: int) -> list[SavedAnnouncement]:
    """Return the latest announcements, past and future ones too, the latest first."""
    return await tx.records(
        SavedAnnouncement,
        f"{_SAVED} ORDER BY shown_from DESC, id DESC LIMIT %(limit)s",
        {"limit": limit},
    )


async def one(tx: Tx, announcement_id: int, *, lock: bool = False) -> SavedAnnouncement | None:
    """Return an announcement, or None."""
    return await tx.record(
        SavedAnnouncement,
        f"{_SAVED} WHERE id = %(id)s {'FOR NO KEY UPDATE' if lock else ''}",
        {"id": announcement_id},
    )


async def add(tx: Tx, text: AnnouncementText) -> int:
    """Add an announcement; return its id."""
    row = await tx.row(_ADD, asdict(text))
    assert row is not None
    return int(row[0])


async def change(tx: Tx, announcement_id: int, text: AnnouncementText) -> None:
    """Replace the text and the time of an announcement."""
    await tx.do(_CHANGE, {"id": announcement_id, **asdict(text)})


async def withdraw(tx: Tx, announcement_id: int) -> None:
    """Stop showing an announcement from now on."""
    await tx.do(
        "UPDATE announcements SET withdrawn_at = %(now)s WHERE id = %(id)s",
        {"now": tx.now, "id": announcement_id},
    )
