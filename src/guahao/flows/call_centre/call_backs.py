"""Ask the call centre for a call: it waits among the call tasks until an agent has called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from guahao.flows.kernel.platform import Platform
from guahao.rules.call_centre.call_backs import (
    CallBackFacts,
    CallBackRefusal,
    Topic,
    Window,
    decide_call_back,
    in_time,
    windows,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.store.booking import appointments
from guahao.store.call_centre import call_backs as store
from guahao.store.call_centre.call_backs import CallBack
from guahao.store.kernel import throttle
from guahao.store.people import accounts, patients

_DAY = 86400


async def ask_call_back(
    platform: Platform,
    account_id: int,
    topic: Topic,
    starts_at: datetime,
    appointment_id: int | None = None,
) -> CallBack | Refused[CallBackRefusal]:
    """Ask for a call in the window that starts then, about a booking of the account or none.

    An account waits for one call at a time, and asks for a few a day.
    """
    async with platform.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        own = await patients.of_account(tx, platform.vault, account_id)
        await store.close_settled(tx, account_id)
        booking = None
        if appointment_id is not None:
            view = await appointments.own_appointment(
                tx, platform.vault, account_id, appointment_id
            )
            if view is None:
                return Refused(CallBackRefusal.UNKNOWN_APPOINTMENT)
            booking = await appointments.appointment_facts(tx, appointment_id)
        is_waiting = await store.is_waiting(tx, account_id)
        subject = platform.vault.index("throttle", f"call back {account_id}")
        asked = 0 if is_waiting else await throttle.hit(tx, "call_back", subject, _DAY)
        facts = CallBackFacts(
            topic,
            starts_at,
            None if booking is None else booking.facts,
            has_patient=bool(own),
            is_waiting=is_waiting,
            asked_today=asked,
        )
        window = decide_call_back(facts, tx.now, platform.settings.call_centre_hours)
        if isinstance(window, Refused):
            if asked and window.reason is not CallBackRefusal.TOO_MANY:
                await throttle.forgive(tx, "call_back", subject, _DAY)
            return window
        patient_id = own[0].id if booking is None else booking.patient_id
        added = await store.add(
            tx,
            account_id,
            patient_id,
            appointment_id,
            topic.value,
            (window.starts_at, window.ends_at),
        )
        found = await store.latest(tx, account_id)
        if added is None or found is None:
            return Refused(CallBackRefusal.WAITING)
        return found


async def own_call_back(platform: Platform, account_id: int) -> CallBack | None:
    """Return the call that an account waits for, or what became of a recent one."""
    async with platform.db.transaction() as tx:
        call = await store.latest(tx, account_id)
        if call is not None and call.outcome is None and await store.close_settled(tx, account_id):
            call = await store.latest(tx, account_id)
    return call


async def withdraw_call_back(platform: Platform, account_id: int, call_back_id: int) -> Done | None:
    """Withdraw a call that waits; None where none of the account's does."""
    async with platform.db.transaction() as tx:
        return DONE if await store.withdraw(tx, account_id, call_back_id) else None


async def call_windows(
    platform: Platform, account_id: int, appointment_id: int | None
) -> Mapping[Topic, list[Window]]:
    """Return the windows that may be chosen for each topic; none for what is too late by now."""
    async with platform.db.transaction() as tx:
        facts = None
        if appointment_id is not None:
            view = await appointments.own_appointment(
                tx, platform.vault, account_id, appointment_id
            )
            found = await appointments.appointment_facts(tx, appointment_id)
            facts = None if view is None or found is None else found.facts
        offered = windows(tx.now, platform.settings.call_centre_hours)
    return {topic: in_time(offered, topic, facts) for topic in Topic}
