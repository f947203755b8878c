"""The city's list of professional titles (职称)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Title:
    """`name` is the word that timetables and sessions hold; `retired_at`: offered no more."""

    id: int
    name: str
    name_en: str
    retired_at: datetime | None


_TITLE = "SELECT id, name, name_en, retired_at FROM titles"


async def listed(tx: Tx) -> list[Title]:
    """All of them in the city's order."""
    return [Title(*row) for row in await tx.rows(f"{_TITLE} ORDER BY position, id")]


async def is_offered(tx: Tx, name: str) -> bool:
    """Whether a new timetable or session may have it."""
    row = await tx.row("SELECT 1 FROM titles WHERE name = %s AND retired_at IS NULL", (name,))
    return row is not None


async def lock_all(tx: Tx) -> list[Title]:
    """All of them in order; nobody else changes the list until the commit."""
    await tx.do("LOCK TABLE titles IN SHARE ROW EXCLUSIVE MODE")
    return await listed(tx)


async def add(tx: Tx, name: str, name_en: str) -> int:
    """The last of the list; its id."""
    row = await tx.row(
        """
        INSERT INTO titles (name, name_en, position)
        SELECT %s, %s, coalesce(max(position), 0) + 1 FROM titles RETURNING id
        """,
        (name, name_en),
    )
    assert row is not None
    return int(row[0])


async def change(tx: Tx, title_id: int, name_en: str, retired_at: datetime | None) -> None:
    """Its English, and whether it is offered."""
    await tx.do(
        "UPDATE titles SET (name_en, retired_at) = (%s, %s) WHERE id = %s",
        (name_en, retired_at, title_id),
    )


async def put_in_order(tx: Tx, ids: Sequence[int]) -> None:
    """Their positions, from 1 on."""
    await tx.do(
        """
        UPDATE titles t SET position = n.position
        FROM unnest(%s::bigint[]) WITH ORDINALITY n (id, position) WHERE t.id = n.id
        """,
        (list(ids),),
    )
