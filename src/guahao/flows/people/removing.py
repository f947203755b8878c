"""Remove a patient from an account, by its owner: the person's record stays (RULES.md)."""

from __future__ import annotations

from enum import StrEnum

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import SYSTEM
from guahao.store.kernel.views import PatientView
from guahao.store.people import accounts, persons


class RemoveRefusal(StrEnum):
    """Why a patient stays on the account, in order of precedence."""

    NOT_YOURS = "not_your_patient"
    LIVE_BOOKING = "patient_has_booking"
    SUSPENDED = "patient_suspended_stays"


async def remove_patient(
    platform: Platform, account_id: int, patient_id: int
) -> PatientView | RemoveRefusal:
    """Take a person off an account that has no live booking and no suspension of theirs."""
    async with acting(platform, SYSTEM) as act:
        await accounts.lock_accounts(act.tx, [account_id])
        person = await persons.lock(act.tx, platform.vault, patient_id)
        if person is None or person.account_id != account_id:
            return RemoveRefusal.NOT_YOURS
        if person.live_bookings:
            return RemoveRefusal.LIVE_BOOKING
        if await persons.is_suspended(act.tx, patient_id, act.now.date()):
            return RemoveRefusal.SUSPENDED
        await persons.take_off_account(act.tx, patient_id)
        await act.record(
            "remove_patient",
            ("patient", patient_id),
            detail={"account": account_id},
        )
    return person.patient
