"""What other numbers would have answered: recorded requests decided again, in memory.

The world is given as it was: who asked when, which appointments existed when, and what became
of them. A request that is accepted takes a place, and gives it back when its appointment was
cancelled; one that was really refused and is accepted here stays, for nobody knows better.
People are assumed to have made the same requests under other answers.

Of draws a trial knows the real winners, and nothing else. A place that comes back to a full session
waits for its next draw where the policy of the day says so; there the true winner takes it, and
what nobody won is free afterwards. Who would have applied or won otherwise is not in the records,
nor is a draw at the release: its sessions are tried as first come.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count, groupby

from guahao.rules.attendance.penalties import suspended_until_by_date
from guahao.rules.booking.booking import decide_batch
from guahao.rules.fairness.returning import next_draw
from guahao.rules.kernel.facts import (
    BookingFacts,
    BookingRequest,
    CountedAppointment,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import Accepted, Decision, Refused
from guahao.rules.kernel.policies import DatedPolicies

BOOKED = "booked"
_DRAWN_WITHIN = timedelta(minutes=5)  # of its moment, a draw has given its places out


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request and what it was answered: `booked` or the refusal's word."""

    request: BookingRequest
    outcome: str
    appointment_id: int | None


@dataclass(frozen=True, slots=True)
class AppointmentHistory:
    """An appointment from its booking on; None for what never happened to it."""

    id: int
    patient_id: int
    session_id: int
    place: CountedAppointment
    made_at: datetime
    freed_at: datetime | None = None  # cancelled, or stopped by the hospital
    no_show_at: datetime | None = None
    excused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TriedSession:
    """A session as it is now, but for its counter; when it was stopped, if it was."""

    facts: SessionFacts
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class World:
    """All that the recorded requests were about. Requests in the order of their answers.

    `checked_at`: since when each checked patient is.
    `rules`: by hospital, the rules by the day from which they hold, in order, from `date.min`.
    """

    requests: Sequence[Recorded]
    sessions: Mapping[int, TriedSession]
    accounts: Mapping[int, int | None]  # of each patient
    histories: Sequence[AppointmentHistory]
    rules: Mapping[int, Sequence[tuple[date, HospitalRules]]]
    checked_at: Mapping[int, datetime] = field(default_factory=dict)
    checks_names: bool = False


def answers(world: World, policies: DatedPolicies) -> Iterator[list[str]]:
    """Yield what each request is answered under these policies, moment by moment."""
    trial = _Trial(world, policies)
    for at, group in groupby(world.requests, key=lambda one: one.request.at):
        yield trial.decide(at, list(group))


@dataclass(slots=True)
class _Person:
    """What counts for one person at the moment."""

    counted: dict[int, CountedAppointment] = field(default_factory=dict)
    no_shows: dict[int, date] = field(default_factory=dict)


class _Trial:
    def __init__(self, world: World, policies: DatedPolicies) -> None:
        self._world = world
        self._policies = policies
        self._booked: Counter[int] = Counter()
        self._held: Counter[int] = Counter()
        self._persons: defaultdict[int, _Person] = defaultdict(_Person)
        self._numbers = count()
        self._histories = {one.id: one for one in world.histories}
        asked = {one.appointment_id for one in world.requests}
        # What was booked before, or without a request, is there under every policy.
        self._coming = [
            (one.made_at, next(self._numbers), "make", one)
            for one in world.histories
            if one.id not in asked
        ]
        heapify(self._coming)

    def decide(self, at: datetime, group: list[Recorded]) -> list[str]:
        self._live_until(at)
        requests = [one.request for one in group]
        decisions = decide_batch(self._facts(at, requests), requests)
        for one, decision in zip(group, decisions, strict=True):
            if decision == Accepted():
                self._make(self._history(one))
        return [_word(decision) for decision in decisions]

    def _facts(self, at: datetime, requests: list[BookingRequest]) -> BookingFacts:
        today, world = at.date(), self._world
        sessions = {one.session_id for one in requests} & world.sessions.keys()
        patients = {one.patient_id for one in requests} & world.accounts.keys()
        return BookingFacts(
            {id: self._session(world.sessions[id], at) for id in sessions},
            {id: self._patient(id, at) for id in patients},
            policy=self._policies.on(today),
            checks_names=world.checks_names,
        )

    def _session(self, session: TriedSession, at: datetime) -> SessionFacts:
        rules = self._world.rules[session.facts.hospital_id]
        held = rules[bisect_right(rules, at.date(), key=lambda row: row[0]) - 1][1]
        stopped = session.stopped_at is not None and session.stopped_at <= at
        id = session.facts.id
        return replace(
            session.facts,
            booked=self._booked[id],
            held=session.facts.held + self._held[id],
            stopped=stopped,
            rules=held,
        )

    def _patient(self, id: int, at: datetime) -> PatientFacts:
        person, today = self._persons[id], at.date()
        until = None
        if person.no_shows:
            until = suspended_until_by_date(person.no_shows.values(), self._policies, today)
        checked_at = self._world.checked_at.get(id)
        return PatientFacts(
            id,
            self._world.accounts[id],
            until,
            tuple(
                replace(place, is_live=place.visit_date >= today)
                for place in person.counted.values()
            ),
            is_checked=checked_at is not None and checked_at <= at,
            person=id.to_bytes(8, "big"),
        )

    def _history(self, one: Recorded) -> AppointmentHistory:
        """Return what became of it; what was really refused is never cancelled and no no-show."""
        known = None if one.appointment_id is None else self._histories.get(one.appointment_id)
        if known is not None:
            return known
        request, facts = one.request, self._world.sessions[one.request.session_id].facts
        place = CountedAppointment(facts.visit_date, facts.hospital_id, facts.department_id)
        invented = -1 - next(self._numbers)
        return AppointmentHistory(
            invented, request.patient_id, request.session_id, place, request.at
        )

    def _make(self, history: AppointmentHistory) -> None:
        self._booked[history.session_id] += 1
        self._persons[history.patient_id].counted[history.id] = history.place
        for at, what in (
            (history.freed_at, "free"),
            (history.no_show_at, "miss"),
            (history.excused_at, "excuse"),
        ):
            if at is not None:
                heappush(self._coming, (at, next(self._numbers), what, history))

    def _free(self, at: datetime, history: AppointmentHistory) -> None:
        """Give a place back: free, or for the next draw where the session was full."""
        session = self._world.sessions.get(history.session_id)
        self._booked[history.session_id] -= 1
        if session is None or not self._policies.on(at.date()).draw_returned_places:
            return
        taken = self._booked[history.session_id] + 1 + self._held[history.session_id]
        draw_at = next_draw(session.facts.visit_date, at)
        if taken >= session.facts.capacity and draw_at is not None:
            self._held[history.session_id] += 1
            heappush(self._coming, (draw_at + _DRAWN_WITHIN, next(self._numbers), "draw", history))

    def _live_until(self, at: datetime) -> None:
        while self._coming and self._coming[0][0] <= at:
            at_last, _, what, history = heappop(self._coming)
            person = self._persons[history.patient_id]
            if what == "make":
                # Without a request: among them those who won a place that waited.
                self._held[history.session_id] -= self._held[history.session_id] > 0
                self._make(history)
            elif what == "free":
                self._free(at_last, history)
                del person.counted[history.id]
            elif what == "draw":
                self._held[history.session_id] -= self._held[history.session_id] > 0
            elif what == "miss":
                person.no_shows[history.id] = history.place.visit_date
            else:
                person.no_shows.pop(history.id, None)


def _word(decision: Decision) -> str:
    if isinstance(decision, Refused):
        return decision.reason.value
    return BOOKED


# Comparing ----------------------------------------------------------------------------------


@dataclass(slots=True)
class TrialTally:
    """How many requests were booked, and how many are answered the other way."""

    requests: int = 0
    booked_now: int = 0
    booked_then: int = 0
    gained: int = 0  # refused under the policy in force, booked under the proposed one
    lost: int = 0

    def add(self, now: str, then: str) -> None:
        """Add a request's two answers."""
        self.requests += 1
        self.booked_now += now == BOOKED
        self.booked_then += then == BOOKED
        self.gained += now != BOOKED and then == BOOKED
        self.lost += now == BOOKED and then != BOOKED


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """The same requests under two policies, and how well the first reproduces the records.

    `outcomes`: by word, how often recorded, under the policy in force, under the proposed one.
    `agreeing`: requests whose recorded answer is reproduced by the policies of their days;
    `disagreements`: by recorded and reproduced word, the most frequent first.
    """

    requests: int
    persons: int
    all: TrialTally
    outcomes: dict[str, tuple[int, int, int]]
    other_reason: int
    gained_persons: int
    lost_persons: int
    by_day: dict[date, TrialTally]
    by_hospital: dict[int, TrialTally]
    agreeing: int
    disagreements: list[tuple[str, str, int]]


def compare(
    world: World, reproduced: Sequence[str], now: Sequence[str], then: Sequence[str]
) -> PolicyComparison:
    """Count every request's answers: recorded, reproduced, now, under the proposed policy."""
    total, other_reason = TrialTally(), 0
    days: defaultdict[date, TrialTally] = defaultdict(TrialTally)
    hospitals: defaultdict[int, TrialTally] = defaultdict(TrialTally)
    gained: set[int] = set()
    lost: set[int] = set()
    for one, was, would in zip(world.requests, now, then, strict=True):
        request, session = one.request, world.sessions.get(one.request.session_id)
        tallies = [total, days[request.at.date()]]
        if session is not None:
            tallies.append(hospitals[session.facts.hospital_id])
        for tally in tallies:
            tally.add(was, would)
        if was != would and BOOKED in (was, would):
            (gained if would == BOOKED else lost).add(request.patient_id)
        other_reason += was != would and BOOKED not in (was, would)
    recorded = [one.outcome for one in world.requests]
    counts = [Counter(answers) for answers in (recorded, now, then)]
    wrong = Counter((a, b) for a, b in zip(recorded, reproduced, strict=True) if a != b)
    return PolicyComparison(
        requests=len(recorded),
        persons=len({one.request.patient_id for one in world.requests}),
        all=total,
        outcomes={
            word: (counts[0][word], counts[1][word], counts[2][word])
            for word in dict.fromkeys([BOOKED, *counts[0], *counts[1], *counts[2]])
        },
        other_reason=other_reason,
        gained_persons=len(gained),
        lost_persons=len(lost),
        by_day=dict(sorted(days.items())),
        by_hospital=dict(hospitals),
        agreeing=len(recorded) - wrong.total(),
        disagreements=[(*words, times) for words, times in wrong.most_common()],
    )
