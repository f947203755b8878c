"""Replacement for a stopped clinic: offer places in other sessions, accept or decline them.

An offered place is reserved in its session until the patient accepts it, declines it, or lets it
lapse; it then returns as every place does (flows/fairness/returning.py). Locks: the stop, patients
by id, clinic sessions by id, offers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.flows.fairness.returning import returning_places
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import Batch, counted_since
from guahao.rules.booking.replacing import (
    OfferRefusal,
    PlacesOffered,
    ReplacementRefusal,
    allot,
    answered_by,
    decide_answer,
    refused_places,
    replacement_request,
)
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.facts import BookingFacts
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import DONE, Done, Refusal, Refused
from guahao.rules.staff.staff import OfHospital
from guahao.store.booking import booking
from guahao.store.booking.appointments import appointments_by_id, lock_persons, lock_sessions
from guahao.store.booking.booking import NewAppointment
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import AppointmentView, SessionView
from guahao.store.messages import messages
from guahao.store.supply import replacements as store
from guahao.store.supply import stops
from guahao.store.supply.replacements import Offer, OfferCounts, OfferView, Waiting

OFFERED_DAYS = 30  # how far ahead sessions are proposed to the scheduler
SESSIONS_A_CHUNK = 25


@dataclass(frozen=True, slots=True)
class Offered:
    """How many patients were offered a place now, and how many of the stop still have none."""

    offers: int
    without: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """A stop's replacement as the scheduler sees it: who waits, what can be offered, what was."""

    waiting: list[Waiting]
    candidates: list[SessionView]
    counts: OfferCounts


Answer = AppointmentView | Refused[ReplacementRefusal] | Refused[Refusal]


# Offering -----------------------------------------------------------------------------------


async def replacement(platform: Platform, by: OfHospital, stop_id: int) -> Replacement | None:
    """Return what can be offered to a stop's patients and what was; None if the stop is unknown."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await stops.by_id(tx, platform.vault, stop_id)
        if found is None:
            return None
        # Whose bookings those are is not shown.
        async with tx.as_platform():
            waiting = await store.waiting(tx, stop_id)
            first = tx.now.date() + ONE_DAY
            candidates = await store.candidates(
                tx,
                by.own_hospital_id,
                [(kind.department_id, kind.title) for kind in waiting],
                first,
                first + timedelta(days=OFFERED_DAYS),
            )
            return Replacement(waiting, candidates, await store.counts(tx, stop_id))


async def offer(
    platform: Platform,
    by: OfHospital,
    stop_id: int,
    places: Sequence[PlacesOffered],
    until: datetime,
) -> Offered | Refused[OfferRefusal]:
    """Offer places to the patients of a stop, in the order of booking.

    Places are added to a session only as far as patients are offered them. The patients are
    notified with the stop, or at once where they have been notified of it.
    """
    places = [one for one in places if one.places]
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        tx = act.tx
        found = await stops.lock(tx, platform.vault, stop_id)
        if found is None:
            return Refused(OfferRefusal.UNKNOWN)
        if found.undone_at is not None:
            return Refused(OfferRefusal.UNDONE)
        # The limits are the city's (S12), and patients are not shown to the hospital.
        async with tx.as_platform():
            stopped = [] if found.substitute else await store.stopped_patients(tx, stop_id)
            today = act.now.date()
            policy = (await platform.policies.read(tx)).on(today)
            patients, sessions = await booking.lock_for_draw(
                tx,
                [patient.patient_id for patient in stopped],
                [one.session_id for one in places],
                today,
                counted_since(policy, today),
            )
            facts = BookingFacts(
                {
                    id: booking.session_facts(session)
                    for id, session in sessions.items()
                    if session.hospital_id == by.own_hospital_id
                },
                {id: patient.facts for id, patient in patients.items()},
                policy=policy,
                checks_names=platform.checks_names,
            )
            kinds = frozenset((patient.department_id, patient.title) for patient in stopped)
            refused = refused_places(places, facts.sessions, kinds, until, act.now)
            if refused is not None:
                return Refused(OfferRefusal.NOBODY if not stopped else refused)
            allotted = allot(stopped, places, Batch(facts), act.now)
            if not allotted:
                return Refused(OfferRefusal.NOBODY)
            taken = Counter(one.session_id for one in allotted)
            added = {one.session_id: min(one.added, taken[one.session_id]) for one in places}
            await store.add(
                tx, allotted, {id: answered_by(facts.sessions[id], until) for id in taken}
            )
            await store.reserve(tx, taken, added)
            if found.notified_at is not None:
                ids = [one.stopped.appointment_id for one in allotted]
                notified = await messages.notify(tx, "replacement_offered", ids)
                await stops.record_notified(tx, stop_id, ids, notified)
        await act.record(
            "offer_replacement",
            ("stop", stop_id),
            detail={
                "sessions": len(taken),
                "bookings": len(allotted),
                "added": sum(added.values()),
                "until": until.isoformat(),
            },
        )
    return Offered(len(allotted), len(stopped) - len(allotted))


# Answering ----------------------------------------------------------------------------------


async def own_offers(platform: Platform, account_id: int) -> dict[int, OfferView]:
    """Return the offers to an account's patients, by the stopped booking."""
    async with platform.db.transaction() as tx:
        return await store.of_account(tx, account_id)


async def accept(
    platform: Platform, account_id: int, stopped_appointment_id: int, channel: str
) -> Answer:
    """Book the place that is offered for an account's stopped booking."""
    async with platform.db.transaction() as tx:
        return await accept_in(tx, platform, account_id, stopped_appointment_id, channel)


async def accept_in(
    tx: Tx, platform: Platform, account_id: int, stopped_appointment_id: int, channel: str
) -> Answer:
    """Book an offered place within a transaction; accepted again, return the same booking."""
    found = await store.of_stopped(tx, stopped_appointment_id)
    if found is None or found.account_id != account_id:
        return Refused(ReplacementRefusal.UNKNOWN)
    day = tx.now.date()
    policy = (await platform.policies.read(tx)).on(day)
    patients, sessions = await booking.lock_for_draw(
        tx, [found.patient_id], [found.clinic_session_id], day, counted_since(policy, day)
    )
    locked = await _lock(tx, account_id, found)
    if locked is None:
        return Refused(ReplacementRefusal.UNKNOWN)
    if locked.appointment_id is not None:
        return (await appointments_by_id(tx, platform.vault, [locked.appointment_id]))[
            locked.appointment_id
        ]
    answered = decide_answer(locked.state, locked.accept_until, tx.now)
    if answered is not None:
        return answered
    facts = BookingFacts(
        {id: booking.session_facts(session) for id, session in sessions.items()},
        {id: patient.facts for id, patient in patients.items()},
        policy=policy,
        checks_names=platform.checks_names,
    )
    request = replacement_request(
        account_id, locked.patient_id, locked.clinic_session_id, tx.now, channel
    )
    # The place is there; the rules about the person are asked as at the desk.
    refused = Batch(facts).refusal(request, is_drawn=True)
    if refused is not None:
        return refused
    [(id, message_id, code)] = await booking.reserve(tx, platform.vault, 1)
    session = sessions[locked.clinic_session_id]
    new = NewAppointment(id, message_id, code, request, session, account_id)
    # The place is no longer reserved before it is booked: a session never holds more than it has.
    await store.unreserve(tx, [session.id])
    await booking.save_bookings(tx, platform.vault, [new])
    await store.set_accepted(tx, locked.id, id)
    await messages.defer_delivery(tx, [message_id])
    return (await appointments_by_id(tx, platform.vault, [id]))[id]


async def decline(
    platform: Platform, account_id: int, stopped_appointment_id: int
) -> Done | Refused[ReplacementRefusal]:
    """Decline the place that is offered for an account's stopped booking; it returns."""
    async with platform.db.transaction() as tx:
        return await decline_in(tx, platform, account_id, stopped_appointment_id)


async def decline_in(
    tx: Tx, platform: Platform, account_id: int, stopped_appointment_id: int
) -> Done | Refused[ReplacementRefusal]:
    """Decline an offered place within a transaction; declined again, nothing happens."""
    found = await store.of_stopped(tx, stopped_appointment_id)
    if found is None or found.account_id != account_id:
        return Refused(ReplacementRefusal.UNKNOWN)
    await lock_persons(tx, [found.patient_id])
    await lock_sessions(tx, [found.clinic_session_id])
    locked = await _lock(tx, account_id, found)
    if locked is None:
        return Refused(ReplacementRefusal.UNKNOWN)
    answered = decide_answer(locked.state, locked.accept_until, tx.now)
    if answered is not None:
        return DONE if answered.reason is ReplacementRefusal.DECLINED else answered
    await _return(tx, platform, [locked], "declined")
    return DONE


async def _lock(tx: Tx, account_id: int, found: Offer) -> Offer | None:
    """Lock an offer whose patient and session are locked; None if it is another's by now."""
    locked = await store.of_stopped(tx, found.stopped_appointment_id, lock=True)
    same = locked is not None and (
        (locked.account_id, locked.patient_id, locked.clinic_session_id)
        == (account_id, found.patient_id, found.clinic_session_id)
    )
    return locked if same else None


# Ending -------------------------------------------------------------------------------------


async def lapse(platform: Platform) -> int:
    """Return the places that nobody accepted in time, and notify their patients; return how many.

    Safe to run twice, late or in two workers: everything happens under the sessions' locks.
    """
    lapsed = 0
    while True:
        async with platform.db.transaction() as tx:
            session_ids = await store.sessions_of_overdue(tx, SESSIONS_A_CHUNK)
            await lock_sessions(tx, session_ids)
            offers = await store.lock_open(tx, session_ids, overdue=True)
            await _return(tx, platform, offers, "lapsed")
            await _notify_lapsed(tx, offers)
        lapsed += len(offers)
        if len(session_ids) < SESSIONS_A_CHUNK:
            return lapsed


async def withdraw_of_sessions(tx: Tx, platform: Platform, session_ids: Sequence[int]) -> None:
    """End the offers in locked sessions that were stopped themselves; notify their patients."""
    async with tx.as_platform():
        offers = await store.lock_open(tx, session_ids)
        await _return(tx, platform, offers, "lapsed")
        await _notify_lapsed(tx, offers)


async def withdraw_of_stop(tx: Tx, platform: Platform, stop_id: int) -> None:
    """End the offers for a locked stop that was taken back; nobody was notified of them."""
    async with tx.as_platform():
        session_ids = await store.sessions_of_stop(tx, stop_id)
        await lock_sessions(tx, session_ids)
        offers = await store.lock_open(tx, session_ids, stop_id=stop_id)
        await _return(tx, platform, offers, "lapsed")


async def _return(tx: Tx, platform: Platform, offers: Sequence[Offer], state: str) -> None:
    """End locked offers and let their places return, in locked sessions."""
    if not offers:
        return
    await store.end(tx, [one.id for one in offers], state)
    session_ids = [one.clinic_session_id for one in offers]
    async with returning_places(tx, platform, sorted(set(session_ids)), Cause.OFFER_LAPSED):
        await store.unreserve(tx, session_ids)


async def _notify_lapsed(tx: Tx, offers: Sequence[Offer]) -> None:
    ids = [one.stopped_appointment_id for one in offers]
    if ids:
        await messages.notify(tx, "replacement_lapsed", ids)
