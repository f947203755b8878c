"""The scheduler's pages: the week, timetables, places, rules with a preview, stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.city import Clock, add_session, ask, change
from tests.crowd import count
from tests.flows.supply.replaced import stop_clinic
from tests.web.browsing import Form, Reader, _Forms
from tests.web.site import Site, add_citizen, booked, problem
from tests.web.staff_site import at_the_desk

from guahao.flows.supply.stops import GRACE, carry_on
from guahao.rules.staff.staff import Role

UNTICKED = {
    **{f"weekday_{n}": "" for n in (1, 2, 3, 5, 6, 7)},
    "period_morning": "",
    "period_evening": "",
    "on_holidays": "",
}
WEEKLY = {
    **UNTICKED,
    "weekday_4": "yes",
    "title": "主任医师",
    "specialty": "高血压",
    "period_afternoon": "yes",
    "starts_afternoon": "14:00",
    "ends_afternoon": "16:00",
    "fee": "80.50",
    "capacity_afternoon": "12",
}
ONCE = {
    "first": "2026-12-05",
    "title": "主任医师",
    "period": "afternoon",
    "fee": "80.50",
    "capacity": "12",
}


async def scheduler(site: Site, *, language: str = "zh") -> tuple[Reader, int]:
    """A scheduler of a hospital with one session on Thursday, and the session."""
    session_id = await add_session(site.platform)
    await change(
        site.platform,
        """
        WITH head AS (INSERT INTO departments (hospital_id, code, name)
                      SELECT hospital_id, '03', '内科' FROM clinic_sessions WHERE id = %s
                      RETURNING id, hospital_id)
        UPDATE departments d SET parent_id = head.id FROM head
        WHERE d.hospital_id = head.hospital_id AND d.code = '03.04'
        """,
        session_id,
    )
    hospital_id = await hospital_of(site, session_id)
    return await at_the_desk(site, Role.SCHEDULER, hospital_id, language=language), session_id


async def hospital_of(site: Site, session_id: int) -> int:
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(hospital_id)


async def book_it(site: Site, session_id: int, number: int = 1) -> None:
    answer = await site.book(await add_citizen(site, number), session_id)
    assert answer.status_code == 201, answer.text


async def test_the_week_shows_sessions_with_what_is_booked(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await book_it(site, session_id)
    await reader.go("/staff/schedule")
    assert reader.page.status_code == 200
    assert f"/staff/schedule/sessions/{session_id}" in reader.text
    assert "1 / 20" in reader.text
    await reader.go("/staff/schedule?week=2026-12-10")
    assert f"/staff/schedule/sessions/{session_id}" not in reader.text


async def test_a_weekly_timetable_is_added_changed_and_ended(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY)
    assert "已添加" in reader.text
    [[timetable_id, fee]] = await ask(site.platform, "SELECT id, fee_fen FROM timetables")
    assert fee == 8050
    assert await count(site.platform, "clinic_sessions", "timetable_id IS NOT NULL") == 13
    path = f"/staff/schedule/timetables/{timetable_id}"
    await reader.go(path)
    assert "13个无人预约" in reader.text
    await reader.send(reader.form(path), capacity="30")
    assert "13个无人预约的门诊已随之更改" in reader.text
    assert await count(site.platform, "clinic_sessions", "capacity = 30") == 13
    await reader.go(path)
    await reader.send(reader.form(f"{path}/end"), last="2026-12-03")
    await reader.confirm()
    assert "撤下12个" in reader.text
    assert await count(site.platform, "clinic_sessions", "timetable_id IS NOT NULL") == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"fee": "8.005"}, "费用须在"),
        ({"capacity_afternoon": "1001"}, "号源数须在0到1000之间"),
        ({"ends_afternoon": "13:00"}, "结束时间须晚于开始时间"),
        ({"starts_afternoon": "两点"}, "时间看不明白"),
        ({"ends_afternoon": "16"}, "时间看不明白"),
        ({"first": "2026-11-30"}, "最早从明天开始"),
        ({"title": ""}, "请填写职称"),
        ({"department": "999999"}, "本院没有这个科室"),
    ],
)
async def test_a_bad_field_is_named_and_what_was_typed_stays(
    site: Site, typed: dict[str, str], said: str
) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY | typed)
    assert reader.page.status_code == 422
    assert said in reader.text
    assert 'value="高血压"' in reader.text
    assert await count(site.platform, "timetables") == 0


@pytest.mark.parametrize("half_past_two", ["14：30", "1430", "14.30", "下午2:30", "14点半"])
async def test_times_are_understood_as_they_are_typed(site: Site, half_past_two: str) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY | {"starts_afternoon": half_past_two})
    assert "已添加" in reader.text
    assert await count(site.platform, "timetables", "starts_at = '14:30'") == 1


async def test_a_single_session_is_added(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/once")
    await reader.send(None, **ONCE)
    assert "已添加" in reader.text
    assert await count(site.platform, "clinic_sessions", "visit_date = '2026-12-05'") == 1


@pytest.mark.no_draws
async def test_a_single_session_beside_the_same_clinic_is_added_and_the_page_says_so(
    site: Site,
) -> None:
    reader, _ = await scheduler(site)
    doubled = "现在号源加倍"
    slots = [("14:00", "15:00"), ("15:00", "16:00")]
    for starts_at, ends_at in slots:
        await reader.go("/staff/schedule/once")
        await reader.send(None, **ONCE, starts_at=starts_at, ends_at=ends_at)
        assert "已添加" in reader.text
        assert doubled not in reader.text
    for hours in ({}, {"starts_at": "15:30"}, {"starts_at": "14:00", "ends_at": "15:00"}):
        await reader.go("/staff/schedule/once")
        await reader.send(None, **ONCE, **hours)
        assert "已添加" in reader.text
        assert doubled in reader.text
    # What has no places, here or there, doubles nothing.
    await reader.go("/staff/schedule/once")
    await reader.send(None, **ONCE | {"capacity": "0"})
    assert doubled not in reader.text
    await change(site.platform, "UPDATE clinic_sessions SET capacity = 0")
    await reader.go("/staff/schedule/once")
    await reader.send(None, **ONCE)
    assert doubled not in reader.text
    assert await count(site.platform, "clinic_sessions", "visit_date = '2026-12-05'") == 7


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({"ends_at": "15:00"}, "结束时间须晚于开始时间"),
        ({"starts_at": "15:00", "ends_at": "14:00"}, "结束时间须晚于开始时间"),
        ({"starts_at": "8:00", "ends_at": "9:00"}, "下午门诊11:00–18:59"),
    ],
)
async def test_a_single_session_has_hours_within_its_period(
    site: Site, hours: dict[str, str], said: str
) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/once")
    await reader.send(None, **ONCE, **hours)
    assert reader.page.status_code == 422
    assert said in reader.text
    assert await count(site.platform, "clinic_sessions", "visit_date = '2026-12-05'") == 0


@pytest.mark.no_draws
async def test_places_cannot_fall_below_what_is_booked_and_the_page_says_how_many(
    site: Site,
) -> None:
    reader, session_id = await scheduler(site)
    await book_it(site, session_id, 1)
    await book_it(site, session_id, 2)
    path = f"/staff/schedule/sessions/{session_id}"
    await reader.go(path)
    await reader.send(reader.form(path), capacity="1")
    assert reader.page.status_code == 409
    assert "号共2个，号源数不能少于2" in reader.text
    await reader.send(reader.form(path), capacity="2")
    assert "已更改" in reader.text
    assert await ask(site.platform, "SELECT capacity, booked FROM clinic_sessions") == [(2, 2)]


async def test_rules_are_shown_as_patients_will_read_them_before_they_are_saved(
    site: Site, clock: Clock
) -> None:
    reader, session_id = await scheduler(site)
    path = "/staff/schedule/rules"
    await reader.go(path)
    await reader.send(reader.form(path), cancel_time="12：00", cycle_days="１４")
    assert "就诊前一天 12:00 之前。" in reader.text
    assert "本院提前 14 天放号。" in reader.text
    assert await count(site.platform, "hospital_rules") == 0
    await reader.send(reader.form(path), step="save")
    assert "已保存" in reader.text
    citizen = Reader.of(site)
    page = f"/hospitals/{await hospital_of(site, session_id)}"
    await citizen.go(page)
    assert "就诊前一天 15:00 之前。" in citizen.text
    clock.forward(days=1)
    await citizen.go(page)
    assert "就诊前一天 12:00 之前。" in citizen.text


async def test_a_hospital_that_takes_checked_persons_only_says_so_and_refuses_others(
    site: Site, clock: Clock
) -> None:
    reader, session_id = await scheduler(site)
    path = "/staff/schedule/rules"
    await reader.go(path)
    await reader.send(reader.form(path), checked_only="yes")
    assert "只收身份已核实的就诊人" in reader.text
    await reader.send(reader.form(path), step="save")
    citizen = await add_citizen(site)
    await change(site.platform, "UPDATE patients SET checked_at = NULL, checked_by = NULL")
    clock.forward(days=1)  # the rules hold from tomorrow
    citizen = replace(citizen, token=await site.log_in(citizen.account_id))
    problem(await site.book(citizen, session_id), 409, "person_unchecked")
    visitor = Reader.of(site)
    await visitor.log_in()
    await visitor.go(f"/book/{session_id}")
    assert "这个号只约给身份已核实的人。" in visitor.text
    assert "还没有核实：请先带证件原件到任一医院窗口核实。" in visitor.text
    assert "同时最多有" not in visitor.text  # the limit of other hospitals
    reader = await at_the_desk(site, Role.SCHEDULER, await hospital_of(site, session_id))
    await reader.go(path)
    assert reader.form(path).fields["checked_only"] == "yes"
    await reader.send(reader.form(path), checked_only="no", step="save")
    clock.forward(days=1)
    citizen = replace(citizen, token=await site.log_in(citizen.account_id))
    assert (await site.book(citizen, session_id)).status_code == 201


async def test_rules_to_come_can_be_withdrawn(site: Site) -> None:
    reader, _ = await scheduler(site)
    path = "/staff/schedule/rules"
    await reader.go(path)
    await reader.send(reader.form(path), cycle_days="14", step="save")
    assert await count(site.platform, "hospital_rules") == 1
    await reader.send(reader.form(f"{path}/withdraw"))
    assert await count(site.platform, "hospital_rules") == 1
    await reader.confirm()
    assert "已撤回" in reader.text
    assert await count(site.platform, "hospital_rules") == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"holds_from": "2026-11-30"}, "最早从明天起生效"),
        ({"cycle_days": "93"}, "1到92天"),
        ({"cancel_days_before": "0"}, "就诊当天不能退号"),
        ({"cancel_time": ""}, "请填写每个时间"),
        ({"cancel_time": "三点"}, "写成8:30这样"),
    ],
)
async def test_rules_that_cannot_be_are_refused_at_the_preview(
    site: Site, typed: dict[str, str], said: str
) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/rules")
    await reader.send(reader.form("/staff/schedule/rules"), **typed)
    assert reader.page.status_code == 422
    assert said in reader.text


async def test_a_stop_shows_who_is_affected_then_stops_and_is_undone(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await book_it(site, session_id)
    await reader.go(f"/staff/schedule/stop?session={session_id}&first=2026-12-03")
    assert "将受影响" in reader.text
    assert await count(site.platform, "stops") == 0
    form = [f for f in _forms(reader) if f.method == "post" and "first" in f.fields]
    await reader.send(form[0], reason="医生外出")
    assert "患者还没有收到通知" in reader.text
    assert await count(site.platform, "appointments", "status = 'stopped'") == 1
    await reader.send(reader.form(f"{reader.path}/undo"))
    assert "停诊已撤销" in reader.text
    assert await count(site.platform, "appointments", "status = 'booked'") == 1


async def test_a_substitute_keeps_the_bookings_and_is_undone(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await book_it(site, session_id)
    await reader.go(f"/staff/schedule/stop?session={session_id}&first=2026-12-03")
    form = [f for f in _forms(reader) if f.method == "post" and "first" in f.fields]
    assert form[0].fields["instead"] == ""  # to cancel the bookings is what a stop means
    await reader.send(form[0], reason="医生外出", instead="substitute")
    assert "已换医生，患者还没有收到通知" in reader.text
    assert "为停诊患者留号" not in reader.text
    assert await count(site.platform, "appointments", "substituted_at IS NOT NULL") == 1
    assert await count(site.platform, "clinic_sessions", "stopped_at IS NOT NULL") == 0
    undo = f"{reader.path}/undo"
    await reader.go("/staff/schedule/stop")
    assert "换医生 · 可撤销" in reader.text
    await reader.go(undo.removesuffix("/undo"))
    await reader.send(reader.form(undo))
    assert "换医生已撤销" in reader.text
    assert await count(site.platform, "appointments", "substituted_at IS NOT NULL") == 0


def _forms(reader: Reader) -> list[Form]:
    forms = _Forms()
    forms.feed(reader.text)
    return forms.found


async def test_a_stop_without_a_reason_is_refused(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await reader.go(f"/staff/schedule/stop?session={session_id}&first=2026-12-03")
    form = [f for f in _forms(reader) if f.method == "post" and "first" in f.fields]
    await reader.send(form[0], reason=" ")
    assert reader.page.status_code == 422
    assert "请写明停诊原因" in reader.text


async def test_the_delivery_of_a_stop_can_be_watched(site: Site, clock: Clock) -> None:
    reader, session_id = await scheduler(site)
    await book_it(site, session_id)
    await reader.go("/staff/schedule/stop?first=2026-12-03")
    form = [f for f in _forms(reader) if f.method == "post" and "first" in f.fields]
    await reader.send(form[0], reason="设备故障")
    path = reader.path
    clock.now += GRACE + timedelta(seconds=1)
    await carry_on(site.platform)
    reader.client.headers["HX-Request"] = "true"
    await reader.go(path)
    assert "正在通知患者" in reader.text
    assert "<html" not in reader.text
    await site.deliver()
    await reader.go(path)
    assert "通知完毕" in reader.text
    await change(site.platform, "UPDATE messages SET state = 'failed' WHERE kind = 'stopped'")
    await reader.go(path)
    [[id]] = await ask(site.platform, "SELECT id FROM appointments")
    assert "没有通知到的患者" in reader.text
    assert await count(site.platform, "stop_bookings", f"appointment_id = {id}") == 1


async def test_english_pages_are_english(site: Site) -> None:
    reader, _ = await scheduler(site, language="en")
    for path, word in (
        ("/staff/schedule", "Weekly timetables"),
        ("/staff/schedule/new", "Add a weekly timetable"),
        ("/staff/schedule/stop", "See who is affected"),
        ("/staff/schedule/rules", "Preview what patients will see"),
    ):
        await reader.go(path)
        assert reader.page.status_code == 200
        assert word in reader.text


async def test_a_hospital_without_departments_says_so(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    await change(site.platform, "UPDATE departments SET on_platform = false")
    reader = await at_the_desk(site, Role.SCHEDULER, booking["hospital_id"])
    await reader.go("/staff/schedule")
    assert "还没有放号的科室" in reader.text


async def test_places_are_offered_to_the_patients_of_a_stop(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    stopped = await stop_clinic(site.platform, booking["clinic_session_id"])
    reader = await at_the_desk(site, Role.SCHEDULER, stopped.by.own_hospital_id)
    page = f"/staff/schedule/stops/{stopped.stop_id}"
    await reader.go(page)
    assert "1位患者还没有留号" in reader.text
    form, added = reader.form(f"{page}/replacement"), f"added_{stopped.session_id}"
    assert form.fields["until"] == "2026-12-01T18:00"
    for typed, status, said in [
        ({}, 422, "请至少在一个门诊填写"),
        ({added: "x"}, 422, "请填写0到1000之间的整数"),
        ({added: "1", "until": "明天"}, 422, "请填写0到1000之间的整数"),
        ({added: "1", "until": "2026-11-30T10:00"}, 422, "2小时以后"),
        ({f"free_{stopped.session_id}": "21"}, 409, "没有那么多空余的号"),
        ({"added_999999": "1"}, 422, "同科室、同职称"),
    ]:
        await reader.send(form, **typed)
        assert reader.page.status_code == status, typed
        assert said in reader.text, typed
    await reader.send(form, **{added: "1"})
    assert "已为1位患者留号，还有0位没有" in reader.text
    assert "没有等待留号的患者" in reader.text
    assert await count(site.platform, "replacement_offers", "state = 'open'") == 1


async def test_another_hospitals_stop_is_unknown(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    stopped = await stop_clinic(site.platform, booking["clinic_session_id"])
    reader = await at_the_desk(site, Role.SCHEDULER, stopped.by.own_hospital_id)
    page = f"/staff/schedule/stops/{stopped.stop_id}"
    await reader.go(page)
    form = reader.form(f"{page}/replacement")
    other, _ = await scheduler(site)
    assert (await other.go(page)).status_code == 404
    # The form of the hospital's own scheduler, sent by another's.
    reader.client.cookies.set("staff", other.client.cookies["staff"])
    await reader.send(form, **{f"added_{stopped.session_id}": "1"})
    assert reader.page.status_code in (403, 404)
    assert await count(site.platform, "replacement_offers") == 0
