"""Give a caller's booking up for another place, by the same desk and rules (改约)."""

from __future__ import annotations

from guahao.flows.booking.desk import Desk, DeskRescheduleAnswer
from guahao.flows.booking.rescheduling import ByAgent, RescheduleRequest
from guahao.flows.call_centre.caller_booking import CHANNEL
from guahao.flows.kernel.platform import Platform
from guahao.rules.call_centre.calls import CallRefusal, decide_service
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.staff.staff import Staff
from guahao.store.call_centre import calls


async def reschedule_for_caller(
    platform: Platform,
    desk: Desk,
    by: Staff,
    call_id: int,
    appointment_id: int,
    session_id: int,
    key: str,
    reason: str,
) -> DeskRescheduleAnswer | Refused[CallRefusal]:
    """Reschedule a verified caller's booking, by the patient's own rules and the agent's deadline.

    The desk writes the entry in the audit trail, with the reason, in the transaction of the act.
    """
    why = stated_reason(reason)
    if why is None:
        return Refused(CallRefusal.REASON_NEEDED)
    async with platform.db.transaction() as tx:
        call = await calls.lock_own(tx, by.id, call_id)
        refusal = decide_service(call, tx.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        account_id = call.account_id
    return await desk.reschedule(
        RescheduleRequest(
            Actor("staff", by.id),
            key,
            account_id,
            appointment_id,
            session_id,
            CHANNEL,
            agent=ByAgent(by.who, call_id, why),
        )
    )
