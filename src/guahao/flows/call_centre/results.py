"""Recording what came of a call, by the agent who had it."""

from __future__ import annotations

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.call_centre.results import (
    CallResult,
    NotBookedFor,
    ResultGiven,
    ResultRefusal,
    decide_result,
    decide_without_account,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.staff import Staff
from guahao.store.call_centre import results as store
from guahao.store.call_centre.results import AgentCall

CALLS_LISTED = 10
CALLS_LISTED_MAX = 500  # more than an agent has in a day


async def recent_calls(platform: Platform, by: Staff, limit: int) -> list[AgentCall]:
    """Return the agent's own latest calls, also of callers who are not registered."""
    async with platform.db.transaction() as tx:
        return await store.recent(tx, by.id, limit)


async def call_of_agent(platform: Platform, by: Staff, call_id: int) -> AgentCall | None:
    """Return this agent's call with its note, whether it goes on or not; None for any other."""
    async with platform.db.transaction() as tx:
        return await store.lock_own(tx, platform.vault, by.id, call_id)


async def save_result(
    platform: Platform, by: Staff, call_id: int, given: ResultGiven
) -> Done | Refused[ResultRefusal]:
    """Save or correct what came of a call, and end it.

    The trail holds the result, and what it was before; never the note.
    """
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, platform.vault, by.id, call_id)
        has_account = call is not None and call.account_id is not None
        refusal = decide_result(call, given, act.now, has_account=has_account)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        await store.save_result(act.tx, platform.vault, call_id, given)
        detail: dict[str, object] = {"call": call_id}
        after = _recorded(given.result, given.not_booked_for)
        if call.result is None:
            detail |= after
        else:
            before = _recorded(call.result, call.not_booked_for)
            detail |= {"before": before, "after": after}
        account = None if call.account_id is None else ("account", call.account_id)
        await act.record("record_call_result", account, detail=detail)
    return DONE


async def save_without_account(
    platform: Platform, by: Staff, given: ResultGiven
) -> Done | Refused[ResultRefusal]:
    """Save what came of a call of somebody who is not registered; the trail holds it, too."""
    async with acting(platform, by.who) as act:
        refusal = decide_without_account(given)
        if refusal is not None:
            return Refused(refusal)
        call_id = await store.save_without_account(act.tx, by.id, given)
        detail = {"call": call_id} | _recorded(given.result, given.not_booked_for)
        await act.record("record_call_result", detail=detail)
    return DONE


def _recorded(result: CallResult, not_booked_for: NotBookedFor | None) -> dict[str, object]:
    if not_booked_for is None:
        return {"outcome": result.value}
    return {"outcome": result.value, "not_booked_for": not_booked_for.value}
