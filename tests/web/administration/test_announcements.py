"""Announcements, from the administrator's page to the citizens' first page."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.city import Clock, ask
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.hospitals import announcements as flows
from guahao.flows.hospitals.announcements import AnnouncementView
from guahao.rules.hospitals.announcements import AnnouncementRefusal
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.staff import Role

LIST = "/staff/announcements"
WRITTEN = {
    "title": "春节门诊安排",
    "title_en": "Clinics at the Spring Festival",
    "body": "初一至初三只开急诊。\n初四起正常。",
    "body_en": "Emergencies only until the third day.",
    "shown_from": "2026-11-30T10:00",
    "shown_until": "2026-12-10T00:00",
}


async def written(site: Site, shown_from: str = "10:00") -> tuple[Reader, int]:
    """An administrator who has written one that is to be shown from ten o'clock on."""
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go(f"{LIST}/new")
    await reader.send(None, **WRITTEN | {"shown_from": f"2026-11-30T{shown_from}"})
    assert "已保存" in reader.text
    [[id]] = await ask(site.platform, "SELECT id FROM announcements")
    return reader, id


async def first_page(site: Site, language: str = "zh") -> str:
    reader = Reader.of(site, language=language)
    await reader.go("/")
    return reader.text


async def test_it_is_shown_in_its_time_in_the_readers_language(site: Site, clock: Clock) -> None:
    await written(site)
    assert WRITTEN["title"] not in await first_page(site)
    clock.forward(hours=1)
    shown = await first_page(site)
    assert WRITTEN["title"] in shown
    assert "初一至初三只开急诊。\n初四起正常。" in shown
    english = await first_page(site, "en")
    assert WRITTEN["title_en"] in english
    assert WRITTEN["body_en"] in english
    clock.forward(days=10)
    assert WRITTEN["title"] not in await first_page(site)


async def test_a_change_is_shown_and_what_is_withdrawn_is_not(site: Site, clock: Clock) -> None:
    reader, id = await written(site, "09:05")
    clock.forward(minutes=10)
    await reader.go(f"{LIST}/{id}")
    await reader.send(reader.form(f"{LIST}/{id}"), title="春节门诊安排（更新）", shown_until="")
    clock.forward(minutes=10)
    assert "春节门诊安排（更新）" in await first_page(site)
    await reader.go(f"{LIST}/{id}")
    await reader.send(reader.form(f"{LIST}/{id}/withdraw"))
    assert "春节门诊安排" in await first_page(site)
    await reader.confirm()
    assert "已撤下" in reader.text
    assert "春节门诊安排" not in await first_page(site)
    actions = await ask(
        site.platform,
        "SELECT action FROM audit_trail WHERE subject_kind = 'announcement' ORDER BY seq",
    )
    assert [row[0] for row in actions] == [
        "add_announcement",
        "change_announcement",
        "withdraw_announcement",
    ]


BAD = (
    ({"title": " "}, "请填写标题"),
    ({"title": "长" * 81}, "请填写标题"),
    ({"body": "长" * 1001}, "正文不能超过1000个字"),
    ({"body_en": ""}, "英文的标题和正文请一起填写"),
    ({"title_en": ""}, "英文的标题和正文请一起填写"),
    ({"shown_until": "2026-11-30T10:00"}, "结束须晚于开始"),
    ({"shown_from": "2026-11-01T10:00", "shown_until": "2026-11-29T10:00"}, "结束须晚于开始"),
    ({"shown_from": "2036-11-01T10:00", "shown_until": ""}, "不能晚于一年以后"),
    ({"shown_from": "yesterday"}, "时间不对"),
)


async def test_a_bad_field_is_named_and_what_was_typed_stays(site: Site) -> None:
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    for typed, said in BAD:
        await reader.go(f"{LIST}/new")
        await reader.send(None, **WRITTEN | typed)
        assert reader.page.status_code == 422, typed
        assert said in reader.text, typed
        assert (WRITTEN | typed)["body_en"] in reader.text
    assert await count(site.platform, "announcements") == 0


async def test_one_without_an_end_is_shown_until_it_is_withdrawn(site: Site, clock: Clock) -> None:
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go(f"{LIST}/new")
    await reader.send(None, **WRITTEN | {"shown_from": "2026-11-30T08:00", "shown_until": ""})
    assert "直到撤下" in reader.text
    clock.forward(days=200)
    assert WRITTEN["title"] in await first_page(site)


async def test_who_saves_second_is_told_and_shown_what_is_there_now(site: Site) -> None:
    first, id = await written(site)
    second = await at_the_desk(site, Role.ADMINISTRATOR)
    for reader in (first, second):
        await reader.go(f"{LIST}/{id}")
    form = second.form(f"{LIST}/{id}")
    await first.send(first.form(f"{LIST}/{id}"), title="第一人的标题")
    await second.send(form, body="第二人的正文")
    assert second.page.status_code == 409
    assert "别人更改了这条公告" in second.text
    assert "现为：第一人的标题" in second.text
    assert "第二人的正文" in second.text
    assert await ask(site.platform, "SELECT title FROM announcements") == [("第一人的标题",)]
    # Having compared, the second saves on purpose.
    await second.send(second.form(f"{LIST}/{id}"), title="第一人的标题", body="第二人的正文")
    rows = await ask(site.platform, "SELECT title, body FROM announcements")
    assert rows == [("第一人的标题", "第二人的正文")]


async def test_of_many_who_save_at_once_one_does(site: Site) -> None:
    _, id = await written(site)
    by = await add_member(site.platform, Role.ADMINISTRATOR)
    seen = await flows.one(site.platform, id)
    assert isinstance(seen, AnnouncementView)

    async def save(number: int) -> Done | Refused[AnnouncementRefusal]:
        new = replace(seen.saved.text, title=f"标题{number}")
        return await flows.change(site.platform, by, id, seen.version, new)

    outcomes = await asyncio.gather(*map(save, range(6)))
    assert outcomes.count(DONE) == 1
    assert outcomes.count(Refused(AnnouncementRefusal.CHANGED_MEANWHILE)) == 5
