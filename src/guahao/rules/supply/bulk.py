"""Many sessions changed or copied at once, and what of it can be undone.

Each session is decided by the law of changes (`changes.py`); here stands what is beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from guahao.rules.supply.calendar import CalendarDay
from guahao.rules.supply.changes import (
    SessionRefused,
    SessionTerms,
    StoredSession,
    UpsertResult,
    decide_session,
    decide_withdrawal,
    may_double,
)
from guahao.rules.supply.planning import PlanRefusal, refused_places

SESSIONS_MAX = 2000  # in one act: it holds their locks until it commits
TARGETS_MAX = 12
UNDO_FOR = timedelta(hours=24)


class BulkRefusal(StrEnum):
    """Why an act on many sessions is not done or undone, in order of precedence."""

    UNKNOWN = "bulk_unknown"
    DATES = "bulk_dates"
    WANTED = "bulk_wanted"
    PLACES = "bulk_places"
    FEE = "bulk_fee"
    TOO_MANY = "bulk_too_many"
    NOTHING = "bulk_nothing"
    CHANGED_MEANWHILE = "bulk_changed_meanwhile"
    UNDONE = "bulk_undone"
    UNDO_TOO_LATE = "bulk_undo_too_late"


class CopyFate(StrEnum):
    """What becomes of a session in the week that it is copied to."""

    NEW = "new"
    EXISTS = "exists"
    COLLIDES = "collides"
    DAY_OFF = "day_off"


class UndoFate(StrEnum):
    """What becomes of a session when the act is undone."""

    RESTORED = "restored"
    REMOVED = "removed"
    CLOSED = "closed"  # it was booked meanwhile: it is held, without new bookings
    CHANGED_SINCE = "changed_since"
    REFUSED = "refused"  # the law does not allow what was before: somebody booked under the change
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """What every selected session gets; None: as it is."""

    capacity: int | None = None
    fee_fen: int | None = None
    title: str | None = None

    def of(self, terms: SessionTerms) -> SessionTerms:
        """Return the terms with this change."""
        return replace(
            terms,
            capacity=terms.capacity if self.capacity is None else self.capacity,
            fee_fen=terms.fee_fen if self.fee_fen is None else self.fee_fen,
            title=terms.title if self.title is None else self.title,
        )


def refused_dates(first: date, last: date, today: date) -> BulkRefusal | None:
    """Return why sessions of these dates, both included, are not changed."""
    return BulkRefusal.DATES if last < first or last < today else None


def refused_number(sessions: int) -> BulkRefusal | None:
    """Return why an act on so many sessions is not shown."""
    if sessions > SESSIONS_MAX:
        return BulkRefusal.TOO_MANY
    return None if sessions else BulkRefusal.NOTHING


def refused_act(differing: int, *, seen_current: bool) -> BulkRefusal | None:
    """Return why an act that was shown is not done.

    `differing`: the sessions that it changes or makes. `seen_current`: whether what was shown is
    what would be done.
    """
    if not seen_current:
        return BulkRefusal.CHANGED_MEANWHILE
    return None if differing else BulkRefusal.NOTHING


def refused_change(change: Change) -> BulkRefusal | None:
    """Return why no session is given this change: it is none, or a number is out of range."""
    if change == Change():
        return BulkRefusal.WANTED
    refused = refused_places(change.capacity or 0, change.fee_fen or 0)
    if refused is PlanRefusal.PLACES:
        return BulkRefusal.PLACES
    return None if refused is None else BulkRefusal.FEE


def refused_weeks(source: date, targets: Iterable[date]) -> BulkRefusal | None:
    """Return why a week is not copied: to no week, to itself, or to too many."""
    mondays = list(targets)
    if not 1 <= len(mondays) <= TARGETS_MAX or source in mondays:
        return BulkRefusal.DATES
    return None


def decide_copy(
    wanted: SessionTerms,
    day: CalendarDay,
    there: Iterable[SessionTerms],
    offered: Iterable[str],
    today: date,
) -> CopyFate | SessionRefused:
    """Decide what becomes of a copy on a date.

    `there`: the sessions of the department on that date. The same clinic at the same time is not
    made twice; with another start and hours that overlap it would double the supply, and is left
    out. Time slots one after the other are clinics of their own (docs/decisions/0019).
    """
    doubled = [terms for terms in there if may_double(terms, wanted)]
    if any(terms.starts_at == wanted.starts_at for terms in doubled):
        return CopyFate.EXISTS
    outcome = decide_session(wanted, None, set(offered), today)
    if isinstance(outcome, SessionRefused):
        return outcome
    if day.is_off:
        return CopyFate.DAY_OFF
    return CopyFate.COLLIDES if doubled else CopyFate.NEW


def refused_act_undo(at: datetime, undone_at: datetime | None, now: datetime) -> BulkRefusal | None:
    """Return why an act stands: it is undone already, or too long ago."""
    if undone_at is not None:
        return BulkRefusal.UNDONE
    return BulkRefusal.UNDO_TOO_LATE if now >= at + UNDO_FOR else None


def decide_undo(
    before: SessionTerms | None, after: SessionTerms, known: StoredSession | None, today: date
) -> tuple[UndoFate, SessionTerms | None]:
    """Decide what becomes of a session of an act that is undone, and its terms where they change.

    `before` None: the act made it. What was changed again since stays as it is, and so does what
    the law of changes refuses.
    """
    if known is None:
        return UndoFate.GONE, None
    if known.terms != after or known.stopped:
        return UndoFate.CHANGED_SINCE, None
    if before is None:
        outcome = decide_withdrawal(known, today)
        if outcome is None:
            return UndoFate.REMOVED, None
        if isinstance(outcome, SessionRefused):
            return UndoFate.REFUSED, None
        return UndoFate.CLOSED, outcome
    decided = decide_session(before, known, (before.title,), today)
    if isinstance(decided, SessionRefused):
        return UndoFate.REFUSED, None
    return UndoFate.RESTORED, before if decided is UpsertResult.CHANGED else None
