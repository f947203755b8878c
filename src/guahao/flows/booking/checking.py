"""Check a booking before it is asked for: what the desk would decide for each patient (S7, S12).

The rules are the desk's own; only what they decide on is read without locks, and nothing is
stored. The desk decides again when the booking is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import Batch, counted_since
from guahao.rules.booking.obstacles import obstacles
from guahao.rules.booking.together import Pair, PairRefused, PairRepeated, decide_pair
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest, PatientFacts
from guahao.rules.kernel.outcomes import Accepted, BeforeOwnMoment, KeyMismatch, Refusal, Refused
from guahao.store.attendance.penalties import no_shows_of
from guahao.store.booking.booking import own_patients, session_facts
from guahao.store.booking.obstacles import OwnBooking, own_bookings
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import PatientView, SessionView
from guahao.store.people import patients as patient_store
from guahao.store.supply import sessions

_PAIR = 2


@dataclass(frozen=True, slots=True)
class PatientCheck:
    """What the desk would answer for a patient.

    `refused`: None, or why and from when. `obstacles`: the account's own bookings that stand in
    the way. `hidden`: how many more stand in the way that the account does not see, made under
    another registration of the person. `booked`: the patient's booking of this very session.
    """

    patient: PatientView
    refused: Refused[Refusal] | None
    obstacles: list[OwnBooking]
    hidden: int
    booked: OwnBooking | None

    @property
    def may_book(self) -> bool:
        """Return whether the desk books now, or at the patient's own moment in a few seconds."""
        return self.refused is None or isinstance(self.refused, BeforeOwnMoment)


@dataclass(frozen=True, slots=True)
class BookingCheck:
    """What the desk would answer for a session and the patients of an account.

    `refused`: what would be refused to every patient. `pair`: what both together would be refused
    for, where the account has two.
    """

    session: SessionView
    refused: Refused[Refusal] | None
    patients: list[PatientCheck]
    pair: PairRefused | None

    def of(self, patient_ids: Sequence[int]) -> list[PatientCheck]:
        """Return the checks of these patients."""
        return [check for check in self.patients if check.patient.id in patient_ids]


async def check(
    platform: Platform,
    account_id: int,
    session_id: int,
    channel: str,
    actor: Actor | None = None,
) -> BookingCheck | None:
    """Return what the desk would answer now; None if the session is unknown. Locks nothing.

    `actor`: who asks for the account; None: the account itself.
    """
    async with platform.db.transaction() as tx:
        session = await sessions.one(tx, session_id)
        if session is None:
            return None
        today = tx.now.date()
        policy = (await platform.policies.read(tx)).on(today)
        since = counted_since(policy, today)
        views = await patient_store.of_account(tx, platform.vault, account_id)
        patients = await own_patients(tx, account_id, since)
        facts = BookingFacts(
            {session.id: session_facts(session)},
            patients,
            policy=policy,
            checks_names=platform.checks_names,
            release_key=platform.vault.release_key,
        )
        actor = actor or Actor("account", account_id)
        requests = [
            BookingRequest(actor, str(view.id), view.id, session.id, channel, tx.now)
            for view in views
        ]
        refusals = {
            request.patient_id: refused
            for request in requests
            if (refused := Batch(facts).refusal(request)) is not None
        }
        own = await _own_bookings(tx, account_id, since, refusals)
        lost = await _no_shows(tx, refusals)
    found = [
        _patient_check(view, patients.get(view.id), facts, session.id, refusals, own, lost)
        for view in views
    ]
    pair = _pair_refused(facts, (requests[0], requests[1])) if len(requests) == _PAIR else None
    return BookingCheck(
        session,
        Batch(facts).refusal_for_all(session.id, tx.now),
        found,
        pair,
    )


def _pair_refused(facts: BookingFacts, pair: Pair) -> PairRefused | None:
    match decide_pair(facts, pair):
        case PairRefused() as refused:
            return refused
        case Accepted() | PairRepeated() | KeyMismatch() | Refused():
            return None
        case never:
            assert_never(never)


async def _own_bookings(
    tx: Tx, account_id: int, since: date, refusals: Mapping[int, Refused[Refusal]]
) -> list[OwnBooking]:
    """Return the refused patients' bookings that may stand in the way, no-shows included."""
    if not refusals:
        return []
    last_year = date(tx.now.year - 1, 1, 1)  # a suspension survives 1 January
    return await own_bookings(tx, account_id, list(refusals), min(since, last_year))


async def _no_shows(tx: Tx, refusals: Mapping[int, Refused[Refusal]]) -> dict[int, list[date]]:
    """Return the no-shows for which patients are suspended, of the year that they count in."""
    suspended = [
        id for id, refused in refusals.items() if refused.reason is Refusal.PATIENT_SUSPENDED
    ]
    if not suspended:
        return {}
    return {
        known.patient_id: [day for day in known.no_shows if day.year == max(known.no_shows).year]
        for known in await no_shows_of(tx, suspended)
    }


def _patient_check(
    view: PatientView,
    patient: PatientFacts | None,
    facts: BookingFacts,
    session_id: int,
    refusals: Mapping[int, Refused[Refusal]],
    own: Sequence[OwnBooking],
    no_shows: Mapping[int, Sequence[date]],
) -> PatientCheck:
    refused, session = refusals.get(view.id), facts.sessions[session_id]
    theirs = [booking for booking in own if booking.patient_id == view.id]
    booked = next((b for b in theirs if b.session_id == session_id and b.status == "booked"), None)
    if refused is None or patient is None:
        return PatientCheck(view, refused, [], 0, booked)
    if refused.reason is Refusal.PATIENT_SUSPENDED:
        dates = no_shows.get(view.id, ())
        missed = [b for b in theirs if b.status == "no_show" and b.visit_date in dates]
        return PatientCheck(view, refused, missed, max(len(dates) - len(missed), 0), booked)
    counted = obstacles(session, patient, refused.reason, facts.policy)
    places = {(c.visit_date, c.hospital_id, c.department_id) for c in counted}
    shown = [b for b in theirs if (b.visit_date, b.hospital_id, b.department_id) in places]
    return PatientCheck(view, refused, shown, max(len(counted) - len(shown), 0), booked)
