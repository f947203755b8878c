"""What becomes of an item of a hospital's own list: made, changed, as it was, or refused.

Items are known by the hospital's own ids, so that the same list again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.supply.changes import UpsertResult


class ItemRefusal(StrEnum):
    """Why an item is refused, in order of precedence; a session's law follows (SessionRefusal)."""

    TWICE = "item_twice"
    DEPARTMENT_UNKNOWN = "item_department_unknown"
    PARENT_UNKNOWN = "item_parent_unknown"
    LEVEL = "item_level"
    CODE_TAKEN = "item_code_taken"


@dataclass(frozen=True, slots=True)
class PublishedDepartment:
    """A department as a hospital publishes it; without a parent it is of the first level."""

    name: str
    name_en: str
    parent_id: int | None
    on_platform: bool


@dataclass(frozen=True, slots=True)
class StoredDepartment:
    """A department as it is stored. `code`: its code on the platform, unique in the hospital."""

    id: int
    external_id: str | None
    code: str
    department: PublishedDepartment
    has_children: bool
    has_sessions: bool


def decide_department(
    wanted: PublishedDepartment, known: StoredDepartment | None, *, linked: bool, code_taken: bool
) -> UpsertResult | ItemRefusal:
    """Decide what publishing this department does.

    `linked`: it has the hospital's id already; a department that has none, and whose code is
    that id, becomes the hospital's. `code_taken`: another's code is that id.
    """
    if known is None:
        return ItemRefusal.CODE_TAKEN if code_taken else UpsertResult.CREATED
    if linked and known.department == wanted:
        return UpsertResult.UNCHANGED
    was_first_level = known.department.parent_id is None
    if was_first_level and wanted.parent_id is not None and known.has_children:
        return ItemRefusal.LEVEL
    if not was_first_level and wanted.parent_id is None and known.has_sessions:
        return ItemRefusal.LEVEL
    return UpsertResult.CHANGED
