"""A hospital's own list of bookings beside ours: where they differ, and what would cure it.

Nothing is changed here or by whoever calls this: a difference is a finding, and a cure is a
proposal to a person or to the hospital's own system.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

# What a hospital can say of a booking; `unverified` is a word of ours alone.
STATUSES = ("booked", "picked_up", "cancelled", "stopped", "no_show")
_OVER = frozenset({"cancelled", "stopped"})  # the place is free again, the list need not name it


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
class Ours:
    """A booking as the platform knows it. `document`: an index of it, never the number."""

    order_no: str
    status: str
    visit_date: date
    period: str
    session_external_id: str | None
    document: bytes
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Theirs:
    """A booking as the hospital's list has it; None: the list does not say."""

    order_no: str
    status: str
    visit_date: date
    period: str | None = None
    session_external_id: str | None = None
    document: bytes | None = None


@dataclass(frozen=True, slots=True)
class Found:
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

    found: list[Found]
    agreed: int
    too_new: int


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


def compare(ours: Iterable[Ours], theirs: Sequence[Theirs], made_at: datetime) -> Comparison:
    """Both lists, of the same days; `made_at`: when the hospital made its own.

    Ours must hold every booking of these days, and every other that theirs names. What changed
    here since `made_at` is left out: the list could not know.
    """
    known = {one.order_no: one for one in ours}
    listed = {one.order_no: one for one in theirs}  # of a doubled one the last counts
    new = {no for no, one in known.items() if one.changed_at > made_at}
    found = list(_doubled(theirs, new))
    for order_no in sorted((known.keys() | listed.keys()) - new):
        found += _differences(known.get(order_no), listed.get(order_no))
    differing = {one.order_no for one in found}
    return Comparison(found, len((known.keys() | listed.keys()) - new - differing), len(new))


def _doubled(theirs: Sequence[Theirs], new: set[str]) -> Iterator[Found]:
    times = Counter(one.order_no for one in theirs)
    for one in {one.order_no: one for one in theirs}.values():
        if times[one.order_no] > 1 and one.order_no not in new:
            count = str(times[one.order_no])
            yield Found(
                one.order_no, one.visit_date, Difference.DOUBLED, "1", count, Cure.REMOVE_THERE
            )


def _differences(ours: Ours | None, theirs: Theirs | None) -> Iterator[Found]:
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


def _times(ours: Ours, theirs: Theirs) -> tuple[list[str], list[str]]:
    """When and in which session, as far as both say it."""
    here, there = [ours.visit_date.isoformat()], [theirs.visit_date.isoformat()]
    for mine, its in (
        (ours.period, theirs.period),
        (ours.session_external_id, theirs.session_external_id),
    ):
        if mine is not None and its is not None:
            here.append(mine)
            there.append(its)
    return here, there


def _found(one: Ours | Theirs, kind: Difference, here: str, there: str, cure: Cure) -> Found:
    return Found(one.order_no, one.visit_date, kind, here, there, cure)
