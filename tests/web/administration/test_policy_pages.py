"""The policy's page: what holds, a preview in the patients' words, two administrators at once."""

from __future__ import annotations

from datetime import date

import pytest
from tests.city import Clock, add_session, ask
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen
from tests.web.staff_site import at_the_desk

from guahao.flows.policy.policy_trials import carry_out
from guahao.rules.staff.staff import Role

POLICY = "/staff/policy"
TUESDAY = date(2026, 12, 1)


async def administrator(site: Site, *, language: str = "zh") -> Reader:
    reader = await at_the_desk(site, Role.ADMINISTRATOR, language=language)
    await reader.go(POLICY)
    return reader


async def saved(reader: Reader, **typed: str) -> None:
    """Preview and save what was typed into the form."""
    await reader.send(reader.form(POLICY), **typed)
    await reader.send(reader.form(POLICY), step="save")


async def rows(site: Site) -> list[tuple[object, ...]]:
    return await ask(site.platform, "SELECT holds_from, per_day, reason FROM policies")


async def test_a_policy_is_previewed_in_the_patients_words_and_then_saved(site: Site) -> None:
    reader = await administrator(site)
    assert "还没有更改过" in reader.text
    await reader.send(reader.form(POLICY), per_day="1", reason="冬季试行")
    assert "从12月1日 周二起，患者将看到" in reader.text
    assert "同一天：最多1个号" in reader.text
    assert await rows(site) == []
    await reader.send(reader.form(POLICY), step="save")
    assert await rows(site) == [(TUESDAY, 1, "冬季试行")]
    assert "待生效" in reader.text
    assert "冬季试行" in reader.text


async def test_the_help_page_says_the_numbers_of_its_day(site: Site, clock: Clock) -> None:
    await saved(await administrator(site), per_day="1", patient_may_cancel="yes", reason="试行")
    patient = Reader.of(site)
    await patient.go("/help")
    assert "同一天：最多2个号" in patient.text
    assert "由客服核对身份后办理" in patient.text
    clock.forward(days=1)
    await patient.go("/help")
    assert "同一天：最多1个号" in patient.text
    assert "由客服核对身份后办理" not in patient.text


async def test_what_is_saved_is_what_was_previewed_not_what_somebody_did_meanwhile(
    site: Site,
) -> None:
    one, other = await administrator(site), await administrator(site)
    await one.send(one.form(POLICY), per_day="1", reason="其一")
    await saved(other, per_day="3", reason="其二")
    answer = await one.send(one.form(POLICY), step="save")
    assert answer.status_code == 409
    assert "政策有更改（最近一次：administrator" in one.text
    assert await rows(site) == [(TUESDAY, 3, "其二")]


async def test_a_policy_to_come_is_withdrawn_with_a_reason(site: Site) -> None:
    reader = await administrator(site)
    await saved(reader, per_day="1", reason="试行")
    await reader.send(reader.form(f"{POLICY}/withdraw"), reason="写错了")
    assert reader.form().fields["reason"] == "写错了"
    await reader.confirm("写错了")
    assert "已撤回" in reader.text
    assert await rows(site) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"per_day": "0"}, "“同一天最多几个号”须在1到10之间"),
        ({"per_day": "两个"}, "“同一天最多几个号”须在1到10之间"),
        ({"horizon_months": "4"}, "“最多提前几个月预约”须在1到3之间"),
        ({"per_day": "4"}, "同一天的上限不能大于连续天数上限"),
        ({"first_suspension_no_shows": "6"}, "再次暂停的爽约次数要大于首次"),
        ({"holds_from": "2026-11-30"}, "新政策最早从12月1日 周二起生效"),
        ({"holds_from": "2029-01-01"}, "最多提前366天"),
        ({"holds_from": "明天"}, "请填写生效日期"),
        ({"reason": " "}, "请写明原因"),
        ({"per_day": "2"}, "与那一天本来的政策相同"),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    site: Site, typed: dict[str, str], said: str
) -> None:
    reader = await administrator(site)
    answer = await reader.send(reader.form(POLICY), **{"per_day": "1", "reason": "试行", **typed})
    assert answer.status_code == 422
    assert said in reader.text
    assert reader.form(POLICY).fields["per_day"] == {"per_day": "1", **typed}["per_day"]
    assert await rows(site) == []


async def test_one_a_department_and_day_cannot_be_typed_in(site: Site) -> None:
    reader = await administrator(site)
    answer = await reader.send(
        reader.form(POLICY), per_day="1", reason="试行", per_department_and_day="2"
    )
    assert answer.status_code == 422
    assert "须在1到1之间" in reader.text


async def test_the_page_is_said_in_english(site: Site) -> None:
    reader = await administrator(site, language="en")
    await reader.send(reader.form(POLICY), per_day="1", reason="a trial")
    assert "at most 1 place a day" in reader.text
    assert "Places a day" in reader.text


async def test_a_policy_is_tried_and_the_result_is_shown_with_tables(site: Site) -> None:
    session_id = await add_session(site.platform)
    answer = await site.book(await add_citizen(site, 1), session_id)
    assert answer.status_code == 201
    reader = await administrator(site)
    await reader.send(reader.form(POLICY), per_day="1", reason="试行")
    await reader.send(reader.form(POLICY), step="try", days="30")
    assert "正在试算" in reader.text
    [[trial_id]] = await ask(site.platform, "SELECT id FROM policy_trials")
    partial = await reader.client.get(reader.path, headers={"HX-Request": "true"})
    assert "hx-refresh" not in partial.headers
    await carry_out(site.platform, trial_id)
    partial = await reader.client.get(reader.path, headers={"HX-Request": "true"})
    assert partial.headers["hx-refresh"] == "true"
    await reader.go(f"{POLICY}/trials/{trial_id}")
    assert "100.0%的答复与当时实际的答复一致（1 / 1）" in reader.text
    assert "示例" not in reader.text  # nobody is named
    await reader.go(POLICY)
    assert "查看结果" in reader.text
    assert (await reader.go(f"{POLICY}/trials/{trial_id + 1}")).status_code == 404
