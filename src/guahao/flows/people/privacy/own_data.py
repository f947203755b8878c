"""The owner's own export and erasure, proven by the document number of one of the patients."""

from __future__ import annotations

from enum import StrEnum
from hmac import compare_digest
from typing import Any

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.records import Erased, ErasureRefusal, OfAccount, erase, export
from guahao.rules.people.documents import canonical_person
from guahao.rules.staff.staff import Who
from guahao.store.kernel import throttle
from guahao.store.people import patients

TRIES_A_DAY = 5
EXPORTS_A_DAY = 5
_DAY = 86400
_OWNER = Who("system", 0, "account owner")
_LONGEST_NUMBER = 60


class ProofRefusal(StrEnum):
    """Why the owner's data is neither copied nor erased."""

    WRONG = "own_data_wrong"
    TOO_OFTEN = "own_data_too_often"


async def own_export(
    platform: Platform, account_id: int, id_no: str
) -> dict[str, Any] | ProofRefusal | None:
    """Return a copy of the account's data, a few times a day; None where it is gone."""
    refusal = await _refusal(platform, account_id, id_no)
    if refusal is not None:
        return refusal
    async with platform.db.transaction() as tx:
        subject = platform.vault.index("throttle", f"account {account_id}")
        if await throttle.hit(tx, "own_export", subject, _DAY) > EXPORTS_A_DAY:
            return ProofRefusal.TOO_OFTEN
    return await export(platform, OfAccount(account_id), _OWNER)


async def own_erase(
    platform: Platform, account_id: int, id_no: str
) -> Erased | ErasureRefusal | ProofRefusal:
    """Erase the account's data as its owner asks."""
    refusal = await _refusal(platform, account_id, id_no)
    if refusal is not None:
        return refusal
    reason = "asked for by the account's owner"
    return await erase(platform, OfAccount(account_id), _OWNER, reason)


async def _refusal(platform: Platform, account_id: int, id_no: str) -> ProofRefusal | None:
    """Return why the number proves nothing; an account without patients needs no proof."""
    async with platform.db.transaction() as tx:
        own = await patients.of_account(tx, platform.vault, account_id)
        if not own:
            return None
        subject = platform.vault.index("throttle", f"account {account_id}")
        # Counted before comparing, and in a transaction that stays: a refusal counts, too.
        if await throttle.hit(tx, "own_data_proof", subject, _DAY) > TRIES_A_DAY:
            return ProofRefusal.TOO_OFTEN
        given = canonical_person(id_no[:_LONGEST_NUMBER]).encode()
        proven = [compare_digest(given, canonical_person(p.id_no).encode()) for p in own]
        if not any(proven):
            return ProofRefusal.WRONG
        await throttle.forgive(tx, "own_data_proof", subject, _DAY)
    return None
