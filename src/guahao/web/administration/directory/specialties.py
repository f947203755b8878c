"""The city's English for the specialties that hospitals write."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.hospitals import specialties as flows
from guahao.rules.hospitals.specialties import NAME_EN_MAX, NAME_MAX
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import Role
from guahao.web.staff import StaffPage, StaffRoute

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_LIST = "/staff/specialties"


def specialty_routes() -> list[StaffRoute]:
    """Return the list with its form."""
    return [
        StaffRoute("GET", _LIST, _show, _ADMINISTRATOR),
        StaffRoute("POST", _LIST, _change, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _listed(page)


async def _listed(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    listed = await flows.listed(page.services.platform)
    name = page.form.get("name", page.query("name"))
    return page.show(
        "staff/specialties.html",
        status,
        specialties=listed,
        given={"name": name, "name_en": dict(listed).get(name, ""), **page.form},
        refused=refused,
        name_max=NAME_MAX,
        name_en_max=NAME_EN_MAX,
    )


async def _change(page: StaffPage) -> ASGIApp:
    name, name_en = (prose(page.form.get(field, "")) for field in ("name", "name_en"))
    outcome = await flows.change(page.services.platform, page.staff, name, name_en)
    if isinstance(outcome, Refused):
        return await _listed(page, *page.refusal(outcome))
    page.flash(page.say("已保存。"))
    return page.redirect(_LIST)
