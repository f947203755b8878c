"""The owner's own export and erasure, proven by the document number of one of the patients."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.records import Erased, OfAccount, erase, export
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.documents import canonical_person
from guahao.rules.people.own_data import (
    ErasureRefusal,
    ProofRefusal,
    decide_own_export,
    decide_proof,
)
from guahao.rules.staff.staff import Who
from guahao.store.kernel import throttle
from guahao.store.people import patients

_DAY = 86400
_OWNER = Who("system", 0, "account owner")
_LONGEST_NUMBER = 60


async def own_export(
    platform: Platform, account_id: int, id_no: str
) -> dict[str, Any] | Refused[ProofRefusal]:
    """Return a copy of the account's data, a few times a day."""
    refusal = await _refusal(platform, account_id, id_no)
    if refusal is not None:
        return Refused(refusal)
    async with platform.db.transaction() as tx:
        subject = platform.vault.index("throttle", f"account {account_id}")
        refusal = decide_own_export(await throttle.hit(tx, "own_export", subject, _DAY))
        if refusal is not None:
            return Refused(refusal)
    data = await export(platform, OfAccount(account_id), _OWNER)
    return Refused(ProofRefusal.UNKNOWN) if data is None else data


async def own_erase(
    platform: Platform, account_id: int, id_no: str
) -> Erased | Refused[ErasureRefusal | ProofRefusal]:
    """Erase the account's data as its owner asks."""
    refusal = await _refusal(platform, account_id, id_no)
    if refusal is not None:
        return Refused(refusal)
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
        tries = await throttle.hit(tx, "own_data_proof", subject, _DAY)
        given = canonical_person(id_no[:_LONGEST_NUMBER]).encode()
        proven = [compare_digest(given, canonical_person(p.id_no).encode()) for p in own]
        refusal = decide_proof(tries, right=any(proven))
        if refusal is None:
            await throttle.forgive(tx, "own_data_proof", subject, _DAY)
    return refusal
