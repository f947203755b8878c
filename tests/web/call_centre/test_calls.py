"""The call centre: found in one search, verified before anything, cancelled, sent again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.city import Clock, ask, change, phone, reasons, resident_id
from tests.supply import at
from tests.web.browsing import Reader, shown
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.flows.call_centre.calls import index_names
from guahao.rules.staff.staff import Role


async def agent(site: Site) -> Reader:
    return await at_the_desk(site, Role.AGENT)


async def search(reader: Reader, text: str) -> str:
    await reader.go("/staff/calls")
    await reader.send(reader.form("/staff/calls"), q=text)
    return reader.text


async def verify(reader: Reader, **said: str) -> str:
    path = reader.path.partition("?")[0].removesuffix("/verify")
    await reader.send(reader.form(f"{path}/verify"), **said)
    return reader.text


async def on_the_line(site: Site, booking: dict[str, Any], *, verified: bool = True) -> Reader:
    """An agent with the first citizen on the line."""
    reader = await agent(site)
    await search(reader, phone(1))
    assert "/staff/calls/" in reader.path
    if verified:
        assert "已核实来电人" in await verify(reader, document=resident_id(1), name="张三")
    assert (booking["order_no"] in reader.text) is verified
    return reader


def shows_nothing(said: str, booking: dict[str, Any]) -> None:
    """Neither whose phone it is, nor anything of what they have booked."""
    health = ("市第一医院", "心血管内科", "主任医师", "12月3日", booking["order_no"], "张*")
    for private in (*PRIVATE, *health, booking["code"], resident_id(1)[-4:], phone(1)[-4:]):
        assert private not in shown(said), private


PRIVATE = (resident_id(1), phone(1), "张三")


async def test_a_search_that_finds_nobody_is_in_the_trail_too(site: Site) -> None:
    reader = await agent(site)
    await search(reader, "李四")
    await search(reader, phone(7))
    recorded = "SELECT detail::jsonb FROM audit_trail WHERE action = 'search_callers' ORDER BY seq"
    assert [
        (row[0]["kind"] in ("name", "phone", "document"), row[0]["hits"])
        for row in await ask(site.platform, recorded)
    ] == [(True, 0), (True, 0)]


@pytest.mark.parametrize("by", ["phone", "document", "name", "code", "order_no"])
async def test_every_way_to_find_a_caller(site: Site, by: str) -> None:
    booking = await booked(site, await add_citizen(site))
    typed = {
        "phone": phone(1),
        "document": resident_id(1).lower(),
        "name": "张三",
        "code": f"{booking['code'][:4]} {booking['code'][4:]}",
        "order_no": booking["order_no"],
    }[by]
    reader = await agent(site)
    said = await search(reader, typed)
    assert reader.path.startswith("/staff/calls/")
    assert typed not in reader.path
    shows_nothing(said, booking)
    asked = set(re.findall(r'name="(sms|document|name|phone|code)"', said))
    assert asked == {"document", "name", "phone", "code"} - {by}


async def test_namesakes_are_listed_masked_and_chosen(site: Site) -> None:
    await add_citizen(site, 1)
    await add_citizen(site, 2)
    reader = await agent(site)
    said = await search(reader, "张三")
    assert said.count("接听") == 2
    for private in (*PRIVATE, resident_id(1)[-4:], phone(1)[-4:]):
        assert private not in shown(said).replace('value="张三"', "")  # what the agent typed
    await reader.send(reader.form("/staff/calls/begin"))
    assert "/staff/calls/" in reader.path


@pytest.mark.parametrize("typed", ["13900000000", "李四", "00000000", "x", "张", " ", "'; DROP"])
async def test_nothing_found_says_how_to_find(site: Site, typed: str) -> None:
    await add_citizen(site)
    assert "没有找到" in await search(await agent(site), typed)


async def test_those_registered_before_there_was_a_search_are_found_by_name(site: Site) -> None:
    await add_citizen(site)
    await change(site.platform, "UPDATE patients SET name_index = NULL")
    reader = await agent(site)
    assert "没有找到" in await search(reader, "张三")
    assert await index_names(site.platform) == 1
    await search(reader, "张三")
    assert reader.path.startswith("/staff/calls/")


@pytest.mark.parametrize(
    ("said", "proven"),
    [
        ({"document": resident_id(1), "name": "张三"}, True),
        ({"document": resident_id(1)[-6:], "name": "张三"}, True),
        ({"document": resident_id(1), "phone": phone(1)}, False),  # found by it
        ({"document": resident_id(1)}, False),
        ({"name": "张三", "phone": phone(1)}, False),
        ({"document": resident_id(1)[-4:], "name": "张三"}, False),
        ({"document": resident_id(2), "name": "张三"}, False),
        ({"document": resident_id(1), "name": "李四"}, False),
        ({"document": resident_id(1), "code": "00000000"}, False),
        ({}, False),
    ],
)
async def test_who_is_verified(site: Site, said: dict[str, str], proven: bool) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking, verified=False)
    text = await verify(reader, **said)
    assert ("已核实来电人" in text) is proven
    assert ("重发短信" in text) is proven
    [[kept]] = await ask(
        site.platform, "SELECT string_agg(to_jsonb(t)::text, ' ') FROM audit_trail t"
    )
    for private in PRIVATE:
        assert private not in kept


async def test_wrong_answers_end_the_verifying(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking, verified=False)
    for _ in range(2):
        await verify(reader, document="000000", name="李四")
    assert "答错次数过多" in await verify(reader, document=resident_id(1), name="张三")
    recorded = "SELECT detail::jsonb FROM audit_trail WHERE action = 'verify_caller' ORDER BY seq"
    attempts = [row[0] for row in await ask(site.platform, recorded)]
    assert [attempt.get("refused") for attempt in attempts] == [None, None, "call_too_many_wrong"]


async def read_code(site: Site, number: int = 1) -> str:
    """The code that the registered phone has just got."""
    await site.deliver()
    sent = [item for item in await site.outbox() if item.kind == "call_code"]
    assert {item.to for item in sent} == {f"+86{phone(number)}"}
    found = re.search(r"\d{6}", sent[0].text)
    assert found
    return found[0]


async def test_the_code_from_the_registered_phone_and_the_document_verify(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking, verified=False)
    await reader.send(reader.form(f"{reader.path}/sms-code"))
    code = await read_code(site)
    assert "还需要证件号码" in await verify_and_go_back(reader, sms=code)
    assert "已核实来电人" in await verify(reader, document=resident_id(1)[-6:])


async def verify_and_go_back(reader: Reader, **said: str) -> str:
    """Answers that are right and not enough yet."""
    await verify(reader, **said)
    await reader.go(reader.path.removesuffix("/verify"))
    return reader.text


async def test_a_code_serves_its_own_call_for_five_minutes_and_five_tries(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking, verified=False)
    await reader.send(reader.form(f"{reader.path}/sms-code"))
    code = await read_code(site)
    other = await on_the_line(site, booking, verified=False)
    assert "没有核实成功" in await verify(other, sms=code, document=resident_id(1))
    clock.forward(minutes=5)
    said = await verify(reader, sms=code, document=resident_id(1))
    assert "没有核实成功" in said


async def test_no_more_than_three_codes_a_call(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking, verified=False)
    for _ in range(3):
        await reader.send(reader.form(f"{reader.path}/sms-code"))
        assert "核实码已发往" in reader.text
    await reader.send(reader.form(f"{reader.path}/sms-code"))
    assert "核实码发得太多" in reader.text
    sent = "SELECT count(*) FROM messages WHERE kind = 'call_code'"
    assert await ask(site.platform, sent) == [(3,)]
    recorded = "SELECT count(*) FROM audit_trail WHERE action = 'send_call_code'"
    assert await ask(site.platform, recorded) == [(4,)]


async def test_an_account_is_not_taken_on_by_its_number(site: Site) -> None:
    """Only what this agent has just found, and nobody else's find."""
    await add_citizen(site, 1)
    await add_citizen(site, 2)
    reader, other = await agent(site), await agent(site)
    await search(reader, "张三")
    reference = reader.form("/staff/calls/begin").fields["reference"]
    await other.go("/staff/calls")
    csrf = other.form("/staff/calls").fields["csrf"]
    for given in ({"reference": reference}, {"reference": "x"}, {"account_id": "1"}):
        answer = await other.client.post("/staff/calls/begin", data={"csrf": csrf, **given})
        assert answer.status_code == 404
    assert await ask(site.platform, "SELECT count(*) FROM calls") == [(0,)]


async def test_unverified_nothing_is_done_whatever_is_sent(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking, verified=False)
    base = reader.path
    csrf = reader.form(f"{base}/verify").fields["csrf"]
    for path in (f"bookings/{booking['id']}/cancel", f"bookings/{booking['id']}/resend", "look"):
        answer = await reader.client.post(f"{base}/{path}", data={"csrf": csrf, "reason": "x"})
        assert answer.status_code == 409
        assert "请先核实来电人" in answer.text
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]
    assert await ask(site.platform, "SELECT count(*) FROM messages") == [(1,)]


async def test_a_booking_is_cancelled_for_the_caller_with_a_reason(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking)
    page = f"{reader.path}/bookings/{booking['id']}/cancel"
    await reader.go(page)
    await reader.send(reader.form(page), reason="来电人改期")
    assert "已退号" in reader.text
    assert await ask(
        site.platform,
        "SELECT a.status, s.booked FROM appointments a"
        " JOIN clinic_sessions s ON s.id = a.clinic_session_id",
    ) == [("cancelled", 0)]
    assert await reasons(site.platform, "cancel_appointment") == [
        ("cancel_appointment", "来电人改期")
    ]


async def test_after_the_deadline_the_rule_answers_with_its_time(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = at("2026-12-02 15:00")
    reader = await on_the_line(site, booking)
    page = f"{reader.path}/bookings/{booking['id']}/cancel"
    await reader.go(page)
    await reader.send(reader.form(page), reason="来电人改期")
    assert reader.page.status_code == 409
    assert "15:00" in reader.text
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]


async def test_the_same_code_is_sent_again_to_the_registered_phone_three_times_an_hour(
    site: Site,
) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking)
    action = f"{reader.path}/bookings/{booking['id']}/resend"
    for _ in range(3):
        await reader.send(reader.form(action))
        assert "已重新发往" in reader.text
    await reader.send(reader.form(action))
    assert "已重发3次" in reader.text
    await site.deliver()
    sent = [item for item in await site.outbox() if item.kind == "booked"]
    assert len(sent) == 4
    assert {item.to for item in sent} == {f"+86{phone(1)}"}
    code = f"{booking['code'][:4]} {booking['code'][4:]}"
    assert all(code in item.text for item in sent)


async def test_full_data_is_shown_only_with_a_reason_and_until_the_call_ends(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking)
    base = reader.path
    assert resident_id(1) not in reader.text
    await reader.send(reader.form(f"{base}/look"), reason=" ")
    assert "请写明原因" in reader.text
    await reader.go(base)
    await reader.send(reader.form(f"{base}/look"), reason="核对证件")
    for private in PRIVATE:
        assert private in reader.text
    assert await reasons(site.platform, "look_at_personal_data") == [
        ("look_at_personal_data", "核对证件")
    ]
    await reader.send(reader.form(f"{base}/end"))
    await reader.go(base)
    assert "通话已结束" in reader.text
    assert resident_id(1) not in reader.text


async def test_a_call_is_its_agents_and_ends_after_half_an_hour(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking)
    base = reader.path
    other = await agent(site)
    await other.go(base)
    assert "通话已结束" in other.text
    await other.go("/staff/calls")
    csrf = other.form("/staff/calls").fields["csrf"]
    answer = await other.client.post(
        f"{base}/bookings/{booking['id']}/cancel", data={"csrf": csrf, "reason": "x"}
    )
    assert booking["order_no"] not in answer.text
    for minutes in (20, 10):
        clock.forward(minutes=minutes)
        await reader.go(base)
    assert "通话已结束" in reader.text
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]


async def test_another_accounts_booking_is_not_the_callers(site: Site) -> None:
    booking = await booked(site, await add_citizen(site, 1))
    theirs = await booked(site, await add_citizen(site, 2))
    reader = await on_the_line(site, booking)
    base = reader.path
    csrf = reader.form(f"{base}/look").fields["csrf"]
    for what in ("cancel", "resend"):
        path = f"{base}/bookings/{theirs['id']}/{what}"
        answer = await reader.client.post(path, data={"csrf": csrf, "reason": "x"})
        assert answer.status_code == 404
    assert await ask(
        site.platform, "SELECT status FROM appointments WHERE id = %s", theirs["id"]
    ) == [("booked",)]
