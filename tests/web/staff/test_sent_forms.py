"""A form of the staff that is sent twice changes something once: every form, in every manner."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.types import ASGIApp
from tests.city import Clock, add_session, ask
from tests.crowd import open_desk
from tests.web.browsing import Form, Reader
from tests.web.site import Site
from tests.web.staff_site import add_member, at_the_desk, session_of

from guahao.flows.kernel.sent_forms import ANSWER_KEPT
from guahao.rules.staff.staff import HOSPITAL_ROLES, Role
from guahao.store.staff import trail
from guahao.web.app import staff_routes
from guahao.web.http.limits import Callers
from guahao.web.staff import Sending, StaffPage, StaffRoute, StaffServices
from guahao.web.words.replies import Replies

POSTS = [route for route in staff_routes() if route.method == "POST"]


# Every route, with something that is written in the place of what it does -------------------


async def _write(page: StaffPage) -> ASGIApp:
    """What a handler does: an act with its entry in the trail, then the next page."""
    platform = page.services.platform
    hospital_id = page.member.hospital_id if page.member is not None else None
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        who = page.staff.who if page.member is not None else None
        if who is not None:
            await trail.record(tx, platform.vault, who, "try_something", reason=page.form["a"])
    if page.form["a"] == "refused":
        return page.show("staff/sent_already.html", 409, sent_at=page.now)
    page.flash("done")
    return page.redirect(f"/staff/done/{page.form['a']}")


async def _probes(site: Site, *roles: Role) -> dict[Role, Reader]:
    """The staff's POST routes, each with `_write` behind it, and somebody of these roles."""
    async with open_desk(site.platform) as desk:
        settings = site.platform.settings
        replies = Replies(
            lambda: site.platform.policy_today,
            lambda: site.platform.db.clock().date(),
            settings.hotline,
        )
        door = StaffServices(site.platform, desk, replies, Callers(settings))
    form = StaffRoute("GET", "/staff/form", _form, None)
    routes = [replace(route, handler=_write) for route in POSTS]
    app = Litestar(
        [route.for_litestar(door) for route in [form, *routes]],
        openapi_config=None,
        logging_config=None,
    )
    [[hospital_id]] = await ask(
        site.platform,
        "SELECT hospital_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    readers = {}
    for role in roles:
        own = hospital_id if role in HOSPITAL_ROLES else None
        member = await add_member(site.platform, role, own)
        readers[role] = Reader.of(Site(app, site.platform))
        readers[role].client.follow_redirects = False
        readers[role].client.cookies.set("staff", await session_of(site.platform, member))
    return readers


async def _form(page: StaffPage) -> ASGIApp:
    return page.show("staff/login.html", login="", refused="")


async def _written(site: Site) -> int:
    [[count]] = await ask(
        site.platform, "SELECT count(*) FROM audit_trail WHERE action = 'try_something'"
    )
    return int(count)


async def test_every_form_is_handled_once_in_every_manner(site: Site) -> None:
    readers = await _probes(site, *{min(route.roles) for route in POSTS if route.roles})
    tried = 0
    for route in POSTS:
        if route.sending is Sending.FREELY or route.roles is None:
            continue
        reader = readers[min(route.roles)]
        path = route.path.replace("{", "").replace("}", "")
        await reader.go("/staff/form")
        first, second = ({**reader.form().fields, "a": str(tried)} for _ in range(2))
        before = await _written(site)
        # A double click, then a reload.
        clicks = await asyncio.gather(*[reader.client.post(path, data=first) for _ in range(3)])
        reload = await reader.client.post(path, data=first)
        answers = {(a.status_code, a.headers.get("location")) for a in [*clicks, reload]}
        assert answers == {(303, f"/staff/done/{tried}")}, route.path
        assert all(_flash(a) == _flash(reload) for a in clicks), route.path
        assert await _written(site) == before + 1, route.path
        # Back, and save something else.
        other = await reader.client.post(path, data=second | {"a": "other"})
        each = route.sending is Sending.ONCE_EACH
        assert other.status_code == (303 if each else 409), route.path
        assert await _written(site) == before + 1 + each, route.path
        tried += 1
    assert tried > 45


def _flash(answer: httpx.Response) -> list[str]:
    return [line for line in answer.headers.get_list("set-cookie") if line.startswith("flash=")]


async def test_what_was_refused_may_be_corrected_and_sent_again(site: Site) -> None:
    readers = await _probes(site, Role.ADMINISTRATOR)
    reader = readers[Role.ADMINISTRATOR]
    await reader.go("/staff/form")
    fields = reader.form().fields
    refused = await reader.client.post("/staff/members", data=fields | {"a": "refused"})
    again = await reader.client.post("/staff/members", data=fields | {"a": "right"})
    assert (refused.status_code, again.status_code) == (409, 303)


async def test_other_content_is_sent_as_a_new_form_only_where_that_is_said(site: Site) -> None:
    readers = await _probes(site, Role.ADMINISTRATOR)
    reader = readers[Role.ADMINISTRATOR]
    await reader.go("/staff/form")
    fields = reader.form().fields
    await reader.client.post("/staff/members", data=fields | {"a": "one"})
    reader.page = await reader.client.post("/staff/members", data=fields | {"a": "two"})
    assert "现在的内容还没有保存" in reader.text
    form = reader.form("/staff/members")
    assert form.fields["a"] == "two"
    assert (await reader.send(form)).headers["location"] == "/staff/done/two"
    assert await _written(site) == 2


async def test_without_a_key_the_same_content_is_still_one_form(site: Site) -> None:
    readers = await _probes(site, Role.ADMINISTRATOR)
    reader = readers[Role.ADMINISTRATOR]
    await reader.go("/staff/form")
    fields = {"csrf": reader.form().fields["csrf"], "a": "one"}
    for _ in range(2):
        assert (await reader.client.post("/staff/members", data=fields)).status_code == 303
    assert await _written(site) == 1


async def test_another_member_in_the_same_browser_is_answered_nothing_of_the_first(
    site: Site,
) -> None:
    readers = await _probes(site, Role.ADMINISTRATOR)
    reader = readers[Role.ADMINISTRATOR]
    await reader.go("/staff/form")
    fields = reader.form().fields | {"a": "one"}
    await reader.client.post("/staff/language", data=fields)
    await reader.client.post("/staff/password", data=fields)
    auditor = await add_member(site.platform, Role.AUDITOR)
    before = await _written(site)
    reader.client.cookies.set("staff", await session_of(site.platform, auditor))
    await reader.client.post("/staff/password", data=fields)
    assert await _written(site) == before + 1


async def test_an_answer_is_forgotten_after_an_hour_but_not_the_form(
    site: Site, clock: Clock
) -> None:
    readers = await _probes(site, Role.ADMINISTRATOR)
    reader = readers[Role.ADMINISTRATOR]
    await reader.go("/staff/form")
    fields = reader.form().fields | {"a": "one"}
    await reader.client.post("/staff/members", data=fields)
    for _ in range(5):  # not idle meanwhile
        clock.forward(seconds=ANSWER_KEPT.total_seconds() / 4)
        await reader.go("/staff/form")
    late = await reader.client.post("/staff/members", data=fields)
    assert late.status_code == 409
    assert "已经提交过" in late.text
    assert await _written(site) == 1


# Real forms ---------------------------------------------------------------------------------

ADDS: dict[str, tuple[Role, str, str, dict[str, str], str]] = {
    "staff": (
        Role.ADMINISTRATOR,
        "/staff/members",
        "/staff/members",
        {"login": "new.agent", "name": "新人", "role": "agent"},
        "SELECT count(*) FROM staff WHERE login = 'new.agent'",
    ),
    "announcement": (
        Role.ADMINISTRATOR,
        "/staff/announcements/new",
        "",
        {"title": "停电通知", "body": "周日停电", "title_en": "", "body_en": ""},
        "SELECT count(*) FROM announcements",
    ),
    "title": (
        Role.ADMINISTRATOR,
        "/staff/titles",
        "/staff/titles",
        {"name": "名誉专家", "name_en": "Honorary expert"},
        "SELECT count(*) FROM titles WHERE name = '名誉专家'",
    ),
    "call": (
        Role.AGENT,
        "/staff/calls/register",
        "",
        {"phone": "13900000001", "name": "李四", "id_type": "01", "id_no": "110101199003070011"},
        "SELECT count(*) FROM calls",
    ),
}


async def _opened(site: Site, role: Role, path: str, action: str) -> tuple[Reader, Form]:
    reader = await at_the_desk(site, role)
    await reader.go(path)
    assert reader.page.status_code == 200, reader.text
    return reader, reader.form(action or None)


@pytest.mark.parametrize("name", ADDS)
async def test_a_real_form_adds_once(site: Site, name: str) -> None:
    role, path, action, typed, count = ADDS[name]
    reader, form = await _opened(site, role, path, action)
    reader.client.follow_redirects = False
    [[before]] = await ask(site.platform, count)
    fields: dict[str, Any] = form.fields | typed
    clicks = await asyncio.gather(*[reader.client.post(form.action, data=fields) for _ in range(3)])
    reload = await reader.client.post(form.action, data=fields)
    assert {a.status_code for a in clicks} == {reload.status_code}, [a.text for a in clicks]
    assert reload.status_code < 400, reload.text
    assert {a.content for a in clicks} == {reload.content}
    [[after]] = await ask(site.platform, count)
    assert after == before + 1
