"""The directory by id, for those who hold only a reference to a department."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guahao.store.hospitals.directory import escaped
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class BookableDepartment:
    """A department on the platform that has none below it; `parent_name` may be empty."""

    id: int
    name: str
    name_en: str
    parent_name: str
    hospital_id: int
    hospital_name: str
    hospital_name_en: str = ""
    code: str = ""
    parent_name_en: str = ""
    hospital_notice: str = ""
    hospital_notice_en: str = ""


_COLUMNS = """
    SELECT d.id, d.name, d.name_en, coalesce(parent.name, '') AS parent_name,
           h.id AS hospital_id, h.name AS hospital_name, h.name_en AS hospital_name_en,
           d.code, coalesce(parent.name_en, '') AS parent_name_en, h.notice AS hospital_notice,
           h.notice_en AS hospital_notice_en
    FROM departments d
    LEFT JOIN departments parent ON parent.id = d.parent_id
    JOIN hospitals h ON h.id = d.hospital_id
    WHERE d.on_platform AND NOT EXISTS (SELECT FROM departments c WHERE c.parent_id = d.id)
"""


async def departments_by_id(tx: Tx, ids: Sequence[int]) -> list[BookableDepartment]:
    """Return those of these ids that can be booked, by id."""
    return await tx.records(
        BookableDepartment,
        f"{_COLUMNS} AND d.id = ANY(%(ids)s::bigint[]) ORDER BY d.id",
        {"ids": list(ids)},
    )


@dataclass(frozen=True, slots=True)
class DepartmentsAsked:
    """Which departments: each field narrows, None does not; `names` are parts of the name."""

    ids: Sequence[int] | None = None
    hospital_ids: Sequence[int] | None = None
    names: Sequence[str] = ()


_ASKED = """
    AND (%(ids)s::bigint[] IS NULL OR d.id = ANY(%(ids)s))
    AND (%(hospital_ids)s::bigint[] IS NULL OR d.hospital_id = ANY(%(hospital_ids)s))
    AND NOT EXISTS (SELECT FROM unnest(%(names)s::text[]) part
                    WHERE d.name NOT ILIKE part AND d.name_en NOT ILIKE part)
"""


async def bookable_departments(
    tx: Tx, asked: DepartmentsAsked, after: int, limit: int
) -> list[BookableDepartment]:
    """Return those of these departments whose id is above `after`, by id."""
    return await tx.records(
        BookableDepartment,
        f"{_COLUMNS} {_ASKED} AND d.id > %(after)s ORDER BY d.id LIMIT %(limit)s",
        {**_params(asked), "after": after, "limit": limit},
    )


async def count_departments(tx: Tx, asked: DepartmentsAsked) -> int:
    """Count them on all pages."""
    row = await tx.row(f"SELECT count(*) FROM ({_COLUMNS} {_ASKED}) found", _params(asked))
    assert row is not None
    return int(row[0])


def _params(asked: DepartmentsAsked) -> dict[str, Any]:
    return {
        "ids": None if asked.ids is None else list(asked.ids),
        "hospital_ids": None if asked.hospital_ids is None else list(asked.hospital_ids),
        "names": [f"%{escaped(name)}%" for name in asked.names],
    }
