"""May this clinic session be made or changed? The one law for every way in.

The scheduler's form, an imported file, a timetable's change, the fee list and the hospital's own
system read a session's facts, ask here, and store what was decided (docs/decisions/0036).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import date, time, timedelta
from enum import StrEnum

from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.hours import Hours, HoursFault, may_overlap, new_hours_fault

PLANNED_DAYS = 366  # a later date is a slip of the keyboard


class UpsertResult(StrEnum):
    """What became of an item that was not refused."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class SessionRefusal(StrEnum):
    """Why a session is not made or changed, in order of precedence."""

    HOURS = "item_hours"
    OUTSIDE_PERIOD = "item_outside_period"
    TITLE_NOT_OFFERED = "item_title_unknown"
    STOPPED = "item_stopped"
    PAST = "item_past"
    TOO_FAR = "item_too_far"
    TOLD = "item_told"
    BELOW_BOOKED = "item_below_booked"


@dataclass(frozen=True, slots=True)
class SessionRefused(Refused[SessionRefusal]):
    """A session is not made or changed.

    `fields`: of TOLD, what was to change and must not. `booked`: of BELOW_BOOKED.
    """

    fields: tuple[str, ...] = ()
    booked: int | None = None


@dataclass(frozen=True, slots=True)
class Clinic:
    """What is held: who, when in the day, for how much and how many. Money in 分."""

    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int

    @property
    def hours(self) -> Hours:
        """Return when in the day it is held."""
        return Hours(self.period, self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What a clinic session offers: where, on which date, and the clinic that is held."""

    department_id: int
    title: str
    specialty: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int

    @property
    def hours(self) -> Hours:
        """Return when in the day the clinic is held."""
        return Hours(self.period, self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A clinic session as it is stored.

    `booked`: places that somebody holds or held until the visit, or that are offered to a patient
    of a stopped clinic. `ever_booked`: also by a booking
    that was cancelled or stopped since; a way in that cannot move a session need not read it.
    `linked`: it has the caller's own id already.
    """

    terms: SessionTerms
    booked: int
    stopped: bool
    ever_booked: bool = True
    linked: bool = True


def terms_of(clinic: Clinic, department_id: int, visit_date: date) -> SessionTerms:
    """Return the terms of a clinic that is held in a department on a date."""
    return SessionTerms(
        department_id,
        clinic.title,
        clinic.specialty,
        visit_date,
        clinic.period,
        clinic.starts_at,
        clinic.ends_at,
        clinic.fee_fen,
        clinic.capacity,
    )


def may_double(one: SessionTerms, other: SessionTerms) -> bool:
    """Return whether two sessions of a department and date may be one clinic, planned twice.

    Nobody is named (S1), so two doctors may look the same (docs/decisions/0019).
    """
    is_alike = (one.title, one.specialty) == (other.title, other.specialty)
    return is_alike and may_overlap(one.hours, other.hours)


def earliest_new_day(today: date) -> date:
    """Return the first visit date for which something may be made: nobody books today (S4)."""
    return today + ONE_DAY


def refusals(
    wanted: SessionTerms,
    known: StoredSession | None,
    offered: Collection[str],
    today: date,
    kept_hours: Hours | None = None,
) -> list[SessionRefused]:
    """Return every reason against making or changing a session, in order of precedence.

    `known`: the session as it is stored, None for a new one. `offered`: the city's titles; one
    that is no longer offered stays with the session that has it, and so do hours that no session
    gets any more. `kept_hours`: those of the timetable that the session follows.

    A stopped session stays as it is. A session may change until its day ends; a new one, and one
    that is moved, lies on tomorrow or later. What a patient was told holds as long as a booking
    does: only the places change, and never below what is booked. A cancelled booking binds only
    the department and the date, under which its record is counted.
    """
    if known is not None and known.linked and known.terms == wanted:
        return []
    found = []
    fault = new_hours_fault(None if known is None else known.terms.hours, wanted.hours)
    if fault is not None and wanted.hours != kept_hours:
        is_outside = fault is HoursFault.OUTSIDE_PERIOD
        reason = SessionRefusal.OUTSIDE_PERIOD if is_outside else SessionRefusal.HOURS
        found.append(SessionRefused(reason))
    if wanted.title not in offered and (known is None or known.terms.title != wanted.title):
        found.append(SessionRefused(SessionRefusal.TITLE_NOT_OFFERED))
    if known is not None and known.stopped:
        found.append(SessionRefused(SessionRefusal.STOPPED))
    is_over = known is not None and known.terms.visit_date < today
    is_moved = known is None or known.terms.visit_date != wanted.visit_date
    first = earliest_new_day(today) if is_moved else today
    if is_over or wanted.visit_date < first:
        found.append(SessionRefused(SessionRefusal.PAST))
    elif wanted.visit_date > today + timedelta(days=PLANNED_DAYS):
        found.append(SessionRefused(SessionRefusal.TOO_FAR))
    if known is not None and not known.stopped:
        told = _told_otherwise(wanted, known)
        if told:
            found.append(SessionRefused(SessionRefusal.TOLD, fields=told))
        if wanted.capacity < known.booked:
            found.append(SessionRefused(SessionRefusal.BELOW_BOOKED, booked=known.booked))
    return found


def decide_session(
    wanted: SessionTerms,
    known: StoredSession | None,
    offered: Collection[str],
    today: date,
    kept_hours: Hours | None = None,
) -> UpsertResult | SessionRefused:
    """Decide whether a session is made, changed or left, or the first reason against it."""
    against = refusals(wanted, known, offered, today, kept_hours)
    if against:
        return against[0]
    if known is None:
        return UpsertResult.CREATED
    if known.linked and known.terms == wanted:
        return UpsertResult.UNCHANGED
    return UpsertResult.CHANGED


def decide_following(
    session: StoredSession, clinic: Clinic, today: date
) -> SessionTerms | SessionRefused:
    """Decide what a timetable's session takes over from the timetable's change.

    All of it where nobody holds a booking; else the places alone, and never fewer than are booked.
    """
    wanted = terms_of(clinic, session.terms.department_id, session.terms.visit_date)
    if session.booked:
        wanted = replace(session.terms, capacity=max(clinic.capacity, session.booked))
    # The timetable's own title and hours were checked when the timetable got them.
    outcome = decide_session(wanted, session, {clinic.title}, today, clinic.hours)
    return outcome if isinstance(outcome, SessionRefused) else wanted


def decide_withdrawal(session: StoredSession, today: date) -> SessionTerms | SessionRefused | None:
    """Decide what becomes of a session whose timetable has ended before it.

    None: it is removed, as nobody ever booked it. Otherwise it is held for those who did, without
    new bookings.
    """
    if not session.ever_booked and not session.stopped:
        return None
    wanted = replace(session.terms, capacity=session.booked)
    outcome = decide_session(wanted, session, (), today)
    return outcome if isinstance(outcome, SessionRefused) else wanted


def differences(before: SessionTerms, after: SessionTerms) -> dict[str, list[object]]:
    """Return before and after of every field that changes, by the field's name."""
    pairs: dict[str, list[object]] = {
        name: [getattr(before, name), getattr(after, name)] for name in _FIELDS
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


_FIELDS = tuple(field.name for field in fields(SessionTerms))
# The record of a booking, also of a cancelled one, is counted under these.
_RECORDED = ("department_id", "visit_date")


def _told_otherwise(wanted: SessionTerms, known: StoredSession) -> tuple[str, ...]:
    """Return the fields that would change although a patient was told them."""
    held: Collection[str] = ()
    if known.booked:
        held = [name for name in _FIELDS if name != "capacity"]
    elif known.ever_booked:
        held = _RECORDED
    return tuple(name for name in held if getattr(wanted, name) != getattr(known.terms, name))
