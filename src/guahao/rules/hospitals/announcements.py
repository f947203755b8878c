"""What an announcement on the first page may be, and when it is shown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules.kernel.versions import version_of

TITLE_MAX = 80  # characters
BODY_MAX = 1000
AHEAD_DAYS = 366  # later is a typing error


class AnnouncementRefusal(StrEnum):
    """Why an announcement is not written, changed or withdrawn, in order of precedence."""

    UNKNOWN = "announcement_unknown"
    WITHDRAWN = "announcement_withdrawn"
    CHANGED_MEANWHILE = "announcement_changed_meanwhile"
    TITLE = "announcement_title"
    BODY = "announcement_body"
    ENGLISH = "announcement_english"
    SPAN = "announcement_span"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementText:
    """What an administrator writes; `shown_until` None: until it is withdrawn."""

    title: str
    title_en: str
    body: str
    body_en: str
    shown_from: datetime
    shown_until: datetime | None
    is_maintenance: bool = False  # shown on the status page as well


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAnnouncement(AnnouncementText):
    """An announcement, and when it was withdrawn, if it was."""

    id: int
    withdrawn_at: datetime | None

    @property
    def text(self) -> AnnouncementText:
        """Return what was written."""
        names = [field.name for field in fields(AnnouncementText)]
        return AnnouncementText(**{name: getattr(self, name) for name in names})

    def state_at(self, now: datetime) -> str:
        """Return `coming`, `shown`, `over` or `withdrawn`."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        if now < self.shown_from:
            return "coming"
        return "shown" if self.shown_until is None or now < self.shown_until else "over"


def check_text(text: AnnouncementText, now: datetime) -> AnnouncementRefusal | None:
    """Return what is wrong with a text that is written now, None where nothing is."""
    if not 1 <= len(text.title) <= TITLE_MAX or len(text.title_en) > TITLE_MAX:
        return AnnouncementRefusal.TITLE
    if max(len(text.body), len(text.body_en)) > BODY_MAX:
        return AnnouncementRefusal.BODY
    # Half in English helps nobody: a title without its text, or a text under a Chinese title.
    body_lacks_title = bool(text.body_en) and not text.title_en
    title_lacks_body = bool(text.title_en) and bool(text.body) != bool(text.body_en)
    if body_lacks_title or title_lacks_body:
        return AnnouncementRefusal.ENGLISH
    until = text.shown_until
    if until is not None and until <= max(text.shown_from, now):
        return AnnouncementRefusal.SPAN
    last = now + timedelta(days=AHEAD_DAYS)
    return AnnouncementRefusal.SPAN if max(text.shown_from, until or now) > last else None


def check_editable(saved: SavedAnnouncement | None, seen: str) -> AnnouncementRefusal | None:
    """Return why an announcement can no longer be edited; `seen`: the version that was shown."""
    if saved is None:
        return AnnouncementRefusal.UNKNOWN
    if saved.withdrawn_at is not None:
        return AnnouncementRefusal.WITHDRAWN
    return None if version_of(saved) == seen else AnnouncementRefusal.CHANGED_MEANWHILE


def decide_change(
    saved: SavedAnnouncement | None, seen: str, text: AnnouncementText, now: datetime
) -> AnnouncementRefusal | None:
    """Return why an announcement is not given another text."""
    return check_editable(saved, seen) or check_text(text, now)
