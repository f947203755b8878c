"""A hospital confirms who came to a session whose attendance is not known (S16).

Until it does, the bookings that were not picked up are `unverified` and suspend nobody. At the
window a list on paper can be entered for three days; this is for what was forgotten then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guahao.flows.attendance.penalties import derive_and_relieve
from guahao.flows.attendance.window import record_no_shows
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.unverified import (
    ConfirmFacts,
    ConfirmRefusal,
    confirmable_since,
    decide_confirmation,
)
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.staff.staff import Staff
from guahao.store.attendance import penalties as penalty_store
from guahao.store.attendance import unverified as store
from guahao.store.attendance import window as window_store
from guahao.store.attendance.unverified import UnverifiedHospital, UnverifiedSession
from guahao.store.attendance.window import DayEntry
from guahao.store.booking.appointments import lock_sessions


@dataclass(frozen=True, slots=True)
class Confirmed:
    """How many came, and how many are no-shows now."""

    came: int
    no_shows: int


async def waiting_sessions(platform: Platform, by: Staff) -> list[UnverifiedSession]:
    """Return the sessions of the clerk's own hospital that can still be confirmed."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.sessions(tx, by.own_hospital_id, confirmable_since(tx.now.date()))


async def waiting_hospitals(platform: Platform) -> list[UnverifiedHospital]:
    """Return what waits in all the city, for those who remind hospitals of it."""
    async with platform.db.transaction() as tx:
        return await store.hospitals(tx, confirmable_since(tx.now.date()))


async def waiting_of(
    platform: Platform, by: Staff, session_id: int
) -> tuple[UnverifiedSession, list[DayEntry]] | None:
    """Return a session and its bookings that wait; None where not the hospital's, or too old."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.sessions(tx, by.own_hospital_id, confirmable_since(tx.now.date()))
        session = next((waiting for waiting in found if waiting.id == session_id), None)
        if session is None:
            return None
        entries = await window_store.entries_of_day(
            tx, platform.vault, by.own_hospital_id, session.visit_date, [session_id]
        )
    return session, [entry for entry in entries if entry.status == "unverified"]


async def confirm(
    platform: Platform,
    by: Staff,
    session_id: int,
    came: Sequence[int],
    reason: str,
    *,
    nobody_came: bool = False,
) -> Confirmed | Refused[ConfirmRefusal]:
    """Record who of those waiting came; the others are no-shows, are notified, and may appeal.

    That nobody came at all has to be said: a form sent too soon must not punish everybody.
    """
    reason = stated_reason(reason) or ""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        session = await window_store.session_of_day(act.tx, hospital_id, session_id)
        before = [] if session is None else await store.waiting_of_session(act.tx, session_id)
        await penalty_store.lock_appointments_persons_and_sessions(act.tx, before)
        await lock_sessions(act.tx, [session_id])
        # Only those whose persons are locked, and who still wait now.
        waiting = [id for id in await store.waiting_of_session(act.tx, session_id) if id in before]
        visit_date = None if session is None else session.visit_date
        facts = ConfirmFacts(reason, visit_date, len(waiting), bool(came), nobody_came)
        refusal = decide_confirmation(facts, act.now.date())
        if refusal is not None:
            return Refused(refusal)
        present = await window_store.enter_pick_ups(
            act.tx, [id for id in waiting if id in set(came)]
        )
        absent = await penalty_store.record_attendance(
            act.tx, [id for id in waiting if id not in set(came)], "no_show"
        )
        await window_store.know_attendance(act.tx, session_id)
        await record_no_shows(act.tx, platform, absent)
        async with act.tx.as_platform():
            await derive_and_relieve(act.tx, platform, [row.patient_id for row in present])
        detail = {
            "came": [row.appointment_id for row in present],
            "no_shows": [row.appointment_id for row in absent],
        }
        subject = ("clinic_session", session_id)
        await act.record(
            "confirm_attendance",
            subject,
            reason=reason,
            detail=detail,
        )
    return Confirmed(len(present), len(absent))
