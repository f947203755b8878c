"""Announcements on the citizens' first page: write, change, withdraw."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.hospitals import announcements as flows
from guahao.flows.hospitals.announcements import AnnouncementView
from guahao.rules.hospitals.announcements import (
    BODY_MAX,
    TITLE_MAX,
    AnnouncementRefusal,
    AnnouncementText,
)
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import Role
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.web.staff.reading import read_moment

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_LIST = "/staff/announcements"
_NEW = "/staff/announcements/new"
_ONE = "/staff/announcements/{announcement_id}"
_LINES = frozenset({"body", "body_en"})


def announcement_routes() -> list[StaffRoute]:
    """Return the list, the form, and the actions on an announcement."""
    return [
        StaffRoute("GET", _LIST, _show, _ADMINISTRATOR),
        StaffRoute("GET", _NEW, _ask_new, _ADMINISTRATOR),
        StaffRoute("POST", _NEW, _add, _ADMINISTRATOR, lines=_LINES),
        StaffRoute("GET", _ONE, _one, _ADMINISTRATOR),
        StaffRoute("POST", _ONE, _change, _ADMINISTRATOR, lines=_LINES),
        StaffRoute("POST", f"{_ONE}/withdraw", _withdraw, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    found = await flows.listed(page.services.platform)
    return page.show("staff/announcements.html", found=found, states=_state_words(page))


def _state_words(page: StaffPage) -> dict[str, str]:
    return {
        "coming": page.say("未开始"),
        "shown": page.say("显示中"),
        "over": page.say("已结束"),
        "withdrawn": page.say("已撤下"),
    }


# Writing ------------------------------------------------------------------------------------


async def _ask_new(page: StaffPage) -> ASGIApp:
    return _form(page, None, {"shown_from": _as_typed(page.now)})


async def _add(page: StaffPage) -> ASGIApp:
    written = _read(page)
    outcome = (
        Refused(AnnouncementRefusal.SPAN)
        if written is None
        else await flows.add(page.services.platform, page.staff, written)
    )
    if isinstance(outcome, Refused):
        return _form(page, None, page.form, *page.refusal(outcome))
    page.flash(page.say("已保存。到时间后会显示在首页。"))
    return page.redirect(_LIST)


async def _one(page: StaffPage) -> ASGIApp:
    found = await _found(page)
    return _form(page, found, _as_form(found.saved))


async def _found(page: StaffPage) -> AnnouncementView:
    id = read_id(page.request, "announcement_id", "not_found")
    found = await flows.one(page.services.platform, id)
    if found is None:
        raise ProblemError("not_found")
    return found


async def _change(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "announcement_id", "not_found")
    written = _read(page)
    outcome: Done | Refused[AnnouncementRefusal] = Refused(AnnouncementRefusal.SPAN)
    if written is not None:
        version = page.form.get("version", "")
        outcome = await flows.change(page.services.platform, page.staff, id, version, written)
    return await _after(page, outcome, page.say("已保存。"))


async def _withdraw(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "announcement_id", "not_found")
    version = page.form.get("version", "")
    found = await _found(page)
    reason = "" if found.state == "withdrawn" else confirmed(page, _withdrawing(page, found))
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.withdraw(page.services.platform, page.staff, id, version, reason)
    return await _after(page, outcome, page.say("已撤下，首页不再显示。"))


def _withdrawing(page: StaffPage, found: AnnouncementView) -> Act:
    return Act(
        page.say("撤下公告“{title}”？", title=found.saved.title),
        [page.say("撤下后首页立即不再显示，也不能恢复；需要时另写一条。")],
        page.say("撤下公告"),
        f"{_LIST}/{found.saved.id}",
        "hospitals",
    )


async def _after(
    page: StaffPage, outcome: Done | Refused[AnnouncementRefusal], said: str
) -> ASGIApp:
    match outcome:
        case Done():
            page.flash(said)
            return page.redirect(_LIST)
        case Refused():
            found = await _found(page)
            given = page.form if "title" in page.form else _as_form(found.saved)
            return _form(page, found, given, *page.refusal(outcome))
        case never:
            assert_never(never)


def _form(
    page: StaffPage,
    found: AnnouncementView | None,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
) -> ASGIApp:
    return page.show(
        "staff/announcement.html",
        status,
        found=found,
        given=given,
        saved=given if found is None else _as_form(found.saved),
        states=_state_words(page),
        refused=refused,
        title_max=TITLE_MAX,
        body_max=BODY_MAX,
    )


def _as_form(written: AnnouncementText) -> dict[str, str]:
    return {
        "title": written.title,
        "title_en": written.title_en,
        "body": written.body,
        "body_en": written.body_en,
        "shown_from": _as_typed(written.shown_from),
        "shown_until": _as_typed(written.shown_until),
        "is_maintenance": "yes" if written.is_maintenance else "",
    }


def _as_typed(moment: datetime | None) -> str:
    """Return a moment as a form's field of date and time holds it."""
    if moment is None:
        return ""
    return moment.astimezone(CITY_TIME).replace(tzinfo=None).isoformat(timespec="minutes")


def _read(page: StaffPage) -> AnnouncementText | None:
    """Return what was typed; None if a time cannot be read."""
    form = page.form
    shown_from = read_moment(form.get("shown_from", ""))
    until = form.get("shown_until", "")
    shown_until = read_moment(until) if until else None
    if shown_from is None or (until and shown_until is None):
        return None
    typed = {
        name: prose(form.get(name, ""), lines=name.startswith("body"))
        for name in ("title", "title_en", "body", "body_en")
    }
    is_maintenance = form.get("is_maintenance") == "yes"
    return AnnouncementText(
        **typed, shown_from=shown_from, shown_until=shown_until, is_maintenance=is_maintenance
    )
