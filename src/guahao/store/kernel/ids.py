"""Reserve ids before rows are written, because encrypted values are bound to their row."""

from __future__ import annotations

from guahao.store.kernel.db import Tx


async def next_id(tx: Tx, table: str) -> int:
    """Return the next id of a table's identity column `id`."""
    row = await tx.row("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", (table,))
    if row is None:
        raise LookupError(table)
    return int(row[0])
