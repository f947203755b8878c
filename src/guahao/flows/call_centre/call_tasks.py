"""Call the patients whom no message reached, first those of stopped clinics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.call_centre.call_tasks import CallOutcome, decide_after_call
from guahao.rules.kernel.outcomes import DONE, Done
from guahao.rules.people.identity import valid_phone
from guahao.rules.staff.staff import Staff
from guahao.store.booking import appointments as appointment_store
from guahao.store.call_centre import call_backs
from guahao.store.call_centre import call_tasks as store
from guahao.store.call_centre import calls as call_store
from guahao.store.call_centre.call_tasks import CallTask
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import VaultError
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.store.messages import messages
from guahao.store.people import accounts, patients

_log = structlog.get_logger("guahao.call_tasks")
SHOWN = 100
UNREADABLE_AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task with its number and its subject, for the agent who claimed it.

    `view`: the booking, if it is about a booking. `landline`: the caller must be verified first.
    """

    task: CallTask
    phone: str
    patient: PatientView
    view: AppointmentView | None
    landline: bool


async def make_call_tasks(platform: Platform) -> int:
    """Make the tasks that are missing and close the needless; return how many were made."""
    async with platform.db.transaction() as tx:
        await store.close_needless(tx)
        await call_backs.close_settled(tx)
        return await store.make(tx)


async def open_tasks(platform: Platform) -> list[CallTask]:
    """Return what waits, the most urgent first."""
    async with platform.db.transaction() as tx:
        await call_backs.close_settled(tx)
        return await store.waiting(tx, SHOWN)


async def claim_task(platform: Platform, by: Staff) -> ClaimedTask | None:
    """Claim the next task for this agent; that its number is shown is in the audit trail."""
    async with acting(platform, by.who) as act:
        await call_backs.close_settled(act.tx)
        while (task := await store.claim_next(act.tx, by.id)) is not None:
            try:
                claimed = await _with_phone(act.tx, platform, task)
            except VaultError:
                # It stays in the list, and does not keep the agents from the tasks behind it.
                _log.error("call_task_unreadable", task_id=task.id, advice="run: guahao audit")
                await store.put_off(act.tx, task.id, act.now + UNREADABLE_AGAIN_AFTER)
                continue
            detail = {"task": task.id, "kind": task.kind}
            await act.record("take_call_task", _subject(task), detail=detail)
            return claimed
    return None


def _subject(task: CallTask) -> tuple[str, int]:
    if task.appointment_id is not None:
        return "appointment", task.appointment_id
    assert task.patient_id is not None
    return "patient", task.patient_id


async def _with_phone(tx: Tx, platform: Platform, task: CallTask) -> ClaimedTask:
    vault, account_id, view = platform.vault, task.account_id, None
    if task.appointment_id is not None:
        ids = [task.appointment_id]
        view = (await appointment_store.appointments_by_id(tx, vault, ids))[task.appointment_id]
        # A patient who has moved since is called at their new phone.
        account_id = await accounts.account_of_appointment(tx, task.appointment_id)
        patient = view.patient
    else:
        assert task.patient_id is not None
        if task.asked_about is not None and account_id is not None:
            asked = (task.asked_about, account_id)
            shown = await appointment_store.appointments_shown(tx, vault, [asked])
            view = shown.get(task.asked_about)  # none where the patient has moved since
        patient = (await patients.by_id(tx, vault, [task.patient_id]))[task.patient_id]
    phone = "" if account_id is None else await accounts.phone_of(tx, vault, account_id) or ""
    return ClaimedTask(task, phone, patient, view, landline=bool(phone) and not valid_phone(phone))


async def confirm_answerer(platform: Platform, by: Staff, task_id: int) -> ClaimedTask | None:
    """Record that the patient or their family answers; only now is it shown what to speak of.

    None where the task is no longer this agent's.
    """
    async with acting(platform, by.who) as act:
        task = await store.lock_claimed(act.tx, task_id, by.id)
        if task is None:
            return None
        claimed = await _with_phone(act.tx, platform, task)
        detail = {"task": task.id}
        await act.record("confirm_answerer", _subject(task), detail=detail)
    return claimed


async def call_for_task(platform: Platform, by: Staff, task_id: int) -> int | None:
    """Open a call for a task that this agent holds, to verify the person who answers.

    None where the task is no longer this agent's, or has no account.
    """
    async with acting(platform, by.who) as act:
        task = await store.lock_claimed(act.tx, task_id, by.id)
        if task is None:
            return None
        account_id = task.account_id
        if task.appointment_id is not None:
            account_id = await accounts.account_of_appointment(act.tx, task.appointment_id)
        if account_id is None:
            return None
        call_id = await call_store.begin(act.tx, by.id, account_id)
        detail = {"call": call_id, "task": task.id}
        subject = ("account", account_id)
        await act.record("begin_call", subject, detail=detail)
    return call_id


async def finish_task(
    platform: Platform, by: Staff, task_id: int, outcome: CallOutcome
) -> Done | None:
    """Record what came of a call; None where the task is no longer this agent's."""
    async with acting(platform, by.who) as act:
        task = await store.lock_claimed(act.tx, task_id, by.id)
        if task is None:
            return None
        match decide_after_call(outcome, task.tries):
            case timedelta() as pause:
                await store.try_later(act.tx, task.id, act.now + pause)
            case word:
                await store.close(act.tx, task.id, word)
                if (task.kind, word) == ("call_back", "given_up"):
                    assert task.account_id is not None
                    assert task.patient_id is not None
                    await messages.notify_account(
                        act.tx, "call_back_missed", task.account_id, task.patient_id
                    )
        await act.record(
            "finish_call_task",
            _subject(task),
            detail={"task": task.id, "outcome": outcome.value},
        )
    return DONE
