"""A hospital's own list of bookings beside ours: where they differ, and what would cure it.

No caller changes a booking by it: a difference is a finding, and a cure is a proposal to a person
or to the hospital's own system.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

# What a hospital can say of a booking; `unverified` is a word of ours alone.
STATUSES = ("booked", "picked_up", "cancelled", "stopped", "no_show")
_OVER = frozenset({"cancelled", "stopped"})  # the place is free again, the list need not name it


DAYS_MAX = 31  # a list
LIST_AGE_MAX = timedelta(hours=24)
_AHEAD_MAX = timedelta(minutes=5)  # by which the hospital's clock may be before ours
NOTE_MAX = 200  # characters


class ListRefusal(StrEnum):
    """Why a hospital's list is not compared, in order of precedence."""

    DAYS = "list_days"
    DATE_OUTSIDE = "list_date_outside"
    MADE_AT = "list_made_at"


class SettleRefusal(StrEnum):
    """Why a difference is not recorded as settled, in order of precedence."""

    NOTE_NEEDED = "note_needed"
    NOT_OPEN = "not_open"


class Difference(StrEnum):
    """In what the two lists differ."""

    MISSING_THERE = "missing_at_hospital"
    UNKNOWN_HERE = "unknown_here"
    STATUS = "status_differs"
    PATIENT = "patient_differs"
    TIME = "time_differs"
    DOUBLED = "doubled"


class Cure(StrEnum):
    """What would make them agree. `…_THERE`: the hospital's own system is to be corrected."""

    ADD_THERE = "add_at_hospital"
    REMOVE_THERE = "remove_at_hospital"
    RESTORE_THERE = "restore_at_hospital"
    CANCEL_THERE = "cancel_at_hospital"
    CORRECT_THERE = "correct_at_hospital"
    REPORT_ATTENDANCE = "report_attendance"  # by the call, or at the window with a reason
    STOP_HERE = "stop_session"  # by the call, or on the page for stopping
    ASK = "ask_patient_and_window"  # the two contradict each other; neither is surely right


@dataclass(frozen=True, slots=True)
class PlatformBooking:
    """A booking as the platform knows it. `document`: an index of it, never the number."""

    order_no: str
    status: str
    visit_date: date
    period: str
    session_external_id: str | None
    document: bytes
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class HospitalListItem:
    """A booking as the hospital's list has it; None: the list does not say."""

    order_no: str
    status: str
    visit_date: date
    period: str | None = None
    session_external_id: str | None = None
    document: bytes | None = None


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """A difference. `here` and `there`: what each side says, without personal data."""

    order_no: str
    visit_date: date
    kind: Difference
    here: str
    there: str
    cure: Cure


@dataclass(frozen=True, slots=True)
class Comparison:
    """Bookings by outcome. `too_new`: changed here after the hospital made its list."""

    found: list[FoundDifference]
    agreed: int
    too_new: int


def decide_list(
    days: tuple[date, date], visit_dates: Iterable[date], made_at: datetime, now: datetime
) -> ListRefusal | None:
    """Return why a list of these days, both included, is not compared."""
    first, last = days
    if last < first or last - first >= timedelta(days=DAYS_MAX):
        return ListRefusal.DAYS
    if any(not first <= visit_date <= last for visit_date in visit_dates):
        return ListRefusal.DATE_OUTSIDE
    is_recent = now - LIST_AGE_MAX <= made_at <= now + _AHEAD_MAX
    return None if is_recent else ListRefusal.MADE_AT


def decide_settling(note: str, *, is_open: bool) -> SettleRefusal | None:
    """Return why a difference is not recorded as settled with this note."""
    if not 1 <= len(note) <= NOTE_MAX:
        return SettleRefusal.NOTE_NEEDED
    return None if is_open else SettleRefusal.NOT_OPEN


# Our status, theirs: the cure. What is not named here agrees.
_STATUS_CURES = {
    ("booked", "picked_up"): Cure.REPORT_ATTENDANCE,
    ("booked", "no_show"): Cure.REPORT_ATTENDANCE,
    ("booked", "cancelled"): Cure.RESTORE_THERE,
    ("booked", "stopped"): Cure.STOP_HERE,
    ("picked_up", "booked"): Cure.CORRECT_THERE,
    ("picked_up", "no_show"): Cure.ASK,
    ("picked_up", "cancelled"): Cure.ASK,
    ("picked_up", "stopped"): Cure.ASK,
    ("cancelled", "booked"): Cure.CANCEL_THERE,
    ("cancelled", "picked_up"): Cure.ASK,
    ("cancelled", "no_show"): Cure.CANCEL_THERE,
    ("stopped", "booked"): Cure.CANCEL_THERE,
    ("stopped", "picked_up"): Cure.ASK,
    ("stopped", "no_show"): Cure.CANCEL_THERE,
    ("no_show", "booked"): Cure.CORRECT_THERE,
    ("no_show", "picked_up"): Cure.REPORT_ATTENDANCE,
    ("no_show", "cancelled"): Cure.ASK,
    ("no_show", "stopped"): Cure.STOP_HERE,
    # Whether the patient came is not known here yet: "booked" says as much.
    ("unverified", "picked_up"): Cure.REPORT_ATTENDANCE,
    ("unverified", "no_show"): Cure.REPORT_ATTENDANCE,
    ("unverified", "cancelled"): Cure.ASK,
    ("unverified", "stopped"): Cure.STOP_HERE,
}


def compare(
    ours: Iterable[PlatformBooking], theirs: Sequence[HospitalListItem], made_at: datetime
) -> Comparison:
    """Compare both lists, of the same days; `made_at`: when the hospital made its own.

    Ours must hold every booking of these days, and every other that theirs names. What changed
    here since `made_at` is left out: the list could not know.
    """
    known = {booking.order_no: booking for booking in ours}
    listed = {booking.order_no: booking for booking in theirs}  # of a doubled one the last counts
    new = {no for no, booking in known.items() if booking.changed_at > made_at}
    found = list(_doubled(theirs, new))
    for order_no in sorted((known.keys() | listed.keys()) - new):
        found += _differences(known.get(order_no), listed.get(order_no))
    differing = {difference.order_no for difference in found}
    return Comparison(found, len((known.keys() | listed.keys()) - new - differing), len(new))


def _doubled(theirs: Sequence[HospitalListItem], new: set[str]) -> Iterator[FoundDifference]:
    times = Counter(booking.order_no for booking in theirs)
    for order_no, booking in {booking.order_no: booking for booking in theirs}.items():
        if times[order_no] > 1 and order_no not in new:
            count = str(times[order_no])
            yield _found(booking, Difference.DOUBLED, "1", count, Cure.REMOVE_THERE)


def _differences(
    ours: PlatformBooking | None, theirs: HospitalListItem | None
) -> Iterator[FoundDifference]:
    if ours is None:
        assert theirs is not None
        if theirs.status not in _OVER:
            yield _found(theirs, Difference.UNKNOWN_HERE, "", theirs.status, Cure.REMOVE_THERE)
        return
    if theirs is None:
        if ours.status not in _OVER:
            yield _found(ours, Difference.MISSING_THERE, ours.status, "", Cure.ADD_THERE)
        return
    cure = _STATUS_CURES.get((ours.status, theirs.status))
    if cure is not None:
        yield _found(ours, Difference.STATUS, ours.status, theirs.status, cure)
    if ours.status in _OVER and theirs.status in _OVER:
        return
    if theirs.document is not None and theirs.document != ours.document:
        yield _found(ours, Difference.PATIENT, "", "", Cure.CORRECT_THERE)
    here, there = _times(ours, theirs)
    if here != there:
        yield _found(ours, Difference.TIME, " ".join(here), " ".join(there), Cure.CORRECT_THERE)


def _times(ours: PlatformBooking, theirs: HospitalListItem) -> tuple[list[str], list[str]]:
    """Return when and in which session it is, as far as both say it."""
    here, there = [ours.visit_date.isoformat()], [theirs.visit_date.isoformat()]
    for mine, its in (
        (ours.period, theirs.period),
        (ours.session_external_id, theirs.session_external_id),
    ):
        if mine is not None and its is not None:
            here.append(mine)
            there.append(its)
    return here, there


def _found(
    booking: PlatformBooking | HospitalListItem, kind: Difference, here: str, there: str, cure: Cure
) -> FoundDifference:
    return FoundDifference(booking.order_no, booking.visit_date, kind, here, there, cure)
