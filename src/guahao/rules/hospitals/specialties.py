"""What the English of a specialty may be."""

from __future__ import annotations

from enum import StrEnum

NAME_MAX = 80  # characters
NAME_EN_MAX = 120


class SpecialtyRefusal(StrEnum):
    """Why the English of a specialty is not set, in order of precedence."""

    MISSING = "specialty_missing"
    TOO_LONG = "specialty_too_long"


def decide(name: str, name_en: str) -> SpecialtyRefusal | None:
    """Return why the English is not set; an empty English removes it."""
    if not name:
        return SpecialtyRefusal.MISSING
    if len(name) > NAME_MAX or len(name_en) > NAME_EN_MAX:
        return SpecialtyRefusal.TOO_LONG
    return None
