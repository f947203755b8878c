"""A booking's page is the plan of its day: where, until when, and what else can be done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from tests.city import (
    THURSDAY,
    Clock,
    ask,
    cancel_for_caller,
    change,
    open_platform,
    stop_session,
)
from tests.crowd import add_clinic, open_desk, pick_up
from tests.web.browsing import Reader
from tests.web.site import Citizen, Site, add_citizen
from tests.web.staff_site import at_the_desk

from guahao.flows.booking.appointments import list_appointments
from guahao.flows.call_centre.call_tasks import make_call_tasks
from guahao.flows.supply import stops
from guahao.rules.call_centre.call_backs import CALL_BACKS_A_DAY
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.kernel.outcomes import PickupRefusal
from guahao.rules.staff.staff import Role
from guahao.web.app import create_app

Settled = Callable[[Site, Reader, int], Awaitable[None]]
SELF_SERVICE = Policy(cancel_channels=frozenset({"agent", "patient"}))


@pytest.fixture
async def open_site(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    """A site whose operator lets patients cancel."""
    async with (
        open_platform(database_url, clock, policy=SELF_SERVICE) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)


async def with_booking(
    site: Site, sessions: int = 2, *, language: str = "zh"
) -> tuple[Reader, int, list[int]]:
    """A logged-in citizen with a booking of the first of some sessions of a department."""
    days = [THURSDAY + timedelta(days=n) for n in range(sessions)]
    clinic = await add_clinic(site.platform, days)
    citizen = await add_citizen(site)
    booking = (await site.book(citizen, clinic[0])).json()
    return reader_of(site, citizen, language), booking["id"], clinic


def reader_of(site: Site, citizen: Citizen, language: str = "zh") -> Reader:
    reader = Reader.of(site, language=language)
    reader.client.cookies.set("session", citizen.token, domain="guahao.test", path="/")
    return reader


async def later(site: Site, clock: Clock, reader: Reader, now: datetime) -> None:
    """Move the clock, and log the citizen in again."""
    clock.now = now
    [[account_id]] = await ask(site.platform, "SELECT id FROM accounts")
    token = await site.log_in(account_id)
    reader.client.cookies.set("session", token, domain="guahao.test", path="/")


# What the page says -----------------------------------------------------------------------


async def test_where_the_hospital_is_with_a_map_and_its_phone(site: Site) -> None:
    reader, id, _ = await with_booking(site)
    await change(
        site.platform,
        "UPDATE hospitals SET address = '西城区示例路1号', phone = '010-65550000',"
        " latitude = 39.91, longitude = 116.38",
    )
    await reader.go(f"/bookings/{id}")
    assert "西城区示例路1号" in reader.text
    assert 'href="tel:010-65550000"' in reader.text
    name = "%E5%B8%82%E7%AC%AC%E4%BA%8C%E5%8C%BB%E9%99%A2"
    assert f'href="geo:39.91,116.38?q=39.91,116.38({name})"' in reader.text
    for part in ("请在 12月3日 周四 11:30 前取号", "证件原件", "code.svg", "12月2日 周三 15:00 前"):
        assert part in reader.text


async def test_a_hospital_that_says_nothing_of_itself_has_no_empty_rows(site: Site) -> None:
    reader, id, _ = await with_booking(site)
    await reader.go(f"/bookings/{id}")
    assert not [row for row in ("地址", "医院电话", "看地图") if row in reader.text]


async def test_after_the_deadline_the_page_offers_no_way_that_ends_in_a_refusal(
    open_site: Site, clock: Clock
) -> None:
    reader, id, _ = await with_booking(open_site)
    await reader.go(f"/bookings/{id}")
    assert f"/bookings/{id}/reschedule" in reader.text
    assert f"/bookings/{id}/cancel" in reader.text
    await later(open_site, clock, reader, datetime(2026, 12, 2, 15, 0, tzinfo=CITY_TIME))
    await reader.go(f"/bookings/{id}")
    assert f"/bookings/{id}/reschedule" not in reader.text
    assert f"/bookings/{id}/cancel" not in reader.text
    assert "截止，请按时就诊" in reader.text


async def test_on_the_day_and_after_the_pick_up_time(site: Site, clock: Clock) -> None:
    reader, id, _ = await with_booking(site)
    await later(site, clock, reader, datetime(2026, 12, 3, 8, 0, tzinfo=CITY_TIME))
    await reader.go(f"/bookings/{id}")
    assert "今天就诊" in reader.text
    await later(site, clock, reader, datetime(2026, 12, 3, 11, 30, tzinfo=CITY_TIME))
    await reader.go(f"/bookings/{id}")
    assert "已作废" in reader.text
    assert "code.svg" not in reader.text
    assert "重新预约这个科室" in reader.text


# Moving -----------------------------------------------------------------------------------


async def test_a_patient_moves_a_booking_where_the_operator_allows_it(open_site: Site) -> None:
    reader, id, clinic = await with_booking(open_site, 3)
    await reader.go(f"/bookings/{id}/reschedule")
    form = reader.form(f"/bookings/{id}/reschedule")
    await reader.send(form, session_id=str(clinic[1]))
    assert "改约成功" in reader.text
    assert "原来的号已退：12月3日 周四 上午" in reader.text
    new = reader.path
    await reader.send(form, session_id=str(clinic[1]))
    assert reader.path == new  # the same form again is the same booking
    await reader.go(f"/bookings/{id}")
    assert "改约到别的时间" in reader.text
    assert new.partition("?")[0] in reader.text
    await reader.go(f"/bookings/{id}/reschedule")
    assert reader.path == f"/bookings/{id}"


async def test_by_default_the_page_gives_the_number_and_the_call_back(site: Site) -> None:
    reader, id, clinic = await with_booking(site)
    await reader.go(f"/bookings/{id}")
    assert f"/bookings/{id}/reschedule" not in reader.text
    answer = await reader.go(f"/bookings/{id}/reschedule")
    assert answer.status_code == 403
    assert "15:00之前拨打114" in reader.text
    assert f"/bookings/{id}/call-back?topic=reschedule" in reader.text
    await reader.go(f"/bookings/{id}")
    form = reader.form(f"/bookings/{id}/resend")
    form.action = f"/bookings/{id}/reschedule"
    await reader.send(form, session_id=str(clinic[1]), key="k" * 20)
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]


@pytest.mark.parametrize("chosen", ["", "x", "99999999999999999999999"])
async def test_nothing_chosen_is_asked_for_again(open_site: Site, chosen: str) -> None:
    reader, id, _ = await with_booking(open_site)
    await reader.go(f"/bookings/{id}/reschedule")
    form = reader.form(f"/bookings/{id}/reschedule")
    assert (await reader.send(form, session_id=chosen)).status_code == 422
    assert "请选要改到的一场" in reader.text


async def test_what_was_taken_meanwhile_is_refused_with_what_is_left(open_site: Site) -> None:
    reader, id, clinic = await with_booking(open_site, 3)
    await reader.go(f"/bookings/{id}/reschedule")
    await change(
        open_site.platform, "UPDATE clinic_sessions SET capacity = 0 WHERE id = %s", clinic[1]
    )
    form = reader.form(f"/bookings/{id}/reschedule")
    await reader.send(form, session_id=str(clinic[1]))
    assert "约满" in reader.text
    assert "12月5日" in reader.text
    assert await ask(open_site.platform, "SELECT status FROM appointments") == [("booked",)]


# Sending again ----------------------------------------------------------------------------


async def test_the_sms_is_sent_again_a_few_times_an_hour(site: Site) -> None:
    reader, id, _ = await with_booking(site)
    await reader.go(f"/bookings/{id}")
    form = reader.form(f"/bookings/{id}/resend")
    for _ in range(3):
        await reader.send(form)
        assert "短信已重新发往" in reader.text
    answer = await reader.send(form)
    assert answer.status_code == 429
    assert "一小时内已重发3次" in reader.text
    [[sent]] = await ask(site.platform, "SELECT count(*) FROM messages WHERE kind = 'booked'")
    assert sent == 4  # with the first
    await cancel_for_caller(site.platform, id)
    assert (await reader.send(form)).status_code == 409


# Calls ------------------------------------------------------------------------------------


async def ask_for_call(reader: Reader, path: str, topic: str = "help") -> None:
    await reader.go(path)
    await reader.send(reader.form(path.partition("?")[0]), topic=topic)


async def test_a_call_is_asked_for_seen_and_withdrawn(site: Site) -> None:
    reader, id, _ = await with_booking(site)
    await ask_for_call(reader, f"/bookings/{id}/call-back", "reschedule")
    assert "已请求回电：想改到别的时间" in reader.text
    assert "11月30日 周一 08:00–12:00" in reader.text
    [row] = await ask(site.platform, "SELECT kind, topic, asked_about, outcome FROM call_tasks")
    assert row == ("call_back", "reschedule", id, None)
    # A second is not asked for while the first waits.
    await reader.go("/call-back")
    assert "已请求回电" in reader.text
    await reader.send(reader.form("/call-back/withdraw"))
    assert "已请求回电" not in reader.text
    assert await ask(site.platform, "SELECT outcome FROM call_tasks") == [("withdrawn",)]


async def test_a_few_calls_a_day(site: Site) -> None:
    reader, id, _ = await with_booking(site)
    for _ in range(CALL_BACKS_A_DAY):
        await ask_for_call(reader, f"/bookings/{id}/call-back")
        await reader.send(reader.form("/call-back/withdraw"))
    await ask_for_call(reader, f"/bookings/{id}/call-back")
    assert "今天已请求回电3次" in reader.text
    assert "tel:114" in reader.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("topic", "nonsense"),
        ("window", ""),
        ("window", "2026-11-30T08:00:00"),
        ("window", "2026-11-30T03:00:00+08:00"),
        ("window", "2027-11-30T08:00:00+08:00"),
    ],
)
async def test_a_form_of_nonsense_calls_nobody(site: Site, field: str, value: str) -> None:
    reader, id, _ = await with_booking(site)
    path = f"/bookings/{id}/call-back"
    await reader.go(path)
    answer = await reader.send(reader.form(path), **{"topic": "help", field: value})
    assert answer.status_code in (409, 422)
    assert await ask(site.platform, "SELECT count(*) FROM call_tasks") == [(0,)]


async def test_a_strangers_booking_is_unknown_and_their_call_not_withdrawn(site: Site) -> None:
    reader, id, _ = await with_booking(site)
    await ask_for_call(reader, f"/bookings/{id}/call-back")
    other = reader_of(site, await add_citizen(site, 2))
    for path in (f"/bookings/{id}/call-back", f"/bookings/{id}/reschedule"):
        assert (await other.go(path)).status_code == 404
    await other.go("/call-back")
    form = other.form("/call-back")
    form.action = "/call-back/withdraw"
    [[call]] = await ask(site.platform, "SELECT id FROM call_tasks")
    await other.send(form, call_back=str(call))
    assert await ask(site.platform, "SELECT outcome FROM call_tasks") == [(None,)]


async def test_the_call_comes_before_the_deadline_of_what_is_asked(
    site: Site, clock: Clock
) -> None:
    reader, id, _ = await with_booking(site)
    await later(site, clock, reader, datetime(2026, 12, 2, 14, 0, tzinfo=CITY_TIME))
    path = f"/bookings/{id}/call-back"
    await reader.go(path)
    form = reader.form(path)
    late = "2026-12-02T18:00:00+08:00"
    answer = await reader.send(form, topic="cancel", window=late)
    assert answer.status_code == 409
    assert "到那时回电来不及" in reader.text
    await reader.send(form, topic="help", window=late)
    assert "已请求回电" in reader.text


async def test_an_agent_calls_and_a_call_that_nobody_answers_is_told(
    site: Site, clock: Clock
) -> None:
    reader, id, _ = await with_booking(site)
    await ask_for_call(reader, f"/bookings/{id}/call-back", "cancel")
    agent = await at_the_desk(site, Role.AGENT)
    for _ in range(4):
        await agent.go("/staff/tasks")
        await agent.send(agent.form("/staff/tasks"))
        assert "请求回电" in agent.text
        [[task]] = await ask(site.platform, "SELECT id FROM call_tasks")
        await agent.send(agent.form(f"/staff/tasks/{task}"), outcome="not_reached")
        clock.forward(hours=3)
        agent = await at_the_desk(site, Role.AGENT)
    assert await ask(site.platform, "SELECT outcome, tries FROM call_tasks") == [("given_up", 4)]
    await later(site, clock, reader, clock.now)
    await reader.go(f"/bookings/{id}")
    assert "回电没有打通" in reader.text
    clock.forward(hours=12)  # messages wait in the city's quiet hours
    await site.deliver()
    assert any("没有打通" in message.text for message in await site.outbox())


async def test_the_agent_hears_what_it_is_about_once_somebody_answers(site: Site) -> None:
    reader, id, _ = await with_booking(site)
    await ask_for_call(reader, f"/bookings/{id}/call-back", "cancel")
    agent = await at_the_desk(site, Role.AGENT)
    await agent.go("/staff/tasks")
    await agent.send(agent.form("/staff/tasks"))
    assert "想退号" not in agent.text
    [[task]] = await ask(site.platform, "SELECT id FROM call_tasks")
    await agent.send(agent.form(f"/staff/tasks/{task}/answered"))
    assert "想退号" in agent.text
    assert "市第二医院" in agent.text
    await agent.send(agent.form(f"/staff/tasks/{task}"), outcome="reached")
    await reader.go(f"/bookings/{id}")
    assert "已请求回电" not in reader.text


async def cancelled_on_the_page(_site: Site, reader: Reader, booking: int) -> None:
    path = f"/bookings/{booking}/cancel"
    await reader.go(path)
    await reader.send(reader.form(path))


async def rescheduled_on_the_page(site: Site, reader: Reader, booking: int) -> None:
    path = f"/bookings/{booking}/reschedule"
    [[other]] = await ask(
        site.platform,
        "SELECT id FROM clinic_sessions"
        " WHERE id NOT IN (SELECT clinic_session_id FROM appointments)",
    )
    await reader.go(path)
    await reader.send(reader.form(path), session_id=str(other))
    assert "改约成功" in reader.text


async def cancelled_on_the_hotline(site: Site, _reader: Reader, booking: int) -> None:
    await cancel_for_caller(site.platform, booking)


async def picked_up(site: Site, _reader: Reader, _booking: int) -> None:
    [[hospital_id]] = await ask(site.platform, "SELECT hospital_id FROM appointments")
    [view] = (await list_appointments(site.platform, await account(site), "current"))[:1]
    answer = await pick_up(site.platform, hospital_id, view.code, view.patient.id_no)
    assert not isinstance(answer, PickupRefusal), answer


async def stopped(site: Site, _reader: Reader, _booking: int) -> None:
    [[session_id]] = await ask(site.platform, "SELECT clinic_session_id FROM appointments")
    assert isinstance(await stop_session(site.platform, session_id), int)
    await stops.carry_on(site.platform)


async def account(site: Site) -> int:
    [[id]] = await ask(site.platform, "SELECT id FROM accounts")
    return int(id)


@pytest.mark.parametrize(
    ("settled", "outcome"),
    [
        (cancelled_on_the_page, "done_by_patient"),
        (rescheduled_on_the_page, "done_by_patient"),
        (cancelled_on_the_hotline, "done_by_patient"),
        (picked_up, "done_by_patient"),
        (stopped, "no_need"),
    ],
)
async def test_nobody_calls_about_a_booking_that_is_settled(
    open_site: Site, clock: Clock, settled: Settled, outcome: str
) -> None:
    site = open_site
    reader, id, _ = await with_booking(site)
    await ask_for_call(reader, f"/bookings/{id}/call-back", "cancel")
    if settled is picked_up:
        await later(site, clock, reader, datetime(2026, 12, 3, 9, 0, tzinfo=CITY_TIME))
    await settled(site, reader, id)
    agent = await at_the_desk(site, Role.AGENT)
    await agent.go("/staff/tasks")
    await agent.send(agent.form("/staff/tasks"))
    assert "请求回电" not in agent.text
    outcomes = "SELECT outcome FROM call_tasks WHERE kind = 'call_back'"
    assert await ask(site.platform, outcomes) == [(outcome,)]


async def test_who_settled_it_themselves_may_ask_for_another_call_at_once(open_site: Site) -> None:
    reader, id, _ = await with_booking(open_site)
    await ask_for_call(reader, f"/bookings/{id}/call-back", "cancel")
    await cancelled_on_the_page(open_site, reader, id)
    await reader.go(f"/bookings/{id}")
    assert "已请求回电" not in reader.text
    await ask_for_call(reader, "/call-back")
    assert "已请求回电：需要帮助" in reader.text
    outcomes = "SELECT outcome FROM call_tasks ORDER BY id"
    assert await ask(open_site.platform, outcomes) == [("done_by_patient",), (None,)]


async def test_a_call_for_help_and_a_call_in_progress_stay(open_site: Site) -> None:
    reader, id, _ = await with_booking(open_site)
    await ask_for_call(reader, f"/bookings/{id}/call-back", "help")
    other = reader_of(open_site, citizen := await add_citizen(open_site, 2))
    [[session_id]] = await ask(open_site.platform, "SELECT clinic_session_id FROM appointments")
    booking = (await open_site.book(citizen, session_id)).json()["id"]
    await ask_for_call(other, f"/bookings/{booking}/call-back", "cancel")
    agents = [await at_the_desk(open_site, Role.AGENT) for _ in range(2)]
    for agent in agents:  # each holds a call, and cancels for the caller
        await agent.go("/staff/tasks")
        await agent.send(agent.form("/staff/tasks"))
    for appointment_id in (id, booking):
        await cancel_for_caller(open_site.platform, appointment_id)
    await make_call_tasks(open_site.platform)
    assert await ask(open_site.platform, "SELECT outcome FROM call_tasks") == [(None,), (None,)]
    [[task]] = await ask(open_site.platform, "SELECT id FROM call_tasks WHERE topic = 'cancel'")
    await agents[1].send(agents[1].form(f"/staff/tasks/{task}"), outcome="reached")
    [[outcome]] = await ask(
        open_site.platform, "SELECT outcome FROM call_tasks WHERE topic = 'cancel'"
    )
    assert outcome == "reached"


async def test_english(open_site: Site) -> None:
    reader, id, _ = await with_booking(open_site, language="en")
    for path in (f"/bookings/{id}", f"/bookings/{id}/reschedule", f"/bookings/{id}/call-back"):
        await reader.go(path)
        assert reader.page.status_code == 200
    assert "When should we call?" in reader.text
