"""Calling the patients whom no message reached, first of all those whose clinic is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from guahao.flows.platform import Platform
from guahao.rules.staff import Staff
from guahao.store import accounts, trail
from guahao.store import appointments as appointment_store
from guahao.store import call_tasks as store
from guahao.store.call_tasks import CallTask
from guahao.store.db import Tx
from guahao.store.views import AppointmentView

SHOWN = 100
TRIES_MAX = 4
AGAIN_AFTER = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=2))


class CallOutcome(StrEnum):
    """What came of a call."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    WRONG_NUMBER = "wrong_number"
    NO_NEED = "no_need"


@dataclass(frozen=True, slots=True)
class TakenTask:
    """A task with the number to call and the booking to speak of, for the agent who took it."""

    task: CallTask
    phone: str
    view: AppointmentView


async def make_call_tasks(platform: Platform) -> int:
    """Make the tasks that are missing and close those that nobody needs; how many were made."""
    async with platform.db.transaction() as tx:
        await store.close_needless(tx)
        return await store.make(tx)


async def open_tasks(platform: Platform) -> list[CallTask]:
    """What waits, the most urgent first."""
    async with platform.db.transaction() as tx:
        return await store.waiting(tx, SHOWN)


async def take_task(platform: Platform, by: Staff) -> TakenTask | None:
    """The next task, held for this agent; the number is shown, which the trail records."""
    async with platform.db.transaction() as tx:
        task = await store.take_next(tx, by.id)
        if task is None:
            return None
        taken = await _with_phone(tx, platform, task)
        detail = {"task": task.id, "kind": task.kind}
        subject = ("appointment", task.appointment_id)
        await trail.record(tx, platform.vault, by.who, "take_call_task", subject, detail=detail)
    return taken


async def _with_phone(tx: Tx, platform: Platform, task: CallTask) -> TakenTask:
    found = await appointment_store.appointments_by_id(tx, platform.vault, [task.appointment_id])
    account_id = await accounts.account_of_appointment(tx, task.appointment_id)
    phone = (
        "" if account_id is None else await accounts.phone_of(tx, platform.vault, account_id) or ""
    )
    return TakenTask(task, phone, found[task.appointment_id])


async def finish_task(platform: Platform, by: Staff, task_id: int, outcome: CallOutcome) -> bool:
    """Note what came of it; False where the task is no longer this agent's.

    Not reached: again after half an hour, then two hours, at most four times.
    """
    async with platform.db.transaction() as tx:
        task = await store.lock_taken(tx, task_id, by.id)
        if task is None:
            return False
        if outcome is not CallOutcome.NOT_REACHED:
            await store.close(tx, task.id, outcome.value)
        elif task.tries + 1 >= TRIES_MAX:
            await store.close(tx, task.id, "given_up")
        else:
            await store.try_later(tx, task.id, tx.now + AGAIN_AFTER[task.tries])
        await trail.record(
            tx,
            platform.vault,
            by.who,
            "finish_call_task",
            ("appointment", task.appointment_id),
            detail={"task": task.id, "outcome": outcome.value},
        )
    return True
