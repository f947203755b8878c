"""Looking through hospitals and departments (S1, S5)."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.flows.kernel.platform import Platform
from guahao.store.hospitals import directory
from guahao.store.hospitals.directory import Whereabouts
from guahao.store.kernel.views import DepartmentView, HospitalView


async def search_hospitals(
    platform: Platform,
    q: str | None,
    district: str | None,
    grade: str | None,
    cursor: int | None,
    limit: int = 50,
) -> tuple[list[HospitalView], int | None]:
    """Return one page of hospitals in order of id, and the next page's cursor, None on the last.

    `q` is a part of the Chinese or English name; `district` and `grade` are exact.
    """
    async with platform.db.transaction() as tx:
        found = await directory.search(tx, q, district, grade, cursor or 0, limit + 1)
    page = found[:limit]
    return page, page[-1].id if len(found) > limit else None


async def hospital(platform: Platform, hospital_id: int) -> HospitalView | None:
    """Return a hospital with its own booking rules (S5), or None."""
    async with platform.db.transaction() as tx:
        return await directory.hospital(tx, hospital_id)


async def whereabouts(platform: Platform, hospital_id: int) -> Whereabouts | None:
    """Return where a hospital is and how it is called; None if there is none."""
    async with platform.db.transaction() as tx:
        return await directory.whereabouts(tx, hospital_id)


async def hospitals_by_ids(platform: Platform, hospital_ids: Sequence[int]) -> list[HospitalView]:
    """Return these hospitals with their own booking rules, by id; unknown ids are left out."""
    async with platform.db.transaction() as tx:
        return await directory.hospitals(tx, hospital_ids)


async def departments(platform: Platform, hospital_id: int) -> list[DepartmentView] | None:
    """Return a hospital's departments on the platform, or None where there is no such hospital.

    Those with a parent can be booked.
    """
    async with platform.db.transaction() as tx:
        if await directory.hospital(tx, hospital_id) is None:
            return None
        return await directory.departments(tx, hospital_id)
