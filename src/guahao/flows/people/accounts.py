"""What an account holds (S2, S3). How its phone is proven: flows/people."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import Caller
from guahao.store.kernel.views import PatientView
from guahao.store.people import accounts as store
from guahao.store.people import patients

__all__ = ["AccountView", "Caller", "account"]


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account for its owner's eyes: the phone as +86 and eleven digits, in the clear."""

    id: int
    phone: str
    patients: list[PatientView]


async def account(platform: Platform, account_id: int) -> AccountView | None:
    """Return an account with its patients, or None where there is no such account."""
    async with platform.db.transaction() as tx:
        phone = await store.phone_of(tx, platform.vault, account_id)
        if not phone:
            return None
        own = await patients.of_account(tx, platform.vault, account_id)
        return AccountView(account_id, phone, own)
