"""The administrator's English for specialties, and what English readers see of it."""

from __future__ import annotations

from tests.city import add_session, ask, change, reasons
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role


async def test_the_english_of_a_specialty_is_shown_and_taken_back(site: Site) -> None:
    await add_session(site.platform)
    await change(site.platform, "UPDATE clinic_sessions SET specialty = '脉案整理'")
    reader = Reader.of(site, language="en")
    await reader.go("/departments/1?day=2026-12-03")
    assert '<span lang="zh-CN">脉案整理</span>' in reader.text
    desk = await at_the_desk(site, Role.ADMINISTRATOR)
    await desk.go("/staff/specialties")
    await desk.send(desk.form("/staff/specialties"), name="脉案整理", name_en="Case histories")
    assert "Case histories" in desk.text
    await site.platform.refresh()
    await reader.go("/departments/1?day=2026-12-03&title=主任医师")
    assert "Case histories" in reader.text
    assert "脉案整理</span>" not in reader.text
    await desk.go("/staff/specialties?name=脉案整理")
    await desk.send(desk.form("/staff/specialties"), name_en="")
    assert await ask(site.platform, "SELECT FROM specialties WHERE name = '脉案整理'") == []
    assert len(await reasons(site.platform, "change_specialty")) == 2


async def test_a_specialty_without_a_name_or_too_long_is_refused(site: Site) -> None:
    desk = await at_the_desk(site, Role.ADMINISTRATOR)
    await desk.go("/staff/specialties")
    for name, name_en, said in (("", "X", "请填写专业"), ("眼", "x" * 121, "不能超过80个字")):
        answer = await desk.send(desk.form("/staff/specialties"), name=name, name_en=name_en)
        assert answer.status_code == 422
        assert said in desk.text
