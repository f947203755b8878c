"""The demo's members of staff; demo mode only."""

from __future__ import annotations

from guahao.store.kernel.db import Tx


async def first_hospitals(tx: Tx, count: int) -> list[int]:
    """Return the ids of the city's first hospitals."""
    rows = await tx.rows("SELECT id FROM hospitals ORDER BY id LIMIT %(count)s", {"count": count})
    return [id for (id,) in rows]


async def forget_codes_to_come(tx: Tx, step: int) -> None:
    """Let codes be used again that were used before the demo's clock began anew."""
    await tx.do(
        "UPDATE staff SET totp_last_step = 0, failed_log_ins = 0, locked_until = NULL"
        " WHERE totp_last_step >= %(step)s",
        {"step": step},
    )
