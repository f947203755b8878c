"""Recording what came of a call, by the agent who had it."""

from __future__ import annotations

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.call_centre.results import (
    ResultGiven,
    ResultRefusal,
    decide_result,
    decide_without_account,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.staff import Staff
from guahao.store.call_centre import calls as call_store
from guahao.store.call_centre import results as store
from guahao.store.call_centre.calls import Call


async def call_of_agent(platform: Platform, by: Staff, call_id: int) -> Call | None:
    """Return this agent's call, whether it goes on or not; None for any other."""
    async with platform.db.transaction() as tx:
        return await call_store.lock_own(tx, by.id, call_id)


async def save_result(
    platform: Platform, by: Staff, call_id: int, given: ResultGiven
) -> Done | Refused[ResultRefusal]:
    """Save what came of a call, and end it; the trail holds the result, never the note."""
    async with acting(platform, by.who) as act:
        call = await call_store.lock_own(act.tx, by.id, call_id)
        refusal = decide_result(call, given, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        await store.save_result(act.tx, platform.vault, call_id, given)
        detail = {"call": call_id, "outcome": given.result.value}
        if given.not_booked_for is not None:
            detail["not_booked_for"] = given.not_booked_for.value
        await act.record("record_call_result", ("account", call.account_id), detail=detail)
    return DONE


async def save_without_account(
    platform: Platform, by: Staff, given: ResultGiven
) -> Done | Refused[ResultRefusal]:
    """Save what came of a call of somebody who is not registered; the trail holds it, too."""
    async with acting(platform, by.who) as act:
        refusal = decide_without_account(given)
        if refusal is not None:
            return Refused(refusal)
        await store.save_without_account(act.tx, by.id, given)
        detail = {"outcome": given.result.value}
        if given.not_booked_for is not None:
            detail["not_booked_for"] = given.not_booked_for.value
        await act.record("record_call_result", detail=detail)
    return DONE
