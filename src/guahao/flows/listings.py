"""Departments by id or page by page, for programs that follow references."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.flows.platform import Platform
from guahao.store import listings
from guahao.store.listings import BookableDepartment


async def departments_by_id(platform: Platform, ids: Sequence[int]) -> list[BookableDepartment]:
    """Those of these ids that can be booked, by id."""
    async with platform.db.transaction() as tx:
        return await listings.departments_by_id(tx, ids)


async def page_of_departments(
    platform: Platform, hospital_id: int | None, name: str | None, cursor: int | None, limit: int
) -> tuple[list[BookableDepartment], int | None]:
    """One page in order of id, and the next page's cursor, None on the last."""
    async with platform.db.transaction() as tx:
        found = await listings.bookable_departments(tx, hospital_id, name, cursor or 0, limit + 1)
    page = found[:limit]
    return page, page[-1].id if len(found) > limit else None
