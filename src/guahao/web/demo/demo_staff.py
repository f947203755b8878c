"""The demo's staff members with their current log-in codes; demo mode only."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.staff.demo_staff import PASSWORD, current_codes
from guahao.web.framework.problems import wants_page
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest
from guahao.web.staff.page import StaffPage, StaffServices


class StaffCode(msgspec.Struct):
    """A login of the demo."""

    login: str
    name: str
    role: str
    password: str
    code: str


class StaffCodes(msgspec.Struct):
    """The logins of all staff members of the demo."""

    items: list[StaffCode]


def demo_staff_routes(services: StaffServices) -> list[HTTPRouteHandler]:
    """Return the route GET /demo/staff-codes; none in production."""
    if not services.platform.settings.demo:
        return []

    @get("/demo/staff-codes")
    async def staff_codes(request: ApiRequest) -> ASGIApp:
        items = [
            StaffCode(member.login, member.name, member.role.value, PASSWORD, code)
            for member, code in current_codes(services.platform)
        ]
        if not wants_page(request.scope):
            return json_answer(StaffCodes(items))
        page = StaffPage(services, request)
        return page.render("staff/demo_codes.html", items=items, flashed="")

    return [staff_codes]
