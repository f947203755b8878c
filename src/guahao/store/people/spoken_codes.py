"""One-time codes that a person reads out to staff: of a call, or of a request to move.

Both tables have the same columns for them; a row has one code at a time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from guahao.store.kernel.db import Tx

Table = Literal["calls", "moves"]


async def set_code(
    tx: Tx, table: Table, id: int, code_index: bytes, tries: int, expires_at: datetime
) -> None:
    """Store the row's new code; it replaces an earlier code."""
    await tx.do(
        f"""
        UPDATE {table} SET code_index = %(code_index)s, code_tries_left = %(tries)s,
               code_expires_at = %(expires_at)s, codes_sent = codes_sent + 1
        WHERE id = %(id)s
        """,
        {"code_index": code_index, "tries": tries, "expires_at": expires_at, "id": id},
    )


async def take_try(tx: Tx, table: Table, id: int) -> bytes | None:
    """Take one try from the row's live code; None where none is left."""
    row = await tx.row(
        f"""
        UPDATE {table} SET code_tries_left = code_tries_left - 1
        WHERE id = %(id)s AND code_expires_at > %(now)s AND code_tries_left > 0
        RETURNING code_index
        """,
        {"id": id, "now": tx.now},
    )
    return None if row is None else bytes(row[0])
