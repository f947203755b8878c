"""The directory by id, for those who hold only a reference to a department."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guahao.store.db import Tx
from guahao.store.directory import escaped


@dataclass(frozen=True, slots=True)
class BookableDepartment:
    """A department on the platform that has none below it; `parent_name` may be empty."""

    id: int
    name: str
    name_en: str
    parent_name: str
    hospital_id: int
    hospital_name: str


_COLUMNS = """
    SELECT d.id, d.name, d.name_en, coalesce(parent.name, ''), h.id, h.name
    FROM departments d
    LEFT JOIN departments parent ON parent.id = d.parent_id
    JOIN hospitals h ON h.id = d.hospital_id
    WHERE d.on_platform AND NOT EXISTS (SELECT FROM departments c WHERE c.parent_id = d.id)
"""


async def departments_by_id(tx: Tx, ids: Sequence[int]) -> list[BookableDepartment]:
    """Those of these ids that can be booked, by id."""
    rows = await tx.rows(f"{_COLUMNS} AND d.id = ANY(%s::bigint[]) ORDER BY d.id", (list(ids),))
    return [BookableDepartment(*row) for row in rows]


async def bookable_departments(
    tx: Tx, hospital_id: int | None, name: str | None, after: int, limit: int
) -> list[BookableDepartment]:
    """Departments with an id above `after`, by id; `name` is a part of the name."""
    pattern = None if name is None else f"%{escaped(name)}%"
    rows = await tx.rows(
        f"""
        {_COLUMNS}
          AND d.hospital_id = coalesce(%s, d.hospital_id) AND d.id > %s
          AND (%s::text IS NULL OR d.name ILIKE %s OR d.name_en ILIKE %s)
        ORDER BY d.id LIMIT %s
        """,
        (hospital_id, after, pattern, pattern, pattern, limit),
    )
    return [BookableDepartment(*row) for row in rows]
