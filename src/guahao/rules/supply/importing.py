"""What may become of a row of an imported file, as the plan stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, time
from enum import StrEnum
from typing import assert_never

from guahao.rules.supply.changes import (
    Clinic,
    SessionRefusal,
    SessionRefused,
    StoredSession,
    refusals,
    terms_of,
)
from guahao.rules.supply.hours import PERIOD_BEGINS, HoursFault, hours_fault
from guahao.rules.supply.planning import (
    PlanRefusal,
    timetable_change_refusals,
    timetable_refusals,
)


class ImportRefusal(StrEnum):
    """Why a file is not received, confirmed or withdrawn."""

    TOO_MANY = "import_too_many"
    NOT_CHECKED = "import_not_checked"
    OVER = "import_over"


class RowRefusal(StrEnum):
    """Why a row cannot be applied, as the plan stands."""

    UNKNOWN_SESSION = "unknown_session"
    UNKNOWN_DEPARTMENT = "unknown_department"
    AMBIGUOUS = "ambiguous"
    END_WITHOUT_START = "end_without_start"
    END_BEFORE_START = "end_before_start"
    OUTSIDE_PERIOD = "outside_period"
    TITLE_NOT_OFFERED = "title_not_offered"
    SESSION_STOPPED = "session_stopped"
    DATE_PAST = "date_past"
    DATE_TODAY = "date_today"
    DATE_TOO_FAR = "date_too_far"
    ENDED = "ended"
    FEE_IS_TOLD = "fee_is_told"
    HOURS_ARE_TOLD = "hours_are_told"
    BELOW_BOOKED = "below_booked"
    OVERLAPS_PLAN = "overlaps_plan"
    OVERLAPS_TIMETABLE = "overlaps_timetable"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class RowFacts:
    """A row that is not as the plan is: a session with its date, or a timetable with its weekday.

    `matches`: how many sessions or timetables it might mean; none, and it is a new one. What
    follows is how the first of them stands.
    """

    sheet: str
    row: int
    department_id: int
    is_bookable: bool
    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int
    visit_date: date | None
    iso_weekday: int | None
    valid_from: date | None
    valid_until: date | None
    is_named: bool
    matches: int
    booked: int | None
    stopped: bool | None
    before_ends_at: time | None
    before_fee_fen: int | None
    before_capacity: int | None
    before_valid_until: date | None

    @property
    def clinic(self) -> Clinic:
        """Return what the row holds."""
        return Clinic(
            *(self.title, self.specialty, self.period, self.starts_at, self.ends_at),
            *(self.fee_fen, self.capacity),
        )

    @property
    def clinic_before(self) -> Clinic | None:
        """Return what its session or timetable holds: the clinic by which it was matched."""
        if not self.matches or self.before_fee_fen is None or self.before_capacity is None:
            return None
        return replace(
            self.clinic,
            ends_at=self.before_ends_at,
            fee_fen=self.before_fee_fen,
            capacity=self.before_capacity,
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row that cannot be applied, as the plan stands.

    `number`: how many are booked, how many sessions it might mean, the fee that was told, or
    the other row (`since`: its sheet); else `since` and `until`: what it overlaps, what was told,
    or between which times its period's sessions begin.
    """

    sheet: str
    row: int
    word: str
    number: int | None = None
    since: str | None = None
    until: str | None = None


def decide_row(row: RowFacts, offered: Collection[str], today: date) -> list[Conflict]:
    """Return everything against a row, so that a file is mended in one go; nothing: it may be."""

    found: list[Conflict] = []
    if row.is_named and not row.matches:
        found.append(_conflict(row, RowRefusal.UNKNOWN_SESSION))
    if not row.is_bookable:
        found.append(_conflict(row, RowRefusal.UNKNOWN_DEPARTMENT))
    if row.matches > 1:
        found.append(_conflict(row, RowRefusal.AMBIGUOUS, row.matches))
    against = _session(row, offered, today) if row.visit_date else _timetable(row, offered, today)
    return found + list(against)


def _conflict(
    row: RowFacts,
    word: RowRefusal,
    number: int | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Conflict:
    return Conflict(row.sheet, row.row, word, number, since, until)


def _session(row: RowFacts, offered: Collection[str], today: date) -> Iterator[Conflict]:
    assert row.visit_date is not None
    before = row.clinic_before
    known = None
    if before is not None:
        terms = terms_of(before, row.department_id, row.visit_date)
        known = StoredSession(terms, row.booked or 0, bool(row.stopped))
    wanted = terms_of(row.clinic, row.department_id, row.visit_date)
    for refused in refusals(wanted, known, offered, today):
        yield from _of_session(row, refused, today)


def _of_session(row: RowFacts, refused: SessionRefused, today: date) -> Iterator[Conflict]:
    match refused.reason:
        case SessionRefusal.HOURS | SessionRefusal.OUTSIDE_PERIOD:
            yield _of_hours(row)
        case SessionRefusal.TITLE_NOT_OFFERED:
            yield _conflict(row, RowRefusal.TITLE_NOT_OFFERED)
        case SessionRefusal.STOPPED:
            yield _conflict(row, RowRefusal.SESSION_STOPPED)
        case SessionRefusal.PAST:
            is_today = row.visit_date == today
            yield _conflict(row, RowRefusal.DATE_TODAY if is_today else RowRefusal.DATE_PAST)
        case SessionRefusal.TOO_FAR:
            yield _conflict(row, RowRefusal.DATE_TOO_FAR)
        case SessionRefusal.TOLD:
            if "fee_fen" in refused.fields:
                yield _conflict(row, RowRefusal.FEE_IS_TOLD, row.before_fee_fen)
            if "ends_at" in refused.fields:
                told = row.before_ends_at
                until = None if told is None else told.isoformat("minutes")
                yield _conflict(row, RowRefusal.HOURS_ARE_TOLD, until=until)
        case SessionRefusal.BELOW_BOOKED:
            yield _conflict(row, RowRefusal.BELOW_BOOKED, refused.booked)
        case _:
            assert_never(refused.reason)


def _of_hours(row: RowFacts) -> Conflict:
    fault = hours_fault(row.clinic.hours)
    assert fault is not None
    if fault is not HoursFault.OUTSIDE_PERIOD:
        return _conflict(row, RowRefusal(fault))
    first, last = (bound.isoformat("minutes") for bound in PERIOD_BEGINS[row.period])
    return _conflict(row, RowRefusal.OUTSIDE_PERIOD, since=first, until=last)


def _timetable(row: RowFacts, offered: Collection[str], today: date) -> Iterator[Conflict]:
    assert row.iso_weekday is not None
    assert row.valid_from is not None
    assert row.valid_until is not None
    is_offered = row.title in offered
    before = row.clinic_before
    if before is None or row.before_valid_until is None:
        span = (row.valid_from, row.valid_until)
        against = timetable_refusals(
            *(row.clinic, row.iso_weekday, span, today), has_department=True, is_offered=is_offered
        )
    else:
        spans = (row.before_valid_until, row.valid_until)
        against = timetable_change_refusals(before, row.clinic, spans, today, is_offered=is_offered)
    for refused in against:
        if refused in (PlanRefusal.HOURS, PlanRefusal.OUTSIDE_PERIOD):
            yield _of_hours(row)
        elif refused is PlanRefusal.TITLE_NOT_OFFERED:
            yield _conflict(row, RowRefusal.TITLE_NOT_OFFERED)
        elif refused is PlanRefusal.ENDED and row.before_valid_until is not None:
            yield _conflict(row, RowRefusal.ENDED, until=row.before_valid_until.isoformat())
        elif refused is PlanRefusal.DATES:
            is_today = row.valid_from == today
            yield _conflict(row, RowRefusal.DATE_TODAY if is_today else RowRefusal.DATE_PAST)
