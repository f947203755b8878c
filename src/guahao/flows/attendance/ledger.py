"""The no-show ledger (S16): the no-show list, a person's history, excuses.

A suspension is a pure function of the no-shows that are not excused: on every change of them
it is derived anew under the person's lock.
"""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.attendance.penalties import derive_suspensions
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.ledger import (
    ExcuseFacts,
    ExcuseRefusal,
    decide_excuse,
    decide_withdrawal,
)
from guahao.rules.attendance.penalties import Suspension, suspensions_by_date
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.staff.staff import Staff
from guahao.store.attendance import ledger as store
from guahao.store.attendance.ledger import LedgerDecision, LedgerEntry, Suspended
from guahao.store.booking import appointments as appointment_store
from guahao.store.booking.appointments import LockedAppointment
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import PatientView
from guahao.store.messages import messages
from guahao.store.people import patients as patient_store

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Ledger:
    """A person's no-shows, and every suspension that follows from those that count."""

    patient: PatientView
    entries: list[LedgerEntry]
    suspensions: list[Suspension]
    decisions: list[LedgerDecision]


async def no_show_list(
    platform: Platform, cursor: int | None
) -> tuple[list[Suspended], int | None]:
    """Return a page of today's no-show list (爽约名单), and where the next begins."""
    async with platform.db.transaction() as tx:
        found = await store.suspended(tx, platform.vault, tx.now.date(), cursor or 0, PAGE_SIZE + 1)
    page = found[:PAGE_SIZE]
    return page, page[-1].patient.id if len(found) > PAGE_SIZE else None


async def ledger_of(platform: Platform, patient_id: int) -> Ledger | None:
    """Return a person's history with the reasons, or None where there is no such person."""
    async with platform.db.transaction() as tx:
        found = await patient_store.by_id(tx, platform.vault, [patient_id])
        if patient_id not in found:
            return None
        entries = await store.entries_of(tx, platform.vault, patient_id)
        policies = await platform.policies.read(tx)
        decisions = await store.decisions_of(tx, platform.vault, patient_id)
    counting = [
        entry.visit_date
        for entry in entries
        if entry.status == "no_show" and entry.excuse_id is None
    ]
    running = suspensions_by_date(counting, policies, tx.now.date())
    return Ledger(found[patient_id], entries, running, decisions)


async def excuse(
    platform: Platform, by: Staff, appointment_id: int, reason: str
) -> int | Refused[ExcuseRefusal]:
    """Excuse a no-show (申诉) with a reason; return the patient's id, who is notified."""
    reason = stated_reason(reason) or ""
    async with acting(platform, by.who) as act:
        locked, facts = await _facts(act.tx, appointment_id, reason)
        refusal = decide_excuse(facts)
        if refusal is not None:
            return Refused(refusal)
        assert locked is not None
        await store.add_excuse(act.tx, platform.vault, appointment_id, by.id, reason)
        await derive_suspensions(act.tx, platform, [locked.patient_id])
        await messages.notify(act.tx, "excused", [appointment_id])
        await act.record(
            "excuse_no_show",
            ("appointment", appointment_id),
            reason=reason,
            hospital_id=locked.facts.hospital_id,
        )
    return locked.patient_id


async def withdraw_excuse(
    platform: Platform, by: Staff, appointment_id: int, reason: str
) -> int | Refused[ExcuseRefusal]:
    """Withdraw an excuse: the no-show counts again; return the patient's id, who is notified."""
    reason = stated_reason(reason) or ""
    async with acting(platform, by.who) as act:
        locked, facts = await _facts(act.tx, appointment_id, reason)
        refusal = decide_withdrawal(facts)
        if refusal is not None:
            return Refused(refusal)
        assert locked is not None
        await store.withdraw_excuse(act.tx, appointment_id)
        await derive_suspensions(act.tx, platform, [locked.patient_id])
        await messages.notify(act.tx, "excuse_withdrawn", [appointment_id])
        await act.record(
            "withdraw_excuse",
            ("appointment", appointment_id),
            reason=reason,
            hospital_id=locked.facts.hospital_id,
        )
    return locked.patient_id


async def _facts(
    tx: Tx, appointment_id: int, reason: str
) -> tuple[LockedAppointment | None, ExcuseFacts]:
    locked = await appointment_store.lock_appointment(tx, appointment_id, None)
    if locked is None:
        return None, ExcuseFacts(reason, None, excused=False)
    excused = await store.is_excused(tx, appointment_id)
    return locked, ExcuseFacts(reason, locked.facts.status, excused)
