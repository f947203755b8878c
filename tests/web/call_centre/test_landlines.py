"""A person without a mobile phone: a landline gets no SMS and no log-in, and is called instead."""

from __future__ import annotations

import re

from tests.city import LOOPBACK, add_session, ask, change, phone, resident_id
from tests.web.browsing import Reader
from tests.web.call_centre.test_caller_booking import place, register
from tests.web.call_centre.test_moving import clerk, look_up
from tests.web.site import API, Site, add_citizen
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.call_centre.call_tasks import claim_task, make_call_tasks
from guahao.flows.people.logins import Device, log_in
from guahao.flows.people.one_time_passwords import request_otp
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.logins import AccountLoginRefusal
from guahao.rules.staff.staff import Role
from guahao.store.booking.appointments import appointments_by_id
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import messages
from guahao.tools.audit.audit import audit

LANDLINE = "010-65551234"
STORED = "+861065551234"


async def on_a_landline(site: Site) -> Reader:
    """An agent who has registered a caller with a landline and booked for them."""
    session_id = await add_session(site.platform)
    reader = await at_the_desk(site, Role.AGENT)
    assert "已登记" in await register(reader, 1, phone=LANDLINE)
    await reader.send(reader.form(await place(reader, session_id)))
    return reader


async def booked_elsewhere(site: Site) -> None:
    """As if booked on the pages before the person moved to the landline."""
    await change(site.platform, "UPDATE appointments SET channel = 'web'")


async def test_an_agent_registers_a_landline_and_reads_the_code_out(site: Site) -> None:
    reader = await on_a_landline(site)
    assert re.search(r"识别码是：\d{4} \d{4}。座机收不到短信", reader.text)
    assert "data-print" in reader.text
    await site.deliver()
    assert await site.outbox() == []
    assert await ask(site.platform, "SELECT kind, state FROM messages") == [("booked", "by_phone")]
    assert (await audit(site.platform)).clean


async def test_a_landline_is_found_and_verified_by_questions(site: Site) -> None:
    await on_a_landline(site)
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/calls")
    await reader.send(reader.form("/staff/calls"), q="010 65551234")
    assert "发送核实码" not in reader.text
    path = f"{reader.path}/verify"
    await reader.send(reader.form(path), document=resident_id(1), name="张三")
    assert "已核实来电人" in reader.text
    assert "重发短信" not in reader.text


async def test_every_message_to_a_landline_becomes_a_call_task(site: Site) -> None:
    await on_a_landline(site)
    await change(site.platform, "UPDATE appointments SET booked_at = booked_at - interval '3 days'")
    [[session_id]] = await ask(site.platform, "SELECT clinic_session_id FROM appointments")
    async with site.platform.db.transaction() as tx:
        assert await messages.remind(tx, [session_id], tx.now) == 1
        [[patient_id]] = await tx.rows("SELECT id FROM patients")
        await messages.notify_patients(tx, "suspended", [patient_id])
    await site.deliver()
    assert await site.outbox() == []
    assert await make_call_tasks(site.platform) == 2  # the code was read out in the call
    assert await make_call_tasks(site.platform) == 0
    agent = await add_member(site.platform, Role.AGENT)
    seen = []
    for _ in range(2):
        taken = await claim_task(site.platform, agent)
        assert taken is not None
        assert (taken.phone, taken.landline) == (STORED, True)
        seen.append(taken.task.kind)
        await change(
            site.platform,
            "UPDATE call_tasks SET outcome = 'reached', closed_at = now() WHERE id = %s",
            taken.task.id,
        )
    assert sorted(seen) == ["reminder", "suspended"]


async def test_a_task_that_no_longer_holds_is_closed(site: Site) -> None:
    await on_a_landline(site)
    await booked_elsewhere(site)
    await site.deliver()
    await make_call_tasks(site.platform)
    await change(site.platform, "UPDATE appointments SET status = 'cancelled'")
    await make_call_tasks(site.platform)
    assert await ask(site.platform, "SELECT outcome FROM call_tasks") == [("no_need",)]


async def test_an_agent_calls_verifies_and_then_sees_the_code(site: Site) -> None:
    await on_a_landline(site)
    await booked_elsewhere(site)
    await site.deliver()
    await make_call_tasks(site.platform)
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/tasks")
    await reader.send(reader.form("/staff/tasks"))
    assert "010-65551234" in reader.text
    [[task]] = await ask(site.platform, "SELECT id FROM call_tasks")
    await reader.send(reader.form(f"/staff/tasks/{task}/answered"))
    assert "念出识别码" in reader.text
    await reader.send(reader.form(f"/staff/tasks/{task}/call"))
    assert "未核实" in reader.text
    assert "心血管内科" not in reader.text


async def test_nobody_logs_in_by_a_landline_and_no_password_is_sent_there(site: Site) -> None:
    await on_a_landline(site)
    invalid = Refused(AccountLoginRefusal.PHONE_INVALID)
    assert await request_otp(site.platform, LANDLINE, LOOPBACK, "zh") == invalid
    outcome = await log_in(
        site.platform, LANDLINE, "000000", None, LOOPBACK, "zh", "web", Device("test")
    )
    assert outcome == invalid
    answer = await site.post(f"{API}/auth/otp", json={"phone": LANDLINE})
    assert answer.status_code == 422
    assert await ask(site.platform, "SELECT count(*) FROM messages WHERE kind = 'otp'") == [(0,)]


async def test_two_persons_a_landline(site: Site) -> None:
    reader = await at_the_desk(site, Role.AGENT)
    for number in (1, 2):
        assert "已登记" in await register(reader, number, phone=LANDLINE)
    assert "已登记两位就诊人" in await register(reader, 3, phone=LANDLINE)
    assert "已登记，" in await register(reader, 3, phone=f"{LANDLINE}转801")


async def test_a_clerk_registers_a_person_with_a_landline(site: Site) -> None:
    reader = await clerk(site)
    assert "还没有登记" in await look_up(reader)
    form = reader.form("/staff/window/persons/register")
    await reader.send(form, phone="010-655")
    assert "带区号的座机" in reader.text
    await reader.send(reader.form("/staff/window/persons/register"), phone=LANDLINE)
    assert "已登记" in reader.text
    assert await ask(
        site.platform,
        "SELECT is_landline FROM accounts a JOIN patients p ON p.account_id = a.id",
    ) == [(True,)]
    assert "已登记，姓名一致" in await look_up(reader)


async def test_a_clerk_does_not_add_to_a_phone_that_has_patients(site: Site) -> None:
    reader = await clerk(site)
    await look_up(reader)
    await reader.send(reader.form("/staff/window/persons/register"), phone=phone(1))
    await look_up(reader, 2)
    await reader.send(reader.form("/staff/window/persons/register"), phone=phone(1))
    assert "这个手机号已有就诊人" in reader.text


async def test_a_clerk_prints_the_codes_of_a_person_whom_no_sms_reaches(site: Site) -> None:
    await on_a_landline(site)
    [code] = [view.code for view in (await views(site)).values()]  # as the agent read it out
    [[hospital_id]] = await ask(site.platform, "SELECT hospital_id FROM appointments")
    reader = await at_the_desk(site, Role.CLERK, hospital_id)
    assert "打印识别码" in await look_up(reader)
    await reader.send(reader.form("/staff/window/persons/slips"))
    assert f"{code[:4]} {code[4:]}" in reader.text
    assert "data-print" in reader.text
    for hidden in ("张三", resident_id(1)):
        assert hidden not in reader.text
    printed = "SELECT count(*) FROM audit_trail WHERE action = 'print_code'"
    assert await ask(site.platform, printed) == [(1,)]
    # Under another name, and at another hospital, there is nothing to print.
    assert "打印识别码" not in await look_up(reader, name="张珊")
    stranger = await clerk(site)
    await look_up(stranger)
    await stranger.send(stranger.form("/staff/window/persons/slips"))
    assert "没有待取号的预约" in stranger.text


async def test_a_slip_says_that_a_substitutes_patient_is_no_no_show(site: Site) -> None:
    await on_a_landline(site)
    await change(site.platform, "UPDATE appointments SET substituted_at = booked_at")
    [[hospital_id]] = await ask(site.platform, "SELECT hospital_id FROM appointments")
    reader = await at_the_desk(site, Role.CLERK, hospital_id)
    await look_up(reader)
    await reader.send(reader.form("/staff/window/persons/slips"))
    assert "不来也不记爽约" in reader.text
    assert "记一次爽约" not in reader.text


async def views(site: Site) -> dict[int, AppointmentView]:
    async with site.platform.db.transaction() as tx:
        ids = [row[0] for row in await tx.rows("SELECT id FROM appointments")]
        return await appointments_by_id(tx, site.platform.vault, ids)


async def test_codes_of_a_mobile_phone_are_not_printed(site: Site) -> None:
    await add_citizen(site)
    reader = await clerk(site)
    await look_up(reader)
    form = reader.form("/staff/window/persons/move")
    await reader.client.post(
        "/staff/window/persons/slips",
        data={key: form.fields[key] for key in ("csrf", "form_key", "person")},
    )
    printed = "SELECT count(*) FROM audit_trail WHERE action = 'print_code'"
    assert await ask(site.platform, printed) == [(0,)]
