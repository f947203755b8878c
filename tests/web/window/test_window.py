"""The hospital's window: who gets a number, and exactly why not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.city import Clock, add_session, ask, change, resident_id
from tests.supply import at
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

VISIT = at("2026-12-03 08:40")


async def clerk_of(site: Site, booking: dict[str, Any]) -> Reader:
    return await at_the_desk(site, Role.CLERK, booking["hospital_id"])


async def show(reader: Reader, booking: dict[str, Any], number: int = 1, **other: Any) -> str:
    """Code and document at the window; what the clerk reads."""
    await reader.go("/staff/window")
    await reader.send(**{"code": booking["code"], "id_no": resident_id(number)} | other)
    assert reader.page.status_code == 200
    return reader.text


async def status(site: Site) -> str:
    [[found]] = await ask(site.platform, "SELECT status FROM appointments ORDER BY id LIMIT 1")
    return str(found)


async def test_code_and_document_give_the_number(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    said = await show(await clerk_of(site, booking), booking)
    assert "已取号：张*" in said
    assert booking["order_no"] in said
    assert resident_id(1) not in said
    assert await status(site) == "picked_up"
    trail = await ask(site.platform, "SELECT action FROM audit_trail ORDER BY seq DESC LIMIT 1")
    assert trail == [("hand_out_number",)]


async def test_a_scanner_may_send_spaces_and_full_width_digits(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    wide = booking["code"].translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    reader = await clerk_of(site, booking)
    assert "已取号" in await show(reader, booking, code=f" {wide[:4]} {wide[4:]} ")


@pytest.mark.parametrize(
    ("when", "changes", "typed", "said"),
    [
        ("2026-12-03 08:40", "", {"id_no": resident_id(9)}, "证件与识别码不符"),
        ("2026-12-03 08:40", "", {"code": "00000000"}, "证件与识别码不符"),
        ("2026-12-03 08:40", "", {"code": "1234"}, "证件与识别码不符"),
        ("2026-12-03 08:40", "UPDATE appointments SET status = 'picked_up'", {}, "已经取过号"),
        ("2026-12-03 08:40", "UPDATE appointments SET status = 'cancelled'", {}, "已取消或停诊"),
        ("2026-12-03 08:40", "UPDATE appointments SET status = 'stopped'", {}, "已取消或停诊"),
        ("2026-12-02 08:40", "", {}, "不是今天的预约"),
        ("2026-12-03 11:30", "", {}, "已过取号时间"),
        ("2026-12-03 11:45", "UPDATE appointments SET status = 'no_show'", {}, "已过取号时间"),
    ],
)
async def test_the_exact_reason_why_not(
    site: Site, clock: Clock, when: str, changes: str, typed: dict[str, Any], said: str
) -> None:
    booking = await booked(site, await add_citizen(site))
    if changes:
        await change(site.platform, changes)
    before = await status(site)
    clock.now = at(when)
    assert said in await show(await clerk_of(site, booking), booking, **typed)
    assert await status(site) == before


async def test_another_hospital_is_named_only_to_who_shows_the_document(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    [[other]] = await ask(
        site.platform,
        "SELECT hospital_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    clock.now = VISIT
    reader = await at_the_desk(site, Role.CLERK, other)
    assert "不是本院的预约" in await show(reader, booking)
    assert "证件与识别码不符" in await show(reader, booking, 9)
    assert await status(site) == "booked"


async def test_wrong_documents_for_one_code_are_counted(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    reader = await clerk_of(site, booking)
    for _ in range(10):
        assert "证件与识别码不符" in await show(reader, booking, 9)
    assert "错误次数过多" in await show(reader, booking)
    assert await status(site) == "booked"


async def test_two_windows_at_once_hand_out_one_number(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    windows = [await clerk_of(site, booking) for _ in range(4)]
    said = await asyncio.gather(*[show(reader, booking) for reader in windows])
    assert sum("已取号：" in text for text in said) == 1
    assert sum("已经取过号" in text for text in said) == 3


async def test_a_mistake_is_taken_back_with_a_reason_on_the_same_day(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    reader = await clerk_of(site, booking)
    await show(reader, booking)
    await reader.go(f"/staff/window/correct/{booking['id']}")
    await reader.send(reason=" ")
    assert reader.page.status_code == 422
    assert await status(site) == "picked_up"
    await reader.go(f"/staff/window/correct/{booking['id']}")
    await reader.send(reason="叫错了号")
    assert "已更正" in reader.text
    assert await status(site) == "booked"
    assert "已取号" in await show(reader, booking)
    clock.forward(days=1)
    reader = await clerk_of(site, booking)
    await reader.go(f"/staff/window/correct/{booking['id']}")
    await reader.send(reason="太晚")
    assert reader.page.status_code == 409
    assert await status(site) == "picked_up"


async def test_a_mistake_found_after_the_deadline_punishes_nobody(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    reader = await clerk_of(site, booking)
    await show(reader, booking)
    clock.now = at("2026-12-03 12:00")
    reader = await clerk_of(site, booking)
    await reader.go(f"/staff/window/correct/{booking['id']}")
    await reader.send(reason="叫错了号")
    assert await status(site) == "unverified"


async def test_closing_a_session_makes_no_shows_and_tells_them_once(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    session_id = booking["clinic_session_id"]
    reader = await clerk_of(site, booking)
    clock.now = at("2026-12-03 11:00")
    reader = await clerk_of(site, booking)
    page = f"/staff/window/sessions/{session_id}"
    await reader.go(page)
    assert "取号截止以后才能结束：12月3日 周四 11:30起" in reader.text
    form = reader.form(page)
    form.action = f"{page}/close"  # which the page does not offer yet
    await reader.send(form)
    assert "还没到取号截止时间" in reader.text
    clock.now = at("2026-12-03 11:30")
    reader = await clerk_of(site, booking)
    await reader.go(page)
    await reader.send(reader.form(f"{page}/close"))
    assert "未取号的1人记为爽约" in reader.text
    assert await status(site) == "booked"
    form = reader.form()
    for _ in range(2):
        await reader.send(form, reason="全部录入")
        assert reader.page.status_code == 200
    assert await status(site) == "no_show"
    told = await ask(site.platform, "SELECT count(*) FROM messages WHERE kind = 'no_show'")
    assert told == [(1,)]


async def test_what_paper_says_is_entered_after_the_sweep_and_suspends_nobody(
    site: Site, clock: Clock
) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    session_id = booking["clinic_session_id"]
    for day in (5, 6):  # two no-shows earlier in the year: this one would be the third
        other = await add_session(site.platform)
        await change(
            site.platform,
            """
            INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                      visit_date, status, channel, code_enc, code_index,
                                      booked_at, changed_at)
            SELECT %s, id, hospital_id, department_id, make_date(2026, 5, %s), 'no_show', 'api',
                   '', sha256(int8send(id)), now(), now()
            FROM clinic_sessions WHERE id = %s
            """,
            citizen.patient_id,
            day,
            other,
        )
    clock.now = at("2026-12-03 11:30")
    reader = await clerk_of(site, booking)
    page = f"/staff/window/sessions/{session_id}"
    await reader.go(page)
    await reader.send(reader.form(f"{page}/close"))
    await reader.confirm()
    suspended = "SELECT suspended_until FROM patients"
    assert (await ask(site.platform, suspended))[0][0] is not None
    clock.forward(days=1)
    reader = await clerk_of(site, booking)
    await reader.go(f"{page}?date=2026-12-03")
    form = reader.form(page)
    form.fields = {"csrf": form.fields["csrf"], f"a{booking['id']}": "on"}
    await reader.send(form, reason="上午断网，手工取号")
    assert "补录了1个取号" in reader.text
    assert await ask(site.platform, suspended) == [(None,)]
    told = "SELECT count(*) FROM messages WHERE kind = 'relieved'"
    assert await ask(site.platform, told) == [(1,)]
    clock.forward(days=3)
    reader = await clerk_of(site, booking)
    await reader.go("/staff/window")
    csrf = reader.form().fields["csrf"]
    late = await reader.client.post(page, data={"csrf": csrf, "reason": "x"})
    assert late.status_code in (404, 409)


async def test_the_printed_list_holds_neither_names_nor_numbers_nor_codes_in_full(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    reader = await clerk_of(site, booking)
    await reader.go("/staff/window/print")
    assert booking["order_no"] in reader.text
    for private in (booking["code"], resident_id(1), "张三"):
        assert private not in reader.text
    trail = await ask(site.platform, "SELECT action FROM audit_trail ORDER BY seq DESC LIMIT 1")
    assert trail == [("print_day_list",)]


async def test_the_days_list_finds_a_document_without_its_number_in_the_address(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = VISIT
    reader = await clerk_of(site, booking)
    await reader.go("/staff/window/today")
    await reader.send(reader.form("/staff/window/find"), id_no=resident_id(1))
    assert resident_id(1) not in reader.path
    assert booking["order_no"] in reader.text
    await reader.go("/staff/window/today")
    await reader.send(reader.form("/staff/window/find"), id_no=resident_id(2))
    assert "没有预约" in reader.text
