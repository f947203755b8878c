"""The city's list of professional titles (职称)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guahao.rules.hospitals.titles import Title
from guahao.store.kernel.db import Tx

_TITLE = "SELECT id, name, name_en, retired_at FROM titles"


async def listed(tx: Tx) -> list[Title]:
    """Return all titles in the city's order."""
    return await tx.records(Title, f"{_TITLE} ORDER BY position, id")


async def is_offered(tx: Tx, name: str) -> bool:
    """Return whether forms offer the title for a new timetable or session."""
    row = await tx.row(
        "SELECT FROM titles WHERE name = %(name)s AND retired_at IS NULL", {"name": name}
    )
    return row is not None


async def lock_all(tx: Tx) -> list[Title]:
    """Return all titles in order; nobody else changes the list until the commit."""
    await tx.do("LOCK TABLE titles IN SHARE ROW EXCLUSIVE MODE")
    return await listed(tx)


async def add(tx: Tx, name: str, name_en: str) -> int:
    """Add a title at the end of the list; return its id."""
    row = await tx.row(
        """
        INSERT INTO titles (name, name_en, position)
        SELECT %(name)s, %(name_en)s, coalesce(max(position), 0) + 1 FROM titles RETURNING id
        """,
        {"name": name, "name_en": name_en},
    )
    assert row is not None
    return int(row[0])


async def change(tx: Tx, title_id: int, name_en: str, retired_at: datetime | None) -> None:
    """Set the English name, and whether the title is offered."""
    await tx.do(
        "UPDATE titles SET name_en = %(name_en)s, retired_at = %(retired_at)s WHERE id = %(id)s",
        {"name_en": name_en, "retired_at": retired_at, "id": title_id},
    )


async def put_in_order(tx: Tx, ids: Sequence[int]) -> None:
    """Number the titles in this order, from 1 on."""
    await tx.do(
        """
        UPDATE titles t SET position = n.position
        FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY n (id, position) WHERE t.id = n.id
        """,
        {"ids": list(ids)},
    )
