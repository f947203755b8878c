"""The city's list of professional titles, from which forms choose."""

from __future__ import annotations

from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.hospitals import titles as flows
from guahao.rules.hospitals.titles import NAME_EN_MAX, NAME_MAX, Title
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import Role
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_LIST = "/staff/titles"
_ONE = "/staff/titles/{title_id}"


def title_routes() -> list[StaffRoute]:
    """Return the list with its form, and the actions on a title."""
    return [
        StaffRoute("GET", _LIST, _show, _ADMINISTRATOR),
        StaffRoute("POST", _LIST, _add, _ADMINISTRATOR),
        StaffRoute("GET", _ONE, _one, _ADMINISTRATOR),
        StaffRoute("POST", _ONE, _change, _ADMINISTRATOR),
        StaffRoute("POST", f"{_ONE}/move", _move, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _listed(page)


async def _listed(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    return page.show(
        "staff/titles.html",
        status,
        titles=await flows.listed(page.services.platform),
        given=page.form,
        refused=refused,
        name_max=NAME_MAX,
        name_en_max=NAME_EN_MAX,
    )


async def _add(page: StaffPage) -> ASGIApp:
    name, name_en = (prose(page.form.get(field, "")) for field in ("name", "name_en"))
    outcome = await flows.add(page.services.platform, page.staff, name, name_en)
    if isinstance(outcome, Refused):
        return await _listed(page, *page.refusal(outcome))
    page.flash(page.say("已添加。"))
    return page.redirect(_LIST)


async def _one(page: StaffPage) -> ASGIApp:
    title = await _found(page)
    return _form(page, title, _as_form(title))


async def _found(page: StaffPage) -> Title:
    id = read_id(page.request, "title_id", "not_found")
    titles = await flows.listed(page.services.platform)
    found = next((title for title in titles if title.id == id), None)
    if found is None:
        raise ProblemError("not_found")
    return found


def _form(
    page: StaffPage, title: Title, given: dict[str, str], refused: str = "", status: int = 200
) -> ASGIApp:
    return page.show(
        "staff/title.html",
        status,
        title=title,
        version=flows.version(title),
        given=given,
        saved=_as_form(title),
        refused=refused,
        name_en_max=NAME_EN_MAX,
    )


def _as_form(title: Title) -> dict[str, str]:
    return {"name_en": title.name_en, "offered": "" if title.retired_at else "yes"}


async def _change(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "title_id", "not_found")
    title, retired = await _found(page), page.form.get("offered") != "yes"
    reason = ""
    if retired and title.retired_at is None:
        asked = confirmed(page, _retiring(page, title))
        if isinstance(asked, Answer):
            return asked
        reason = asked
    outcome = await flows.change(
        page.services.platform,
        page.staff,
        id,
        page.form.get("version", ""),
        prose(page.form.get("name_en", "")),
        retired=retired,
        reason=reason,
    )
    match outcome:
        case Done():
            page.flash(page.say("已保存。"))
            return page.redirect(_LIST)
        case Refused():
            title = await _found(page)  # where there is none, that is the answer
            return _form(page, title, page.form, *page.refusal(outcome))
        case never:
            assert_never(never)


def _retiring(page: StaffPage, title: Title) -> Act:
    return Act(
        page.say("停用职称“{name}”？", name=title.name),
        [page.say("各医院不能再为它排新的门诊；已有的门诊和预约照常。以后可以重新启用。")],
        page.say("停用"),
        f"{_LIST}/{title.id}",
        "hospitals",
    )


async def _move(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "title_id", "not_found")
    up = page.form.get("do") == "up"
    outcome = await flows.move(page.services.platform, page.staff, id, up=up)
    if isinstance(outcome, Refused):
        raise ProblemError("not_found")
    return page.redirect(f"{_LIST}#title-{id}")
