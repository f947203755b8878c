"""The hospital's window: handing out numbers, the day's list, correcting, closing a session.

Everything here runs under the hospital's own role: the database shows its staff no other
hospital's rows. What follows from no-shows everywhere is derived as the platform.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from guahao.flows.attendance.penalties import derive_and_relieve, derive_suspensions
from guahao.flows.hall import queues
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance import window as rules
from guahao.rules.attendance.pickup import decide_pickup, pickup_deadline
from guahao.rules.attendance.window import WindowRefusal
from guahao.rules.kernel.outcomes import DONE, Done, PickupRefusal, Refused
from guahao.rules.kernel.text import compact, prose
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.store.attendance import penalties as penalty_store
from guahao.store.attendance import window as window_store
from guahao.store.attendance.window import DayEntry, DaySession
from guahao.store.booking import appointments as store
from guahao.store.booking.appointments import LockedAppointment
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import messages
from guahao.store.people import registrations
from guahao.store.people.patients import person_indexes

# Wrong guesses before a clerk has to wait: many, because a queue is waiting.
GUESSES_PER_CLERK_HOUR = 120
GUESSES_PER_SYSTEM_HOUR = 1200  # all windows of a hospital call through its own system
GUESSES_PER_CODE_DAY = 10

_HOUR, _DAY = 3600, 86400
_CODE = re.compile(r"[0-9]{8}")


@dataclass(frozen=True, slots=True)
class NotHandedOut(Refused[PickupRefusal]):
    """Why no number is handed out, and what the clerk may say of it.

    `at`: since when (already picked up) or until when (too late); `visit_date`: the right day.
    Both only where document and code belong to one booking of this hospital.
    """

    at: datetime | None = None
    visit_date: date | None = None


@dataclass(frozen=True, slots=True)
class TooManyGuesses:
    """Too many wrong codes or documents; `retry_from`: when the next is accepted."""

    retry_from: datetime


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """A session whose attendance is now known; how many no-shows followed from it."""

    session_id: int
    no_shows: int


async def hand_out(
    platform: Platform, by: OfHospital, code: str, id_no: str
) -> AppointmentView | NotHandedOut | TooManyGuesses:
    """Hand out the number for code and document (S11), or return the exact reason why not.

    An unknown code, another person's code, and one of another hospital with another's document
    get the same answer.
    """
    typed = compact(code).replace("-", "")
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        waiting = await count_guess(act.tx, platform, by, typed)
        if waiting is not None:
            return waiting
        shown = person_indexes(platform.vault, id_no)
        answer = await _hand_out(act, by, typed, shown)
        if isinstance(answer, NotHandedOut) and answer.reason is PickupRefusal.WRONG_PERSON:
            return answer
        await forgive_guess(act.tx, platform, by, typed)
        return answer


async def _hand_out(
    act: Acting, by: OfHospital, code: str, shown: list[bytes]
) -> AppointmentView | NotHandedOut:
    hospital_id = by.own_hospital_id
    tx, vault = act.tx, act.vault
    id = await store.appointment_id_by_code(tx, vault, code) if _CODE.fullmatch(code) else None
    locked = None if id is None else await store.lock_appointment(tx, id, None)
    if locked is None:
        return await _of_another_hospital(tx, vault, code, shown)
    refused = decide_pickup(locked.facts, locked.is_of(shown), hospital_id, tx.now)
    if refused is not None:
        return await _refused(tx, act.platform, locked, refused)
    await store.set_status(tx, locked.id, "picked_up")
    await queues.give_numbers(tx, locked.clinic_session_id, [locked.id])
    async with tx.as_platform():
        await registrations.check_by_pick_up(tx, [locked.id])
    view = (await store.appointments_by_id(tx, vault, [locked.id]))[locked.id]
    await act.record("hand_out_number", ("appointment", locked.id))
    return view


async def _of_another_hospital(tx: Tx, vault: Vault, code: str, shown: list[bytes]) -> NotHandedOut:
    """Reveal that a booking is another hospital's only to a bearer of its person's document."""
    async with tx.as_platform():
        elsewhere = await window_store.code_belongs_to(tx, vault, code, shown)
    return NotHandedOut(PickupRefusal.WRONG_HOSPITAL if elsewhere else PickupRefusal.WRONG_PERSON)


async def _refused(
    tx: Tx, platform: Platform, locked: LockedAppointment, reason: PickupRefusal
) -> NotHandedOut:
    if reason is PickupRefusal.WRONG_PERSON:
        return NotHandedOut(reason)
    facts = locked.facts
    at = None
    if reason is PickupRefusal.TOO_LATE:
        at = pickup_deadline(facts.visit_date, facts.period, facts.rules)
    if reason in (PickupRefusal.ALREADY_PICKED_UP, PickupRefusal.NOT_BOOKED):
        view = (await store.appointments_by_id(tx, platform.vault, [locked.id]))[locked.id]
        at = view.changed_at
    return NotHandedOut(reason, at=at, visit_date=facts.visit_date)


def _counters(platform: Platform, by: OfHospital, code: str) -> list[tuple[str, bytes, int, int]]:
    index, who = platform.vault.index, by.who
    most = GUESSES_PER_CLERK_HOUR if who.kind == "staff" else GUESSES_PER_SYSTEM_HOUR
    return [
        ("window_clerk", index("throttle", f"{who.kind} {who.id}"), _HOUR, most),
        ("window_code", index("throttle", code), _DAY, GUESSES_PER_CODE_DAY),
    ]


async def count_guess(
    tx: Tx, platform: Platform, by: OfHospital, code: str
) -> TooManyGuesses | None:
    """Count a guess before the search; `forgive_guess` takes it back where it was right."""
    for scope, subject, seconds, limit in _counters(platform, by, code):
        if await throttle.hit(tx, scope, subject, seconds) > limit:
            left = timedelta(seconds=throttle.seconds_left(tx.now, seconds))
            return TooManyGuesses(tx.now + left)
    return None


async def forgive_guess(tx: Tx, platform: Platform, by: OfHospital, code: str) -> None:
    """Take a counted guess back, because it was right."""
    for scope, subject, seconds, _ in _counters(platform, by, code):
        await throttle.forgive(tx, scope, subject, seconds)


# The day's list ---------------------------------------------------------------------------


async def sessions_of_day(platform: Platform, by: Staff, day: date) -> list[DaySession]:
    """Return the hospital's clinic sessions of a date, with their bookings by status."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await window_store.sessions_of_day(tx, by.own_hospital_id, day)


async def list_of_day(
    platform: Platform, by: Staff, day: date, session_ids: Sequence[int] | None = None
) -> list[DayEntry]:
    """Return who is expected on a date, by department, period and order number; names masked.

    `session_ids`: only of these sessions. Cancelled and stopped bookings are left out.
    """
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await window_store.entries_of_day(
            tx, platform.vault, by.own_hospital_id, day, session_ids
        )


async def print_list(platform: Platform, by: Staff, day: date) -> list[DayEntry]:
    """Return the list of a day to print, for when the network is down; that is recorded."""
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        entries = await window_store.entries_of_day(
            act.tx, platform.vault, by.own_hospital_id, day, None
        )
        detail = {"visit_date": day.isoformat(), "entries": len(entries)}
        await act.record("print_day_list", detail=detail)
        return entries


async def find_in_day(platform: Platform, by: Staff, id_no: str) -> list[DayEntry]:
    """Return today's bookings here of the person with this document."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        person = person_indexes(platform.vault, id_no)
        return await window_store.entries_of_person(
            tx, platform.vault, by.own_hospital_id, tx.now.date(), person
        )


async def one_entry(platform: Platform, by: Staff, appointment_id: int) -> DayEntry | None:
    """Return a booking here, of any day, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await window_store.entry(tx, platform.vault, by.own_hospital_id, appointment_id)


# Corrections ------------------------------------------------------------------------------


async def correct(
    platform: Platform, by: Staff, appointment_id: int, reason: str
) -> Done | Refused[WindowRefusal]:
    """Undo a pick-up made by mistake, on the same day, with a reason.

    Before the deadline the booking waits again. After it, or once its session is settled, it is
    `unverified`: a correction alone never makes a no-show of anybody; closing the session does.
    """
    reason = prose(reason)
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        locked = await store.lock_appointment(act.tx, appointment_id, None)
        facts = rules.CorrectionFacts(reason, None, settled=False)
        if locked is not None:
            settled = await window_store.is_settled(act.tx, locked.clinic_session_id)
            facts = rules.CorrectionFacts(reason, locked.facts, settled)
        status = rules.decide_correction(facts, hospital_id, act.now)
        if isinstance(status, WindowRefusal):
            return Refused(status)
        assert locked is not None
        await store.set_status(act.tx, locked.id, status)
        await queues.withdraw(act.tx, locked.clinic_session_id, locked.id)
        async with act.tx.as_platform():
            await registrations.uncheck_pick_up(act.tx, locked.id)
        await act.record(
            "correct_pick_up",
            ("appointment", locked.id),
            reason=reason,
            detail={"from": "picked_up", "to": status},
        )
    return DONE


async def closes_from(platform: Platform, by: OfHospital, session_id: int) -> datetime | None:
    """Return when a session can be closed, None where it is not the hospital's."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        session = await window_store.session_of_day(tx, by.own_hospital_id, session_id)
        return None if session is None else rules.closes_from(session)


async def close_session(
    platform: Platform, by: OfHospital, session_id: int, reason: str = ""
) -> ClosedSession | Refused[WindowRefusal]:
    """Record that a session's attendance is complete: everybody who has not come is a no-show.

    Not before the pick-up deadline; again, it changes nothing (S16).
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        session = await window_store.session_of_day(act.tx, by.own_hospital_id, session_id)
        refusal = rules.decide_closing(session, act.now)
        if refusal is not None:
            return Refused(refusal)
        waiting = await window_store.waiting_of_session(act.tx, session_id)
        await penalty_store.lock_appointments_persons_and_sessions(act.tx, waiting)
        await store.lock_sessions(act.tx, [session_id])
        await window_store.know_attendance(act.tx, session_id)
        absent = await penalty_store.record_attendance(act.tx, waiting, "no_show")
        await record_no_shows(act.tx, platform, absent)
        async with act.tx.as_platform():
            # No sweep looks at a closed session any more.
            await penalty_store.void_spared(act.tx, [session_id])
        await act.record(
            "close_session",
            ("clinic_session", session_id),
            reason=reason,
            detail={"no_shows": len(absent)},
        )
    return ClosedSession(session_id, len(absent))


async def record_no_shows(
    tx: Tx, platform: Platform, absent: Sequence[penalty_store.ChangedAppointment]
) -> None:
    """Notify the absent, and derive their suspensions from their no-shows at every hospital."""
    async with tx.as_platform():
        await messages.notify(tx, "no_show", [row.appointment_id for row in absent])
        await derive_suspensions(tx, platform, [row.patient_id for row in absent])


async def enter_from_paper(
    platform: Platform, by: Staff, session_id: int, appointment_ids: Sequence[int], reason: str
) -> int | Refused[WindowRefusal]:
    """Enter numbers handed out on paper while the network was down; return how many are new.

    Today or within three days after. A number handed out in time is a pick-up, regardless of the
    sweep has made of it meanwhile: nobody is suspended because of a lost network.
    """
    reason = prose(reason)
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        session = await window_store.session_of_day(act.tx, by.own_hospital_id, session_id)
        refusal = rules.decide_paper_entry(reason, session, act.now.date())
        if refusal is not None:
            return Refused(refusal)
        own = await window_store.of_session(act.tx, session_id, appointment_ids)
        await penalty_store.lock_appointments_persons_and_sessions(act.tx, own)
        entered = await window_store.enter_pick_ups(act.tx, own)
        await queues.give_numbers(act.tx, session_id, [row.appointment_id for row in entered])
        async with act.tx.as_platform():
            await registrations.check_by_pick_up(act.tx, [row.appointment_id for row in entered])
            await derive_and_relieve(act.tx, platform, [row.patient_id for row in entered])
        await act.record(
            "enter_from_paper",
            ("clinic_session", session_id),
            reason=reason,
            detail={"appointments": [row.appointment_id for row in entered]},
        )
    return len(entered)
