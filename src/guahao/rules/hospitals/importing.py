"""Whether a checked file of hospitals is applied."""

from __future__ import annotations

from enum import StrEnum


class FileRefusal(StrEnum):
    """Why a file is not applied, in order of precedence."""

    UNKNOWN = "import_unknown"
    FAULTY = "import_faulty"
    CHANGED_MEANWHILE = "import_changed_meanwhile"
    NOTHING = "import_nothing"


def decide_file(
    *, is_correct: bool, is_as_seen: bool, changes_something: bool
) -> FileRefusal | None:
    """Return why a file is not applied.

    `is_as_seen`: it would still do what its preview showed.
    """
    if not is_correct:
        return FileRefusal.FAULTY
    if not is_as_seen:
        return FileRefusal.CHANGED_MEANWHILE
    return None if changes_something else FileRefusal.NOTHING
