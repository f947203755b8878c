"""Void what was not picked up (S15), and derive suspensions from no-shows (S16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from guahao.flows.fairness.applications import end_of_suspended
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.penalties import (
    is_attendance_known,
    suspended_until_by_date,
    void_status,
)
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.limits import CODE_KEPT_DAYS
from guahao.store.attendance import penalties as store
from guahao.store.booking import appointments as appointment_store
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages

_SESSIONS_A_CHUNK = 200


async def sweep(platform: Platform) -> int:
    """Settle every session whose pick-up deadline has passed; bookings voided in all.

    Chunk by chunk, each in its own transaction. Twice, late or in two workers at once:
    a session is settled under its lock and only once.
    """
    async with platform.db.transaction() as tx:
        ids = await store.unsettled_ids(tx)
    voided = 0
    for start in range(0, len(ids), _SESSIONS_A_CHUNK):
        async with platform.db.transaction() as tx:
            chunk = ids[start : start + _SESSIONS_A_CHUNK]
            voided += await _settle(tx, platform, await store.unsettled_sessions(tx, chunk))
    return voided


async def _settle(tx: Tx, platform: Platform, sessions: Sequence[store.UnsettledSession]) -> int:
    overdue = [session.id for session in sessions if _is_overdue(tx, session)]
    # A booking made under a later deadline keeps it; the session waits for it.
    promised = await store.rules_promised(tx, overdue)
    waiting = {session.id for session in promised if not _is_overdue(tx, session)}
    overdue = [id for id in overdue if id not in waiting]
    if not overdue:
        return 0
    await appointment_store.lock_persons(tx, await store.waiting_patients(tx, overdue))
    await appointment_store.lock_sessions(tx, overdue)
    known = {
        record.session_id
        for record in await store.attendance(tx, overdue)
        if is_attendance_known(reported=record.reported, any_pick_up=record.any_pick_up)
    }
    voided = await store.void_spared(tx, overdue)
    for attendance_known in (True, False):
        ids = [id for id in overdue if (id in known) is attendance_known]
        rows = await store.void_waiting(tx, ids, void_status(attendance_known))
        voided += len(rows)
        if attendance_known:
            await messages.notify(tx, "no_show", [row.appointment_id for row in rows])
            await derive_suspensions(tx, platform, [row.patient_id for row in rows])
    await store.mark_settled(tx, overdue)
    return voided


def _is_overdue(tx: Tx, session: store.UnsettledSession) -> bool:
    return tx.now >= pickup_deadline(session.visit_date, session.period, session.rules)


async def derive_suspensions(tx: Tx, platform: Platform, patient_ids: Sequence[int]) -> list[int]:
    """Derive the suspensions of locked persons anew from all their no-shows; notify them.

    The persons are locked by the caller; those newly or longer suspended are notified. Whose
    suspension ended or became shorter are returned: the caller knows what else notifies them.
    """
    if not patient_ids:
        return []
    policies, today = await platform.policies.read(tx), tx.now.date()
    lengthened: dict[int, date] = {}
    relieved = []
    for person in await store.no_shows_of(tx, patient_ids):
        until = suspended_until_by_date(person.no_shows, policies, today)
        if until == person.suspended_until:
            continue
        await store.set_suspended_until(tx, person.patient_id, until)
        if until is not None and until > max(today, person.suspended_until or until.min):
            lengthened[person.patient_id] = until
        elif person.suspended_until is not None and person.suspended_until > today:
            relieved.append(person.patient_id)
    if lengthened:
        await messages.notify_patients(tx, "suspended", list(lengthened))
        await end_of_suspended(tx, lengthened)
    return relieved


async def derive_and_relieve(tx: Tx, platform: Platform, patient_ids: Sequence[int]) -> None:
    """Derive suspensions, and notify those who may book again or sooner."""
    relieved = await derive_suspensions(tx, platform, patient_ids)
    await messages.notify_patients(tx, "relieved", relieved)


async def retire_codes(platform: Platform) -> int:
    """Free the codes of visits more than 30 days past (S8); how many."""
    async with platform.db.transaction() as tx:
        before = tx.now.date() - timedelta(days=CODE_KEPT_DAYS)
        return await appointment_store.retire_codes(tx, before)
