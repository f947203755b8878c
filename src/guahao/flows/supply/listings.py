"""Departments by id or page by page, for programs that follow references."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.flows.kernel.platform import Platform
from guahao.store.supply import listings
from guahao.store.supply.listings import BookableDepartment, DepartmentsAsked

_ALL = 1_000_000


async def departments_by_id(platform: Platform, ids: Sequence[int]) -> list[BookableDepartment]:
    """Return those of these departments that can be booked, by id."""
    async with platform.db.transaction() as tx:
        return await listings.departments_by_id(tx, ids)


async def all_departments(platform: Platform) -> list[BookableDepartment]:
    """Return every department that can be booked, by id."""
    async with platform.db.transaction() as tx:
        return await listings.bookable_departments(tx, DepartmentsAsked(), 0, _ALL)


async def page_of_departments(
    platform: Platform, asked: DepartmentsAsked, after: int, limit: int
) -> tuple[list[BookableDepartment], int]:
    """Return departments with an id above `after`, in order of id, and how many all pages have."""
    async with platform.db.transaction() as tx:
        found = await listings.bookable_departments(tx, asked, after, limit)
        return found, await listings.count_departments(tx, asked)
