"""The demo's staff members with their current log-in codes; demo mode only."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.demo_staff import PASSWORD, current_codes
from guahao.web.framework.problems import wants_page
from guahao.web.framework.templating import template
from guahao.web.http.answers import html_answer, json_answer
from guahao.web.http.reading import ApiRequest
from guahao.web.words.language import chosen_language


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


def demo_staff_routes(platform: Platform) -> list[HTTPRouteHandler]:
    """Return the route GET /demo/staff-codes; none in production."""
    if not platform.settings.demo:
        return []

    @get("/demo/staff-codes")
    async def staff_codes(request: ApiRequest) -> ASGIApp:
        items = [
            StaffCode(member.login, member.name, member.role.value, PASSWORD, code)
            for member, code in current_codes(platform)
        ]
        if not wants_page(request.scope):
            return json_answer(StaffCodes(items))
        language = chosen_language(request.scope)
        html = template("staff/demo_codes.html", language).render(language=language, items=items)
        return html_answer(request.scope, html)

    return [staff_codes]
