"""Remove a patient from an account, by its owner: the person's record stays (RULES.md)."""

from __future__ import annotations

from enum import StrEnum

from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import SYSTEM
from guahao.store.kernel.views import PatientView
from guahao.store.people import accounts, persons
from guahao.store.staff import trail


class RemoveRefusal(StrEnum):
    """Why a patient stays on the account, in order of precedence."""

    NOT_YOURS = "not_your_patient"
    LIVE_BOOKING = "patient_has_booking"
    SUSPENDED = "patient_suspended_stays"


async def remove_patient(
    platform: Platform, account_id: int, patient_id: int
) -> PatientView | RemoveRefusal:
    """Take a person off an account that has no live booking and no suspension of theirs."""
    async with platform.db.transaction() as tx:
        await accounts.lock_accounts(tx, [account_id])
        person = await persons.lock(tx, platform.vault, patient_id)
        if person is None or person.account_id != account_id:
            return RemoveRefusal.NOT_YOURS
        if person.live_bookings:
            return RemoveRefusal.LIVE_BOOKING
        if await persons.is_suspended(tx, patient_id, tx.now.date()):
            return RemoveRefusal.SUSPENDED
        await persons.take_off_account(tx, patient_id)
        await trail.record(
            tx,
            platform.vault,
            SYSTEM,
            "remove_patient",
            ("patient", patient_id),
            detail={"account": account_id},
        )
    return person.patient
