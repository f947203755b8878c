"""Proofs of work that were handed in: each serves once."""

from __future__ import annotations

from datetime import datetime

from guahao.store.kernel.db import Tx


async def use(tx: Tx, proof: bytes, expires_at: datetime) -> bool:
    """Use a proof up; return whether it was unused. `proof` is an HMAC of its challenge.

    Another use of the same proof at the same time waits here until this transaction ends.
    """
    used = await tx.do(
        "INSERT INTO used_proofs (proof, expires_at) VALUES (%(proof)s, %(expires_at)s)"
        " ON CONFLICT DO NOTHING",
        {"proof": proof, "expires_at": expires_at},
    )
    return used == 1


async def give_back(tx: Tx, proof: bytes) -> None:
    """Release a proof that served nothing after all."""
    await tx.do("DELETE FROM used_proofs WHERE proof = %(proof)s", {"proof": proof})


async def purge(tx: Tx) -> int:
    """Delete proofs whose challenge has expired; return how many."""
    return await tx.do("DELETE FROM used_proofs WHERE expires_at <= %(now)s", {"now": tx.now})
