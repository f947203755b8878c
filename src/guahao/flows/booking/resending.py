"""Send the SMS with the identification code again, at the patient's own request (S10)."""

from __future__ import annotations

from datetime import datetime

from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.resending import ResendRefusal, decide_own_resend
from guahao.rules.kernel.outcomes import Refused
from guahao.store.booking import appointments
from guahao.store.kernel import throttle
from guahao.store.messages import messages

_HOUR = 3600


async def resend(
    platform: Platform, account_id: int, appointment_id: int
) -> datetime | Refused[ResendRefusal]:
    """Send a booking's SMS again to the account's phone, and return when.

    Counted together with what agents send again, so that nobody's phone is flooded.
    """
    async with platform.db.transaction() as tx:
        locked = await appointments.lock_appointment(tx, appointment_id, account_id)
        if locked is None:
            return Refused(ResendRefusal.UNKNOWN)
        facts = locked.facts
        until = pickup_deadline(facts.visit_date, facts.period, facts.rules)
        refusal = decide_own_resend(facts.status, until, 0, tx.now)
        if refusal is None:
            subject = platform.vault.index("throttle", f"resend {appointment_id}")
            resent = await throttle.hit(tx, "resend", subject, _HOUR)
            refusal = decide_own_resend(facts.status, until, resent, tx.now)
        if refusal is not None:
            return Refused(refusal)
        await messages.notify(tx, "booked", [appointment_id])
        return tx.now
