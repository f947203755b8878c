"""The administrator's hospitals: found, added, changed; and any hospital's booking rules."""

from __future__ import annotations

from tests.city import add_session, ask
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

NEW = "/staff/hospitals/new"
GIVEN = {
    "code": "AL0999",
    "name": "演示市口腔医院",
    "name_en": "Demo Stomatological Hospital",
    "grade": "二级甲等",
    "district": "演示区",
    "district_en": "Demo",
    "address": "演示区演示路1号",
    "phone": "000-55501234转8",
    "pickup_place": "一层窗口",
    "notice": "请带证件原件。",
    "cycle_days": "14",
    "cancel_time": "12:00",
}


async def added(site: Site) -> tuple[Reader, int]:
    """An administrator who has added a hospital."""
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go(NEW)
    await reader.send(None, **GIVEN)
    assert "已添加" in reader.text
    [[id]] = await ask(site.platform, "SELECT id FROM hospitals WHERE code = 'AL0999'")
    return reader, id


async def test_a_hospital_is_added_with_its_rules_and_found_by_everybody(site: Site) -> None:
    reader, id = await added(site)
    [row] = await ask(
        site.platform, "SELECT cycle_days, cancel_time::text, search_keys FROM hospitals"
    )
    assert row[:2] == (14, "12:00:00")
    for typed in ("口腔", "kqyy", "AL0999"):
        await reader.go(f"/staff/hospitals?q={typed}")
        assert f'href="/staff/hospitals/{id}"' in reader.text
    citizen = Reader.of(site)
    await citizen.go("/search?q=kouqiang")
    assert GIVEN["name"] in citizen.text
    await citizen.go(f"/hospitals/{id}")
    assert "本院提前 14 天放号" in citizen.text
    assert await count(site.platform, "audit_trail", "action = 'add_hospital'") == 1


BAD = (
    ({"code": "有空格"}, "代码须为"),
    ({"code": "H0"}, "已有医院使用这个代码"),
    ({"name": "市第一医院"}, "已有同名的医院"),
    ({"name": ""}, "请填写。"),
    ({"name": "长" * 81}, "不能超过80个字"),
    ({"grade": "九级"}, "请从列表中选择等级"),
    ({"district": ""}, "请填写。"),
    ({"phone": "打电话"}, "电话只能有"),
    ({"cycle_days": "93"}, "预约周期须在"),
    ({"cancel_days_before": "0"}, "就诊当天不能退号"),
    ({"release_time": "25:00"}, "请填写每个时间"),
)


async def test_a_bad_field_is_named_and_nothing_is_added(site: Site) -> None:
    await add_session(site.platform)  # of hospital H0, 市第一医院
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    for typed, said in BAD:
        await reader.go(NEW)
        await reader.send(None, **GIVEN | typed)
        assert reader.page.status_code == 422, typed
        assert said in reader.text, typed
        assert "演示区演示路1号" in reader.text
    assert await count(site.platform, "hospitals") == 1


async def test_a_renamed_hospital_is_found_by_its_new_pinyin_and_keeps_its_code(
    site: Site,
) -> None:
    reader, id = await added(site)
    path = f"/staff/hospitals/{id}"
    await reader.go(path)
    await reader.send(reader.form(path), name="演示市牙病防治所", code="OTHER")
    assert "已保存" in reader.text
    citizen = Reader.of(site)
    await citizen.go("/search?q=yabing")
    assert "演示市牙病防治所" in citizen.text
    [[code, rules]] = await ask(site.platform, "SELECT code, cycle_days FROM hospitals")
    assert (code, rules) == ("AL0999", 14)
    [[detail]] = await ask(
        site.platform, "SELECT detail::jsonb FROM audit_trail WHERE action = 'change_hospital'"
    )
    assert detail == {
        "before": {"name": "演示市口腔医院"},
        "after": {"name": "演示市牙病防治所"},
    }


async def test_who_saves_second_is_told_and_nothing_is_lost(site: Site) -> None:
    first, id = await added(site)
    second = await at_the_desk(site, Role.ADMINISTRATOR)
    path = f"/staff/hospitals/{id}"
    for reader in (first, second):
        await reader.go(path)
    await first.send(first.form(path), phone="000-1")
    await second.send(second.form(path), notice="第二人的提示")
    assert second.page.status_code == 409
    assert "现为：000-1" in second.text
    assert "第二人的提示" in second.text
    rows = await ask(site.platform, "SELECT phone, notice FROM hospitals")
    assert rows == [("000-1", GIVEN["notice"])]


async def test_an_administrator_changes_any_hospitals_rules_with_the_same_preview(
    site: Site,
) -> None:
    reader, id = await added(site)
    path = f"/staff/hospitals/{id}/rules"
    await reader.go(path)
    await reader.send(reader.form(path), cancel_time="10:00")
    assert "就诊前一天 10:00 之前。" in reader.text
    assert await count(site.platform, "hospital_rules") == 0
    await reader.send(reader.form(path), step="save")
    assert "已保存" in reader.text
    rows = await ask(
        site.platform, "SELECT hospital_id, holds_from::text, cancel_time::text FROM hospital_rules"
    )
    assert rows == [(id, "2026-12-01", "10:00:00")]
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM audit_trail WHERE action = 'change_rules'"
    )
    assert hospital_id == id


async def test_of_two_who_change_rules_the_second_is_told(site: Site) -> None:
    first, id = await added(site)
    second = await at_the_desk(site, Role.ADMINISTRATOR)
    path = f"/staff/hospitals/{id}/rules"
    for reader, cancel_time in ((first, "10:00"), (second, "11:00")):
        await reader.go(path)
        await reader.send(reader.form(path), cancel_time=cancel_time)
    await first.send(first.form(path), step="save")
    await second.send(second.form(path), step="save")
    assert second.page.status_code == 409
    assert "别人更改了这家医院的规则" in second.text
    assert 'value="11:00"' in second.text
    rows = await ask(site.platform, "SELECT cancel_time::text FROM hospital_rules")
    assert rows == [("10:00:00",)]


async def test_an_unknown_hospital_is_not_there(site: Site) -> None:
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    for tail in ("", "/rules", "/departments", "/departments/new"):
        await reader.go(f"/staff/hospitals/999{tail}")
        assert reader.page.status_code == 404
