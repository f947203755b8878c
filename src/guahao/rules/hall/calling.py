"""Whose turn it is: the order of a session's queue, a clerk's calls and a hospital's reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from guahao.rules.kernel.limits import CITY_TIME

BEHIND = 3  # callers let pass before somebody who missed their call, or came late
BEHIND_MAX = 20
_DAY = timedelta(days=1)  # farther away, a moment may have no date in the city
_AHEAD_MAX = timedelta(minutes=2)  # by which a hospital's clock may differ


class QueueState(StrEnum):
    """Where somebody with a number stands. `EXPECTED`: not picked up; nobody calls them."""

    EXPECTED = "expected"
    WAITING = "waiting"
    CALLED = "called"
    PASSED = "passed"
    SEEN = "seen"


class QueueCallRefusal(StrEnum):
    """Why a clerk's call changes nothing, in order of precedence."""

    UNKNOWN = "queue_unknown"
    NOT_TODAY = "queue_not_today"
    STOPPED = "queue_stopped"
    NOBODY_WAITS = "queue_nobody_waits"
    CHANGED_MEANWHILE = "queue_changed_meanwhile"


class QueueRefusal(StrEnum):
    """Why an item of a hospital's report is refused, in order of precedence."""

    UNKNOWN = "queue_unknown"
    NOT_PICKED_UP = "queue_not_picked_up"
    WRONG_DAY = "queue_wrong_day"
    AHEAD = "queue_time_ahead"
    NUMBER_FIXED = "queue_number_fixed"
    NUMBER_TAKEN = "queue_number_taken"


class QueueAct(StrEnum):
    """What a clerk does with a number."""

    AGAIN = "again"
    SKIP = "skip"
    DONE = "done"
    REQUEUE = "requeue"


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A booking in the queue of its session.

    `turn` orders the queue: the number or, for somebody put back, the turn of the person behind
    whom they stand; `requeued_at` parts those with the same turn. `state_at`: by the clock of
    those who called. `number` is None while the hospital's own system has not sent it.
    """

    appointment_id: int
    number: int | None
    state: QueueState
    state_at: datetime
    turn: int = 0
    requeued_at: datetime | None = None
    room: str = ""


@dataclass(frozen=True, slots=True)
class QueueSession:
    """The session of a queue."""

    visit_date: date
    is_stopped: bool


@dataclass(frozen=True, slots=True)
class QueueReport:
    """What a hospital's system says of a booking, and for which moment."""

    appointment_id: int
    at: datetime
    state: QueueState
    number: int | None = None
    room: str = ""


def in_order(entries: Iterable[QueueEntry]) -> list[QueueEntry]:
    """Return who waits with a number, the next first."""
    waiting = [e for e in entries if e.state is QueueState.WAITING and e.number is not None]
    return sorted(waiting, key=_place)


def _place(entry: QueueEntry) -> tuple[int, float, int]:
    requeued = entry.requeued_at
    return entry.turn, 0.0 if requeued is None else requeued.timestamp(), entry.number or 0


def before(entries: Iterable[QueueEntry], own: QueueEntry) -> int:
    """Return how many of those who are here are called before a person who waits."""
    return sum(_place(entry) < _place(own) for entry in in_order(entries))


def queued(
    entries: Iterable[QueueEntry], own: QueueEntry, behind: int, at: datetime, now: datetime
) -> QueueEntry:
    """Put somebody behind so many of those who wait now, or at the end where fewer do.

    `at`: when they were put back, by the clock of those who call.
    """
    others = [e for e in in_order(entries) if e.appointment_id != own.appointment_id][:behind]
    turn = others[-1].turn if others else own.turn
    return replace(own, state=QueueState.WAITING, state_at=at, turn=turn, requeued_at=now, room="")


def picked_up(
    entries: Iterable[QueueEntry], own: QueueEntry, range_ends: time | None, now: datetime
) -> QueueEntry:
    """Queue somebody who picked up: at their number, or behind others after their time range."""
    if range_ends is not None and now.astimezone(CITY_TIME).time() >= range_ends:
        return queued(entries, own, BEHIND, now, now)
    return replace(own, state=QueueState.WAITING, state_at=now, requeued_at=None)


def decide_calling(session: QueueSession | None, today: date) -> QueueCallRefusal | None:
    """Refuse calls of another hospital's session, of another day, and of a stopped session."""
    if session is None:
        return QueueCallRefusal.UNKNOWN
    if session.visit_date != today:
        return QueueCallRefusal.NOT_TODAY
    return QueueCallRefusal.STOPPED if session.is_stopped else None


def call_next(
    entries: Sequence[QueueEntry], room: str, at: datetime
) -> list[QueueEntry] | QueueCallRefusal:
    """Return the entries that change when a room calls its next: who was there has been seen."""
    waiting = in_order(entries)
    if not waiting:
        return QueueCallRefusal.NOBODY_WAITS
    seen = [
        replace(entry, state=QueueState.SEEN, state_at=at)
        for entry in entries
        if entry.state is QueueState.CALLED and entry.room == room
    ]
    called = replace(waiting[0], state=QueueState.CALLED, state_at=at, room=room)
    return [*seen, called]


_FROM = {
    QueueAct.AGAIN: {QueueState.CALLED, QueueState.PASSED},
    QueueAct.SKIP: {QueueState.CALLED},
    QueueAct.DONE: {QueueState.CALLED, QueueState.PASSED},
    QueueAct.REQUEUE: {QueueState.PASSED, QueueState.SEEN},
}
_TO = {
    QueueAct.AGAIN: QueueState.CALLED,
    QueueAct.SKIP: QueueState.PASSED,
    QueueAct.DONE: QueueState.SEEN,
    QueueAct.REQUEUE: QueueState.WAITING,
}


def decide_call(
    entries: Sequence[QueueEntry], own: QueueEntry | None, call: QueueAct, behind: int, at: datetime
) -> QueueEntry | QueueCallRefusal | None:
    """Return the entry after a clerk's act; None where it is so already (a repeated click)."""
    if own is None or own.state is QueueState.EXPECTED:
        return QueueCallRefusal.UNKNOWN
    if own.state is _TO[call] and call is not QueueAct.AGAIN:
        return None
    if own.state not in _FROM[call]:
        return QueueCallRefusal.CHANGED_MEANWHILE
    if call is QueueAct.REQUEUE:
        return queued(entries, own, behind, at, at)
    return replace(own, state=_TO[call], state_at=at)


# Of two reports of the same moment the one that is further on holds.
_PROGRESS = {
    QueueState.EXPECTED: 0,
    QueueState.WAITING: 1,
    QueueState.CALLED: 2,
    QueueState.PASSED: 3,
    QueueState.SEEN: 4,
}


def decide_report(
    entries: Sequence[QueueEntry],
    session: QueueSession,
    own: QueueEntry | None,
    report: QueueReport,
    now: datetime,
) -> QueueEntry | QueueRefusal:
    """Return the entry after a report: reports in any order, or twice, lead to the same state.

    A number that was given stays.
    """
    if own is None or own.state is QueueState.EXPECTED:
        return QueueRefusal.NOT_PICKED_UP
    if abs(report.at - now) > _DAY or report.at.astimezone(CITY_TIME).date() != session.visit_date:
        return QueueRefusal.WRONG_DAY
    if report.at > now + _AHEAD_MAX:
        return QueueRefusal.AHEAD
    number = report.number
    if number is not None and own.number not in (None, number):
        return QueueRefusal.NUMBER_FIXED
    if number is not None and any(
        e.number == number and e.appointment_id != own.appointment_id for e in entries
    ):
        return QueueRefusal.NUMBER_TAKEN
    after = own
    if number is not None and own.number is None:
        turn = number if own.requeued_at is None else own.turn
        after = replace(own, number=number, turn=turn)
    room = "" if report.state is QueueState.WAITING else report.room
    said = (report.at, _PROGRESS[report.state], room)
    if said <= (own.state_at, _PROGRESS[own.state], own.room):
        return after
    if report.state is QueueState.WAITING and own.state is not QueueState.WAITING:
        return queued(entries, after, BEHIND, report.at, now)
    return replace(after, state=report.state, state_at=report.at, room=room)
