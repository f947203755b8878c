"""Remove a patient from an account, by its owner: the person's record stays (RULES.md)."""

from __future__ import annotations

from guahao.flows.fairness.applications import end_of_patients
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.removing import RemoveFacts, RemoveRefusal, decide_removal
from guahao.rules.staff.staff import SYSTEM
from guahao.store.kernel.views import PatientView
from guahao.store.people import accounts, persons


async def remove_patient(
    platform: Platform, account_id: int, patient_id: int
) -> PatientView | Refused[RemoveRefusal]:
    """Take a person off an account that has no live booking and no suspension of theirs."""
    async with acting(platform, SYSTEM) as act:
        await accounts.lock_accounts(act.tx, [account_id])
        person = await persons.lock(act.tx, platform.vault, patient_id)
        is_own = person is not None and person.account_id == account_id
        facts = RemoveFacts(
            is_own=is_own,
            live_bookings=person.live_bookings if person else 0,
            suspended_until=person.patient.suspended_until if person else None,
        )
        refusal = decide_removal(facts, act.now.date())
        if refusal is not None:
            return Refused(refusal)
        assert person is not None
        await persons.take_off_account(act.tx, patient_id)
        await end_of_patients(act.tx, [patient_id])
        await act.record(
            "remove_patient",
            ("patient", patient_id),
            detail={"account": account_id},
        )
    return person.patient
