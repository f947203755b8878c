"""Destructive acts of the staff ask first, say what will happen, and keep the reason."""

from __future__ import annotations

import re

import pytest
from tests.city import ask
from tests.web.site import Site
from tests.web.staff_site import add_member, at_the_desk, session_of

from guahao.flows.staff.trail import Wanted, list_trail
from guahao.rules.staff.staff import Role

MEMBERS = "/staff/members"


@pytest.mark.parametrize(
    ("what", "said", "action"),
    [
        ("disable", "立即不能再登录", "disable_staff"),
        ("password", "临时密码72小时内有效", "reset_password"),
        ("second_factor", "原来的验证器立即失效", "reset_second_factor"),
        ("log_out", "可以马上再登录", "end_sessions"),
    ],
)
async def test_a_member_is_changed_only_with_a_reason(
    site: Site, what: str, said: str, action: str
) -> None:
    member = await add_member(site.platform, Role.AGENT)
    await session_of(site.platform, member)
    admin = await at_the_desk(site, Role.ADMINISTRATOR)
    await admin.go(MEMBERS)
    form = admin.form(f"{MEMBERS}/{member.id}")
    await admin.send(form, do=what)
    assert said in admin.text
    assert member.login in admin.text

    async def reasons() -> list[str]:
        found, _ = await list_trail(site.platform, Wanted(action=action, subject_id=member.id))
        return [entry.reason for entry in found]

    assert await reasons() == []
    for reason in ("", " ", "x" * 201):
        await admin.confirm(reason)
        assert admin.page.status_code == 422
        assert "请写明原因" in admin.text
    assert await reasons() == []
    await admin.confirm("已离职")
    assert admin.page.status_code == 200
    assert await reasons() == ["已离职"]
    open_sessions = "SELECT count(*) FROM staff_sessions WHERE staff_id = %s AND ended_at IS NULL"
    assert await ask(site.platform, open_sessions, member.id) == [(0,)]


async def test_the_question_is_in_english_too(site: Site) -> None:
    member = await add_member(site.platform, Role.AGENT)
    admin = await at_the_desk(site, Role.ADMINISTRATOR, language="en")
    await admin.go(MEMBERS)
    await admin.send(admin.form(f"{MEMBERS}/{member.id}"), do="disable")
    assert f"Disable {member.login}?" in admin.text
    assert not re.search("[\u4e00-\u9fff]", re.sub("<nav.*?</nav>|中文|挂号", "", admin.text))
