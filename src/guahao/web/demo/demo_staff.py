"""The demo's members of the staff with the codes of this moment; demo mode only."""

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
    """All of them."""

    items: list[StaffCode]


def demo_staff_routes(platform: Platform) -> list[HTTPRouteHandler]:
    """GET /demo/staff-codes; nothing in production."""
    if not platform.settings.demo:
        return []

    @get("/demo/staff-codes")
    async def staff_codes(request: ApiRequest) -> ASGIApp:
        items = [
            StaffCode(one.login, one.name, one.role.value, PASSWORD, code)
            for one, code in current_codes(platform)
        ]
        if not wants_page(request.scope):
            return json_answer(StaffCodes(items))
        language = chosen_language(request.scope)
        html = template("staff/demo_codes.html", language).render(language=language, items=items)
        return html_answer(request.scope, html)

    return [staff_codes]
