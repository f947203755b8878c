"""The clinic sessions of the simulated department, at the rules of the desk and of draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from hashlib import sha256
from itertools import count, islice

from guahao.rules.booking.booking import Batch, decide_batch, keeps_limits
from guahao.rules.booking.cancelling import cancel_deadline, decide_cancel
from guahao.rules.booking.personal_moment import opens_for
from guahao.rules.fairness.allocating import DrawEntry, Result, Won, allocate, with_long_waits_first
from guahao.rules.fairness.drawing import order_of
from guahao.rules.kernel.facts import (
    Actor,
    AppointmentFacts,
    BookingFacts,
    BookingRequest,
    CountedAppointment,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Accepted
from guahao.rules.supply.releasing import opens_at

RELEASE_TIME = time(7)
_HOSPITAL = _DEPARTMENT = 1
_SLICE = 64  # requests decided at a time: most arrive when nothing is left


@dataclass(frozen=True, slots=True)
class Ask:
    """A request of an identity, when it arrives."""

    at: datetime
    identity: int


class Department:
    """One session a day. Every booking, cancellation and draw is decided by the platform's rules.

    `kept_back`: places of a session that nobody can book: held for a draw, or hidden.
    """

    def __init__(self, places: int, cycle_days: int, release_secret: bytes | None = None) -> None:
        """`release_secret`: where each person has a release moment of their own."""
        self.rules = HospitalRules(cycle_days=cycle_days, release_time=RELEASE_TIME)
        self.policy = Policy(personal_release=release_secret is not None)
        self.release_secret = release_secret or b""
        self.places = places
        self.sessions: dict[date, SessionFacts] = {}
        self.kept_back: dict[date, int] = {}
        self.counted: dict[int, tuple[CountedAppointment, ...]] = {}
        self._keys = count(1)

    def publish(self, visit_date: date) -> None:
        """Add the session of a date."""
        self.sessions[visit_date] = SessionFacts(
            visit_date.toordinal(),
            _HOSPITAL,
            _DEPARTMENT,
            visit_date,
            "morning",
            self.places,
            0,
            stopped=False,
            rules=self.rules,
        )
        self.kept_back[visit_date] = 0

    def released_at(self, visit_date: date) -> datetime:
        """Return the moment of a date's release."""
        return opens_at(visit_date, self.rules, self.policy)

    def opens_for(self, identity: int, visit_date: date) -> datetime:
        """Return the moment from which an identity may book a date."""
        release = self.released_at(visit_date)
        if not self.policy.personal_release:
            return release
        key = self._release_key(_HOSPITAL, release.date())
        return opens_for(_person(identity), release, key)

    def free(self, visit_date: date) -> int:
        """Return how many places of a date can be booked."""
        session = self.sessions[visit_date]
        return session.capacity - session.booked - self.kept_back[visit_date]

    def may_book(self, identity: int, visit_date: date) -> bool:
        """Return whether the limits per person allow another booking on a date (S12)."""
        return keeps_limits(_place(visit_date), self.counted.get(identity, ()), self.policy)

    def book(self, visit_date: date, asked: Sequence[Ask]) -> list[int]:
        """Decide requests in the order of their arrival; return who got a place."""
        waiting = iter(sorted(asked, key=lambda ask: ask.at))
        winners: list[int] = []
        while self.free(visit_date) > 0 and (asks := list(islice(waiting, _SLICE))):
            kept_back = self.kept_back[visit_date]
            session = self.sessions[visit_date]
            shown = replace(session, booked=session.booked + kept_back)
            requests = [self._request(ask.identity, visit_date, ask.at) for ask in asks]
            facts = self._facts(shown, [ask.identity for ask in asks])
            for ask, decision in zip(asks, decide_batch(facts, requests), strict=True):
                if isinstance(decision, Accepted):
                    self._take(ask.identity, visit_date)
                    winners.append(ask.identity)
        return winners

    def draw(
        self,
        seed: bytes,
        identities: Sequence[int],
        entries: Sequence[DrawEntry],
        places: Mapping[date, int],
        at: datetime,
    ) -> dict[int, Result]:
        """Give out places that are kept back, as a draw does; return the result by entry."""
        order = order_of(seed, [entry.ticket for entry in entries])
        order = with_long_waits_first(entries, order, sum(places.values()))

        def refusal(index: int, _patient: int, session_id: int) -> str | None:
            identity, visit_date = identities[index], date.fromordinal(session_id)
            facts = self._facts(self.sessions[visit_date], [identity])
            request = self._request(identity, visit_date, at)
            refused = Batch(facts).refusal(request, is_drawn=True)
            return None if refused is None else refused.reason

        by_session = {visit_date.toordinal(): held for visit_date, held in places.items()}
        results = allocate(entries, order, by_session, refusal)
        for visit_date, held in places.items():
            self.kept_back[visit_date] -= held
        for index, result in results.items():
            if isinstance(result, Won):
                self._take(identities[index], date.fromordinal(result.session))
        return results

    def may_cancel(self, visit_date: date, at: datetime) -> bool:
        """Return whether the hotline cancels a booking of a date."""
        facts = AppointmentFacts("booked", _HOSPITAL, visit_date, "morning", self.rules)
        return decide_cancel(facts, "agent", at, self.policy) is None

    def cancel(self, identity: int, visit_date: date) -> None:
        """Cancel a booking; its place is kept back until it is decided where it goes."""
        session = self.sessions[visit_date]
        self.sessions[visit_date] = replace(session, booked=session.booked - 1)
        self.kept_back[visit_date] += 1
        place = _place(visit_date)
        self.counted[identity] = tuple(c for c in self.counted[identity] if c != place)

    def deadline(self, visit_date: date) -> datetime:
        """Return when it is too late to cancel."""
        return cancel_deadline(visit_date, self.rules)

    def _take(self, identity: int, visit_date: date) -> None:
        session = self.sessions[visit_date]
        self.sessions[visit_date] = replace(session, booked=session.booked + 1)
        self.counted[identity] = (*self.counted.get(identity, ()), _place(visit_date))

    def _request(self, identity: int, visit_date: date, at: datetime) -> BookingRequest:
        key = str(next(self._keys))
        actor = Actor("account", identity)
        return BookingRequest(actor, key, identity, visit_date.toordinal(), "web", at)

    def _facts(self, session: SessionFacts, identities: Sequence[int]) -> BookingFacts:
        patients = {
            identity: PatientFacts(
                identity,
                identity,
                counted=self.counted.get(identity, ()),
                person=_person(identity),
            )
            for identity in identities
        }
        return BookingFacts(
            {session.id: session}, patients, policy=self.policy, release_key=self._release_key
        )

    def _release_key(self, _hospital_id: int, day: date) -> bytes:
        return sha256(self.release_secret + day.isoformat().encode()).digest()


def _person(identity: int) -> bytes:
    return identity.to_bytes(8, "big")


def _place(visit_date: date) -> CountedAppointment:
    return CountedAppointment(visit_date, _HOSPITAL, _DEPARTMENT, is_live=True)
