"""What becomes of one item of a hospital's own list: made, changed, as it was, or refused.

Items are known by the hospital's own ids, so that the same list again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum

FED_DAYS = 366  # later than that is a slip


class Fed(StrEnum):
    """What became of an item that was not refused."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class ItemRefusal(StrEnum):
    """Why an item is refused, in order of precedence."""

    TWICE = "item_twice"
    HOURS = "item_hours"
    DEPARTMENT_UNKNOWN = "item_department_unknown"
    PARENT_UNKNOWN = "item_parent_unknown"
    LEVEL = "item_level"
    CODE_TAKEN = "item_code_taken"
    TITLE_UNKNOWN = "item_title_unknown"
    STOPPED = "item_stopped"
    PAST = "item_past"
    TOO_FAR = "item_too_far"
    TOLD = "item_told"
    BELOW_BOOKED = "item_below_booked"


@dataclass(frozen=True, slots=True)
class Session:
    """A clinic session as a hospital publishes it; money in 分."""

    department_id: int
    title: str
    specialty: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session that is there. `ever_booked`: also by what was cancelled since.

    `linked`: it has the hospital's id already; the same clinic that was planned by other means,
    and that has none, becomes the hospital's.
    """

    id: int
    session: Session
    booked: int
    stopped: bool
    ever_booked: bool
    linked: bool = True


def decide_session(
    wanted: Session, known: KnownSession | None, titles: Collection[str], today: date
) -> Fed | ItemRefusal:
    """What publishing this session does. `titles`: those that the city offers.

    A title that is offered no more stays with what has it. What a patient was told stays as it
    was told: once anybody has booked, only the places change, and never below what is booked.
    A stopped session stays stopped.
    """
    if known is not None and known.linked and known.session == wanted:
        return Fed.UNCHANGED
    if wanted.title not in titles and (known is None or known.session.title != wanted.title):
        return ItemRefusal.TITLE_UNKNOWN
    if known is not None and known.stopped:
        return ItemRefusal.STOPPED
    refused = _refused_date(wanted.visit_date, known, today)
    if refused is not None:
        return refused
    if known is None:
        return Fed.CREATED
    if known.ever_booked and _told(wanted) != _told(known.session):
        return ItemRefusal.TOLD
    if wanted.capacity < known.booked:
        return ItemRefusal.BELOW_BOOKED
    return Fed.CHANGED


def _refused_date(day: date, known: KnownSession | None, today: date) -> ItemRefusal | None:
    """Nothing is made for today or before (S4); what is there may change until its day ends."""
    if known is not None and known.session.visit_date < today:
        return ItemRefusal.PAST
    unmoved = known is not None and known.session.visit_date == day
    if day < today or (day == today and not unmoved):
        return ItemRefusal.PAST
    return ItemRefusal.TOO_FAR if day > today + timedelta(days=FED_DAYS) else None


def _told(session: Session) -> tuple[object, ...]:
    """All but the places."""
    return (
        *(session.department_id, session.title, session.specialty, session.visit_date),
        *(session.period, session.starts_at, session.ends_at, session.fee_fen),
    )


def clinic_key(session: Session) -> tuple[object, ...]:
    """What makes it the same clinic: at most its end, fee and places are different."""
    return (
        *(session.department_id, session.visit_date, session.title, session.specialty),
        *(session.period, session.starts_at),
    )


def are_hours(starts_at: time | None, ends_at: time | None) -> bool:
    """Whether a session may have these: both, the start alone, or neither."""
    return ends_at is None or (starts_at is not None and starts_at < ends_at)


@dataclass(frozen=True, slots=True)
class Department:
    """A department as a hospital publishes it; without a parent it is of the first level."""

    name: str
    name_en: str
    parent_id: int | None
    on_platform: bool


@dataclass(frozen=True, slots=True)
class KnownDepartment:
    """A department that is there. `code`: its code on the platform, unique in the hospital."""

    id: int
    external_id: str | None
    code: str
    department: Department
    has_children: bool
    has_sessions: bool


def decide_department(
    wanted: Department, known: KnownDepartment | None, *, linked: bool, code_taken: bool
) -> Fed | ItemRefusal:
    """What publishing this department does.

    `linked`: it has the hospital's id already; a department that has none, and whose code is
    that id, becomes the hospital's. `code_taken`: another's code is that id.
    """
    if known is None:
        return ItemRefusal.CODE_TAKEN if code_taken else Fed.CREATED
    if linked and known.department == wanted:
        return Fed.UNCHANGED
    was_first_level = known.department.parent_id is None
    if was_first_level and wanted.parent_id is not None and known.has_children:
        return ItemRefusal.LEVEL
    if not was_first_level and wanted.parent_id is None and known.has_sessions:
        return ItemRefusal.LEVEL
    return Fed.CHANGED
