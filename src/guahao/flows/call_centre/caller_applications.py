"""Apply for places for a verified caller, list and withdraw their applications (FAIRNESS)."""

from __future__ import annotations

from guahao.flows.call_centre.caller_booking import CHANNEL
from guahao.flows.fairness import applications as flows
from guahao.flows.fairness.applications import ApplicationRequest
from guahao.flows.kernel.platform import Platform
from guahao.rules.call_centre.calls import CallRefusal, decide_service
from guahao.rules.fairness.applying import ApplicationRefusal, Wishes, WithdrawRefusal
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.staff.staff import Staff
from guahao.store.call_centre import calls as call_store
from guahao.store.fairness.applications import ApplicationView
from guahao.store.people import patients as patient_store


async def apply_for_caller(
    platform: Platform,
    by: Staff,
    call_id: int,
    key: str,
    patient_ids: tuple[int, ...],
    department_id: int,
    wishes: Wishes,
) -> ApplicationView | Refused[ApplicationRefusal] | Refused[CallRefusal] | KeyMismatch:
    """Apply for one or two patients of a verified caller."""
    account_id = await _account_of_call(platform, by, call_id)
    if isinstance(account_id, Refused):
        return account_id
    async with platform.db.transaction() as tx:
        own = {p.id for p in await patient_store.of_account(tx, platform.vault, account_id)}
    if not patient_ids or not own.issuperset(patient_ids):
        return Refused(CallRefusal.UNKNOWN_PATIENT)
    return await flows.apply(
        platform,
        ApplicationRequest(
            Actor("staff", by.id),
            key,
            patient_ids,
            department_id,
            wishes,
            CHANNEL,
            by.who,
            {"call": call_id},
        ),
    )


async def withdraw_for_caller(
    platform: Platform, by: Staff, call_id: int, application_id: int, reason: str
) -> ApplicationView | Refused[WithdrawRefusal] | Refused[CallRefusal]:
    """Withdraw an application of a verified caller."""
    account_id = await _account_of_call(platform, by, call_id)
    if isinstance(account_id, Refused):
        return account_id
    detail = {"call": call_id}
    return await flows.withdraw(platform, account_id, application_id, by.who, detail, reason)


async def _account_of_call(
    platform: Platform, by: Staff, call_id: int
) -> int | Refused[CallRefusal]:
    async with platform.db.transaction() as tx:
        call = await call_store.lock_own(tx, by.id, call_id)
        refusal = decide_service(call, tx.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        return call.account_id
