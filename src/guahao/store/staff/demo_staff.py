"""The demo's members of staff; demo mode only."""

from __future__ import annotations

from guahao.store.kernel.db import Tx


async def first_hospitals(tx: Tx, count: int) -> list[int]:
    """The ids of the first hospitals of the city."""
    rows = await tx.rows("SELECT id FROM hospitals ORDER BY id LIMIT %s", (count,))
    return [row[0] for row in rows]


async def forget_codes_to_come(tx: Tx, step: int) -> None:
    """Where the demo's clock begins anew: codes used since then may be used again."""
    await tx.do(
        "UPDATE staff SET totp_last_step = 0, failed_log_ins = 0, locked_until = NULL"
        " WHERE totp_last_step >= %s",
        (step,),
    )
