"""The pages on which a hospital decides how it gives out places."""

from __future__ import annotations

import pytest
from tests.city import ask
from tests.web.browsing import Reader
from tests.web.scheduling.test_schedule import scheduler
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

PATH = "/staff/schedule/release"
# The clock stands at 30 November 2026: nobody can have applied for 4 March yet.
WANTED = {
    "department": "",
    "title": "主任医师",
    "mode": "draw",
    "referral_percent": "20",
    "holds_from": "2027-03-04",
    "reason": "号常被秒抢",
}


async def decisions(site: Site) -> list[tuple[object, ...]]:
    return await ask(
        site.platform, "SELECT title, mode, referral_percent, reason FROM release_modes"
    )


async def save(reader: Reader, path: str = PATH) -> None:
    """Send the preview's form, which is the first of the page."""
    await reader.send(reader.form(path), step="save")


async def test_a_decision_shows_first_what_patients_will_read_in_both_languages(
    site: Site,
) -> None:
    reader, _ = await scheduler(site)
    await reader.go(PATH)
    assert "所有号源放号后先到先得" in reader.text
    await reader.send(reader.form(PATH), **WANTED)
    assert "20%的号留给医生转诊" in reader.text
    assert "20% are kept for doctors&#39; referrals" in reader.text
    assert "12月1日 周二 00:00起登记" in reader.text
    assert "12月3日 周四 20:00截止" in reader.text
    assert "Draw: Fri 4 Dec, 00:00" in reader.text
    assert await decisions(site) == []
    await save(reader)
    assert "已决定" in reader.text
    assert await decisions(site) == [("主任医师", "draw", 20, "号常被秒抢")]
    assert "主任医师：抽签放号，20%留给转诊" in reader.text


async def test_a_decision_is_withdrawn_with_a_reason(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go(PATH)
    await reader.send(reader.form(PATH), **WANTED)
    await save(reader)
    await reader.send(reader.form(f"{PATH}/withdraw"))
    assert "将改为：先到先得" in reader.text
    await reader.confirm()
    assert "已撤回" in reader.text
    assert await decisions(site) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"department": "999999"}, "没有这个科室"),
        ({"department": "x"}, "没有这个科室"),
        ({"title": "神医"}, "没有这个职称"),
        ({"mode": "auction"}, "请选择放号方式"),
        ({"holds_from": "2027-02-30"}, "请选择放号方式"),
        ({"holds_from": "2027-03-03"}, "不能再改"),
        ({"holds_from": "2036-03-03"}, "日期太远"),
        ({"referral_percent": "51"}, "须在0到50之间"),
        ({"referral_percent": "1e1"}, "须在0到50之间"),
        ({"reason": " "}, "请写明原因"),
        ({"reason": "长" * 201}, "请写明原因"),
        ({"mode": "first_come"}, "没有更改"),
    ],
)
async def test_what_cannot_be_decided_is_refused_and_stays_typed_in(
    site: Site, changed: dict[str, str], said: str
) -> None:
    reader, _ = await scheduler(site)
    await reader.go(PATH)
    answer = await reader.send(reader.form(PATH), **{**WANTED, **changed})
    assert answer.status_code == 422
    assert said in reader.text
    assert await decisions(site) == []
    if "reason" not in changed:
        assert WANTED["reason"] in reader.text


async def test_a_decision_on_what_was_not_seen_is_refused(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go(PATH)
    await reader.send(reader.form(PATH), **WANTED)
    await reader.send(reader.form(PATH), step="save", version="another")
    assert reader.page.status_code == 409
    assert "别人更改了" in reader.text
    assert await decisions(site) == []


async def test_an_administrator_decides_for_every_hospital(site: Site) -> None:
    _, session_id = await scheduler(site)
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    path = f"/staff/hospitals/{hospital_id}/release"
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go(path)
    await reader.send(reader.form(path), **WANTED)
    await save(reader, path)
    assert await decisions(site) == [("主任医师", "draw", 20, "号常被秒抢")]
    await reader.go("/staff/trail")
    assert "决定放号方式" in reader.text
    assert "先到先得 → 抽签放号" in reader.text
    assert (await reader.go("/staff/hospitals/999999/release")).status_code == 404


async def test_the_report_s_proposal_fills_in_the_form(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go(f"{PATH}?title=主任医师&mode=draw&reason=近20次放号")
    form = reader.form(PATH)
    assert (form.fields["title"], form.fields["reason"]) == ("主任医师", "近20次放号")
