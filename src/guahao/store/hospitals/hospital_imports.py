"""Files of hospitals between their upload and their being applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class HospitalImport:
    """An uploaded file; `content` None once it was applied."""

    id: int
    filename: str
    at: datetime
    content: bytes | None
    include_hidden: bool


async def add(tx: Tx, staff_id: int, filename: str, content: bytes, *, include_hidden: bool) -> int:
    """Keep a file in the place of the same person's earlier one that was left; its id."""
    await tx.do(
        "DELETE FROM hospital_imports WHERE staff_id = %s AND applied_at IS NULL", (staff_id,)
    )
    row = await tx.row(
        "INSERT INTO hospital_imports (staff_id, filename, at, content, include_hidden)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (staff_id, filename, tx.now, content, include_hidden),
    )
    assert row is not None
    return int(row[0])


async def one(
    tx: Tx, staff_id: int, import_id: int, *, lock: bool = False
) -> HospitalImport | None:
    """The person's own file, or None."""
    row = await tx.row(
        "SELECT id, filename, at, content, include_hidden FROM hospital_imports"
        " WHERE id = %s AND staff_id = %s" + (" FOR UPDATE" if lock else ""),
        (import_id, staff_id),
    )
    if row is None:
        return None
    content = None if row[3] is None else bytes(row[3])
    return HospitalImport(row[0], row[1], row[2], content, row[4])


async def note_applied(tx: Tx, import_id: int) -> None:
    """The file goes."""
    await tx.do(
        "UPDATE hospital_imports SET content = NULL, applied_at = %s WHERE id = %s",
        (tx.now, import_id),
    )
