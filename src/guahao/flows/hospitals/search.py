"""The first page: where to? Finding places, and what is announced (S1)."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.kernel.platform import Platform
from guahao.store.hospitals import announcements as announcement_store
from guahao.store.hospitals import search as store
from guahao.store.hospitals.announcements import Announcement
from guahao.store.hospitals.search import DepartmentHit, Filters, HospitalHit, Place

PAGE = 20
_RECENT_PLACES = 4


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was searched for.

    Departments only where something was typed. `more`: there is another page of either.
    """

    hospitals: list[HospitalHit]
    departments: list[DepartmentHit]
    more: bool


@dataclass(frozen=True, slots=True)
class Home:
    """What the first page shows besides the hospitals."""

    filters: Filters
    announcements: list[Announcement]


async def find(
    platform: Platform, q: str, district: str | None, grade: str | None, page: int = 1
) -> Found:
    """Hospitals and departments by name, pinyin or initials; `district`, `grade` exact."""
    skip, most = (page - 1) * PAGE, PAGE + 1
    async with platform.db.transaction() as tx:
        hospitals = await store.hospitals(tx, q, district, grade, skip, most)
        departments = await store.departments(tx, q, district, grade, skip, most)
    more = max(len(hospitals), len(departments)) > PAGE
    return Found(hospitals[:PAGE], departments[:PAGE], more)


async def home(platform: Platform) -> Home:
    """Return the districts and grades, and today's announcements."""
    async with platform.db.transaction() as tx:
        return Home(await store.filters(tx), await announcement_store.shown(tx))


async def recent_places(platform: Platform, account_id: int) -> list[Place]:
    """Return where an account booked last."""
    async with platform.db.transaction() as tx:
        return await store.recent_places(tx, account_id, _RECENT_PLACES)
