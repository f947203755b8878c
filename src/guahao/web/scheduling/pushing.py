"""A scheduler's page of the hospital's webhook: how it does, and its dead letters."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.web.scheduling.schedule_forms import SCHEDULER
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.hospital.pushing import send_again, show_dead_letters

_PUSH = "/staff/schedule/push"


def push_routes() -> list[StaffRoute]:
    """Return the routes of the hospital's own webhook."""
    return [
        StaffRoute("GET", _PUSH, _show, SCHEDULER),
        StaffRoute("POST", f"{_PUSH}/again", _again, SCHEDULER),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await show_dead_letters(page, page.staff.own_hospital_id, "push")


async def _again(page: StaffPage) -> ASGIApp:
    return await send_again(page, page.staff.own_hospital_id)
