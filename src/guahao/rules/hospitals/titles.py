"""The city's list of professional titles (职称): what an entry may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from guahao.rules.kernel.versions import version_of

NAME_MAX = 40  # characters, as many as a timetable holds
NAME_EN_MAX = 80


class TitleRefusal(StrEnum):
    """Why a title is not written, in order of precedence."""

    UNKNOWN = "title_unknown"
    CHANGED_MEANWHILE = "title_changed_meanwhile"
    NAME = "title_name"
    NAME_EN = "title_name_en"
    NAME_TAKEN = "title_name_taken"


@dataclass(frozen=True, slots=True)
class Title:
    """`name` is the word that timetables and sessions hold; `retired_at`: offered no more."""

    id: int
    name: str
    name_en: str
    retired_at: datetime | None


def decide_addition(existing: Sequence[Title], name: str, name_en: str) -> TitleRefusal | None:
    """Return why a title is not added to the existing ones."""
    if not 1 <= len(name) <= NAME_MAX:
        return TitleRefusal.NAME
    if len(name_en) > NAME_EN_MAX:
        return TitleRefusal.NAME_EN
    taken = any(title.name == name for title in existing)
    return TitleRefusal.NAME_TAKEN if taken else None


def decide_change(title: Title | None, seen: str, name_en: str) -> TitleRefusal | None:
    """Return why a title is not changed; `seen`: the version that was shown."""
    if title is None:
        return TitleRefusal.UNKNOWN
    if version_of(title) != seen:
        return TitleRefusal.CHANGED_MEANWHILE
    return TitleRefusal.NAME_EN if len(name_en) > NAME_EN_MAX else None
