"""Files of hospitals and of search terms between their upload and their being applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from guahao.store.kernel.db import Tx

Table = Literal["hospital_imports", "search_term_imports"]


@dataclass(frozen=True, slots=True)
class FileImport:
    """An uploaded file; `content` None once it was applied."""

    id: int
    filename: str
    at: datetime
    content: bytes | None
    include_hidden: bool


async def add(
    tx: Tx, table: Table, staff_id: int, filename: str, content: bytes, *, include_hidden: bool
) -> int:
    """Save a file in place of the same person's earlier unapplied one; return its id."""
    await tx.do(
        f"DELETE FROM {table} WHERE staff_id = %(staff_id)s AND applied_at IS NULL",
        {"staff_id": staff_id},
    )
    row = await tx.row(
        f"""
        INSERT INTO {table} (staff_id, filename, at, content, include_hidden)
        VALUES (%(staff_id)s, %(filename)s, %(at)s, %(content)s, %(include_hidden)s)
        RETURNING id
        """,
        {
            "staff_id": staff_id,
            "filename": filename,
            "at": tx.now,
            "content": content,
            "include_hidden": include_hidden,
        },
    )
    assert row is not None
    return int(row[0])


async def one(
    tx: Tx, table: Table, staff_id: int, import_id: int, *, lock: bool = False
) -> FileImport | None:
    """Return the person's own file, or None."""
    return await tx.record(
        FileImport,
        f"""
        SELECT id, filename, at, content, include_hidden FROM {table}
        WHERE id = %(id)s AND staff_id = %(staff_id)s {"FOR UPDATE" if lock else ""}
        """,
        {"id": import_id, "staff_id": staff_id},
    )


async def note_applied(tx: Tx, table: Table, import_id: int) -> None:
    """Record that a file was applied, and delete its content."""
    await tx.do(
        f"UPDATE {table} SET content = NULL, applied_at = %(at)s WHERE id = %(id)s",
        {"id": import_id, "at": tx.now},
    )
