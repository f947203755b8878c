"""Give a booking up for another place, in one transaction: both happen, or neither (改约).

The place is taken as at the desk, under the desk's locks and rules, and the old one returns as
every cancelled place does. The old booking is cancelled first in the transaction, because the
schema allows a person a single live booking of a department and day; nobody sees that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import assert_never

from guahao.flows.booking.booking import DeskRequest, booking_facts, login_refused, new_view
from guahao.flows.fairness.returning import returning_places
from guahao.flows.kernel.acting import Acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import counted_since
from guahao.rules.booking.rescheduling import (
    NotRescheduled,
    Replaced,
    RescheduleRefusal,
    decide_replaced,
    decide_reschedule,
)
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest, EarlierUse
from guahao.rules.kernel.outcomes import (
    Accepted,
    BeforeOwnMoment,
    KeyMismatch,
    Refusal,
    Refused,
    Repeated,
)
from guahao.rules.people.logins import LoginRefused
from guahao.rules.staff.staff import SYSTEM, Who
from guahao.store.booking import appointments
from guahao.store.booking import booking as store
from guahao.store.booking import rescheduling as reschedules
from guahao.store.booking.appointments import LockedAppointment
from guahao.store.booking.rescheduling import BookingPlace, Reschedule
from guahao.store.kernel.db import Tx
from guahao.store.kernel.queue import defer
from guahao.store.kernel.views import AppointmentView, SessionView
from guahao.store.supply import sessions

DAYS_SHOWN = 7


@dataclass(frozen=True, slots=True)
class ByAgent:
    """The agent who reschedules for a verified caller, with what the audit trail keeps."""

    who: Who
    call_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class RescheduleRequest:
    """A request for a place in a session instead of a booking, under a key.

    `account_id`: whose booking it is. `agent` None: the patient's own request.
    """

    actor: Actor
    key: str
    account_id: int
    appointment_id: int
    session_id: int
    channel: str
    login_id: int | None = None
    agent: ByAgent | None = None

    @property
    def by(self) -> str:
        """Return whose right to cancel is asked for."""
        return "patient" if self.agent is None else "agent"

    def of_patient(self, patient_id: int) -> DeskRequest:
        """Return what the desk would be asked for the place."""
        return DeskRequest(
            self.actor,
            self.key,
            patient_id,
            self.session_id,
            self.channel,
            login_id=self.login_id,
            replaces=self.appointment_id,
        )


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """The new booking, and the one that it replaced, which is cancelled."""

    booking: AppointmentView
    replaced: AppointmentView


@dataclass(frozen=True, slots=True)
class ReschedulePlaces:
    """Days with the sessions that a booking could be given up for, some of them.

    `later`: the first day after them; `is_first`: whether there is none before them.
    """

    days: list[tuple[date, list[SessionView]]]
    later: date | None
    is_first: bool


RescheduleAnswer = Rescheduled | NotRescheduled | Refused[Refusal] | KeyMismatch | LoginRefused


async def reschedule(
    platform: Platform, asked: RescheduleRequest, deadline: float | None = None
) -> RescheduleAnswer:
    """Decide, store and commit, and return the answer.

    A refusal by the rules of booking is stored under the key, as at the desk; one about the old
    booking is decided anew each time. `deadline`: by the event loop's clock; the connection is
    closed then.
    """
    async with platform.db.pipelined_transaction(deadline) as pipelined:
        tx = await pipelined.plain()
        place = await reschedules.place_of(tx, asked.appointment_id, asked.account_id)
        if place is None:
            return NotRescheduled(RescheduleRefusal.UNKNOWN)
        await appointments.lock_persons(tx, [place.patient_id])
        await appointments.lock_sessions(tx, [place.session_id, asked.session_id])
        request = asked.of_patient(place.patient_id)
        wanted = request.at_time(tx.now)
        today = tx.now.date()
        policies = await platform.policies.read(tx)
        policy = policies.on(today)
        loaded = await store.load_batch(
            pipelined,
            platform.vault,
            [wanted],
            counted_since(policy, today),
            store.new_codes(1),
            [] if asked.login_id is None else [asked.login_id],
        )
        not_let_in = login_refused([request], loaded)
        if not_let_in:
            return not_let_in[0]
        locked = await _lock_replaced(tx, asked, place)
        decision = decide_reschedule(
            booking_facts(platform, loaded, policy),
            wanted,
            None if locked is None else _replaced(locked, place),
            asked.by,
            policies.for_cancelling(locked.booked_on if locked else today, today),
        )
        match decision:
            case Accepted():
                assert locked is not None
                return await _save(tx, platform, asked, loaded, wanted, locked)
            case Repeated(use):
                return await _repeated(tx, platform, asked, use)
            case BeforeOwnMoment():
                return decision  # its key stays unused
            case NotRescheduled() | KeyMismatch():
                return decision
            case Refused():
                await store.save_decided(tx, platform.vault, [(wanted, decision)])
                return decision
            case never:
                assert_never(never)


async def places_instead(
    platform: Platform, account_id: int, appointment_id: int, by: str, first: date | None = None
) -> ReschedulePlaces | NotRescheduled:
    """Return the sessions of the same department that a booking could be given up for now.

    From `first` on, or why the booking cannot be given up at all; `by`: `patient` or `agent`.
    Nothing is locked: the desk decides again.
    """
    async with platform.db.transaction() as tx:
        today = tx.now.date()
        place = await reschedules.place_of(tx, appointment_id, account_id)
        found = await appointments.appointment_facts(tx, appointment_id)
        if place is None or found is None:
            return NotRescheduled(RescheduleRefusal.UNKNOWN)
        policies = await platform.policies.read(tx)
        policy, cancelling = policies.on(today), policies.for_cancelling(found.booked_on, today)
        replaced = _replaced(found, place)
        stands = decide_replaced(replaced, by, tx.now, cancelling)
        if stands is not None:
            return stands
        since = counted_since(policy, today)
        patient = (await store.own_patients(tx, account_id, since)).get(place.patient_id)
        old = await sessions.one(tx, place.session_id)
        if patient is None or old is None:
            return ReschedulePlaces([], None, is_first=True)
        others = await sessions.in_department(
            tx, old.hospital_id, old.department_id, today, None, None, None
        )
    facts = BookingFacts(
        {session.id: store.session_facts(session) for session in others},
        {patient.id: patient},
        policy=policy,
        checks_names=platform.checks_names,
        # So that nothing is offered that the desk would still refuse until the patient's moment.
        release_key=platform.vault.release_key,
    )
    actor = Actor("account", account_id) if by == "patient" else Actor("staff", 0)
    allowed = [
        session
        for session in others
        if decide_reschedule(
            facts,
            BookingRequest(
                actor, "", patient.id, session.id, "web", tx.now, replaces=appointment_id
            ),
            replaced,
            by,
            cancelling,
        )
        == Accepted()
    ]
    days = [
        (day, list(group)) for day, group in groupby(allowed, lambda session: session.visit_date)
    ]
    shown = [(day, group) for day, group in days if first is None or day >= first]
    later = shown[DAYS_SHOWN][0] if len(shown) > DAYS_SHOWN else None
    return ReschedulePlaces(shown[:DAYS_SHOWN], later, is_first=len(shown) == len(days))


async def rescheduled_of(
    platform: Platform, account_id: int, appointment_id: int
) -> tuple[AppointmentView | None, AppointmentView | None]:
    """Return the booking that an account's booking replaced, and the one that replaced it."""
    async with platform.db.transaction() as tx:
        came, went = await reschedules.of_booking(tx, appointment_id)
        ids = [came.replaced_id] if came else []
        ids += [went.appointment_id] if went else []
        if not ids:
            return None, None
        shown = await appointments.appointments_shown(
            tx, platform.vault, [(id, account_id) for id in ids]
        )
    return (
        shown.get(came.replaced_id) if came else None,
        shown.get(went.appointment_id) if went else None,
    )


def _replaced(locked: LockedAppointment, place: BookingPlace) -> Replaced:
    return Replaced(locked.clinic_session_id, place.department_id, locked.facts)


async def _lock_replaced(
    tx: Tx, asked: RescheduleRequest, place: BookingPlace
) -> LockedAppointment | None:
    """Lock the booking that is given up; None if it has left its account meanwhile."""
    locked = (await appointments.lock_appointments(tx, [place.appointment_id])).get(
        place.appointment_id
    )
    if locked is None or locked.account_id != asked.account_id:
        return None
    return locked if locked.clinic_session_id == place.session_id else None


async def _save(
    tx: Tx,
    platform: Platform,
    asked: RescheduleRequest,
    loaded: store.LoadedBatch,
    wanted: BookingRequest,
    locked: LockedAppointment,
) -> Rescheduled:
    session = loaded.sessions[wanted.session_id]
    account_id = loaded.patients[wanted.patient_id].facts.account_id
    [ids], code = loaded.reserved_ids, loaded.free_codes.pop()
    new = store.NewAppointment(*ids, code, wanted, session, account_id)
    await appointments.set_status(tx, locked.id, "cancelled")
    async with returning_places(tx, platform, [locked.clinic_session_id], Cause.CANCELLED):
        await appointments.return_place(tx, locked.clinic_session_id)
    await store.save_decided(tx, platform.vault, [(wanted, new)], "rescheduled")
    await reschedules.save(tx, Reschedule(new.id, locked.id), asked.by)
    if account_id is not None:
        await defer(tx, "deliver_messages", queue="notices", message_ids=[new.message_id])
    replaced = (await appointments.appointments_by_id(tx, platform.vault, [locked.id]))[locked.id]
    agent, detail = asked.agent, {"replaced": locked.id, "account": asked.account_id}
    await Acting(platform, tx, SYSTEM if agent is None else agent.who).record(
        "reschedule_appointment",
        ("appointment", new.id),
        reason="" if agent is None else agent.reason,
        detail=detail if agent is None else {"replaced": locked.id, "call": agent.call_id},
        hospital_id=session.hospital_id,
    )
    return Rescheduled(new_view(platform, loaded, new), replaced)


async def _repeated(
    tx: Tx, platform: Platform, asked: RescheduleRequest, use: EarlierUse
) -> Rescheduled | Refused[Refusal]:
    """Return the earlier answer, if the account may still see its bookings."""
    if use.appointment_id is None:
        return Refused(Refusal(use.outcome), use.retry_from, use.visit_from)
    ids = (use.appointment_id, asked.appointment_id)
    shown = await appointments.appointments_shown(
        tx, platform.vault, [(id, asked.account_id) for id in ids]
    )
    if len(shown) < len(ids):
        return Refused(Refusal.NOT_YOUR_PATIENT)
    return Rescheduled(shown[use.appointment_id], shown[asked.appointment_id])
