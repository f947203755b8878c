"""Booking for a caller: the same desk, the same rules, and a text to read back."""

from __future__ import annotations

import re

import psycopg
import pytest
from tests.city import Clock, add_session, ask, audited_actions, change, phone, resident_id
from tests.web.browsing import Reader
from tests.web.call_centre.test_calls import on_the_line
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.flows.call_centre.caller_booking import record_missing
from guahao.rules.staff.staff import Role
from guahao.tools.audit.audit import audit


async def register(reader: Reader, number: int = 1, **other: str) -> str:
    await reader.go("/staff/calls/register")
    form = reader.form("/staff/calls/register")
    typed = {"phone": phone(number), "name": "张三", "id_no": resident_id(number), **other}
    await reader.send(form, **typed)
    return reader.text


async def place(reader: Reader, session_id: int) -> str:
    """To the place's form of the call the reader is in."""
    call = reader.path.rpartition("/")[2]
    await reader.go(f"/staff/calls/{call}/book/{session_id}")
    return f"/staff/calls/{call}/book/{session_id}"


async def test_a_new_caller_is_registered_booked_for_and_read_back_to(site: Site) -> None:
    session_id = await add_session(site.platform)
    reader = await at_the_desk(site, Role.AGENT)
    assert "已登记" in await register(reader)
    form = await place(reader, session_id)
    await reader.send(reader.form(form))
    assert "请向来电人复述" in reader.text
    assert await ask(site.platform, "SELECT channel FROM appointments") == [("phone",)]
    code = re.search(r"识别码是：(\d{4} \d{4})", reader.text)
    assert code
    for said in ("市第一医院", "心血管内科", "114", "门诊楼一层"):
        assert said in reader.text
    await site.deliver()
    assert [(item.to, code[1] in item.text) for item in await site.outbox()] == [
        (f"+86{phone(1)}", True)
    ]
    actions = await audited_actions(site.platform)
    assert actions[-2:] == ["register_caller", "book_appointment"]
    assert (await audit(site.platform)).clean


async def test_enter_twice_is_one_booking(site: Site) -> None:
    session_id = await add_session(site.platform)
    reader = await at_the_desk(site, Role.AGENT)
    await register(reader)
    form = reader.form(await place(reader, session_id))
    for _ in range(2):
        await reader.send(form)
        assert "请向来电人复述" in reader.text
    assert await ask(site.platform, "SELECT booked FROM clinic_sessions") == [(1,)]


async def test_a_refusal_says_why_and_what_else_there_is(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    await change(
        site.platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                     fee_fen, capacity)
        SELECT hospital_id, department_id, '普通门诊', visit_date + days, period, 100, 5
        FROM clinic_sessions, generate_series(0, 1) days
        """,
    )
    [[same_day]] = await ask(
        site.platform,
        "SELECT id FROM clinic_sessions WHERE title = '普通门诊' ORDER BY visit_date LIMIT 1",
    )
    reader = await on_the_line(site, booking)
    form = reader.form(await place(reader, same_day))
    assert '<button class="go"' not in reader.text
    for sends in (False, True):  # before the button, and whatever is sent
        if sends:
            await reader.send(form, patient_id=str(booking["patient_id"]))
            assert reader.page.status_code == 409
        assert "同一天" in reader.text or "同一科室" in reader.text or "这天" in reader.text
        assert "还可以约" in reader.text
    assert await ask(site.platform, "SELECT count(*) FROM appointments") == [(1,)]


async def test_nothing_is_booked_before_the_caller_is_verified(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    session_id = await add_session(site.platform)
    reader = await on_the_line(site, booking, verified=False)
    await place(reader, session_id)
    assert "请先核实来电人" in reader.text
    assert await ask(site.platform, "SELECT count(*) FROM appointments") == [(1,)]


async def test_nor_for_a_patient_of_somebody_else(site: Site) -> None:
    booking = await booked(site, await add_citizen(site, 1))
    other = await add_citizen(site, 2)
    session_id = await add_session(site.platform)
    reader = await on_the_line(site, booking)
    form = reader.form(await place(reader, session_id))
    await reader.send(form, patient_id=str(other.patient_id))
    assert reader.page.status_code == 422
    assert await ask(site.platform, "SELECT count(*) FROM appointments") == [(1,)]


@pytest.mark.parametrize(
    ("typed", "said", "status"),
    [
        ({"phone": "12345"}, "请填写11位手机号", 422),
        ({"name": "张3"}, "姓名", 422),
        ({"id_no": "110101199003070000"}, "证件号码不对", 422),
        ({"phone": phone(9), "id_no": resident_id(1)}, "已在另一个号码登记", 409),
    ],
)
async def test_who_cannot_be_registered(
    site: Site, typed: dict[str, str], said: str, status: int
) -> None:
    await add_citizen(site, 1)
    reader = await at_the_desk(site, Role.AGENT)
    assert said in await register(reader, 2, **typed)
    assert reader.page.status_code == status
    assert await ask(site.platform, "SELECT count(*) FROM patients") == [(1,)]


async def test_who_names_a_strangers_phone_is_not_verified_for_the_stranger(site: Site) -> None:
    booking = await booked(site, await add_citizen(site, 1))
    reader = await at_the_desk(site, Role.AGENT)
    assert "已有就诊人登记" in await register(reader, 2, phone=phone(1))
    assert reader.page.status_code == 409
    assert await ask(site.platform, "SELECT count(*) FROM patients") == [(1,)]
    assert await ask(site.platform, "SELECT count(*) FROM calls") == [(0,)]
    reader = await on_the_line(site, booking)
    assert "已登记" in await register(reader, 2, phone=phone(1))
    verified = "SELECT count(*) FROM calls WHERE verified_at IS NOT NULL AND ended_at IS NULL"
    assert await ask(site.platform, verified) == [(1,)]


async def test_a_phone_has_two_patients_at_most(site: Site) -> None:
    reader = await at_the_desk(site, Role.AGENT)
    for number in (1, 2):
        assert "已登记" in await register(reader, number, phone=phone(1))
    assert "已登记两位就诊人" in await register(reader, 3, phone=phone(1))


async def test_what_a_dying_process_could_not_record_is_recorded_later(
    site: Site, clock: Clock, database_url: str
) -> None:
    session_id = await add_session(site.platform)
    reader = await at_the_desk(site, Role.AGENT)
    await register(reader)
    await reader.send(reader.form(await place(reader, session_id)))
    # As the process that died would have left it: booked, and no entry.
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("DELETE FROM audit_trail WHERE action = 'book_appointment'")
    assert await record_missing(site.platform) == 0  # its own process may still do it
    clock.forward(minutes=2, seconds=1)
    assert await record_missing(site.platform) == 1
    assert await record_missing(site.platform) == 0
    [entry] = await ask(
        site.platform,
        "SELECT who_kind, detail FROM audit_trail WHERE action = 'book_appointment'",
    )
    assert entry == ("staff", '{"recorded":"late"}')


async def test_agents_see_any_hospitals_cycle_and_supply(site: Site) -> None:
    session_id = await add_session(site.platform)
    [[hospital_id, department_id]] = await ask(
        site.platform,
        "SELECT hospital_id, department_id FROM clinic_sessions WHERE id = %s",
        session_id,
    )
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/supply?q=第一")
    assert f"/staff/supply/hospitals/{hospital_id}" in reader.text
    await reader.go(f"/staff/supply/hospitals/{hospital_id}")
    assert "15:00" in reader.text
    await reader.go(f"/staff/supply/departments/{department_id}")
    assert "主任医师" in reader.text
    assert "请先接听" in reader.text


async def test_both_patients_of_the_caller_are_booked_or_neither(site: Site) -> None:
    one, other = await add_session(site.platform), await add_session(site.platform)
    reader = await at_the_desk(site, Role.AGENT)
    for number, name in ((1, "张三"), (2, "张四")):
        await register(reader, number, phone=phone(1), name=name)
    call = reader.path.rpartition("/")[2]
    await change(site.platform, "UPDATE clinic_sessions SET capacity = 1 WHERE id = %s", other)
    await reader.go(f"/staff/calls/{call}/book/{other}")
    await reader.send(reader.form(), patient_id="both")
    assert reader.page.status_code == 409
    assert "剩下的号不够两位一起约" in reader.text
    assert await ask(site.platform, "SELECT count(*) FROM appointments") == [(0,)]
    await reader.go(f"/staff/calls/{call}/book/{one}")
    form = reader.form()
    for _ in range(2):  # Enter twice is the same two bookings
        await reader.send(form, patient_id="both")
        assert "请向来电人复述" in reader.text
    # Two of a family may be the same by their masked names.
    codes = dict(re.findall(r"(1101\S+) 识别码是：(\d{4} \d{4})", reader.text))
    assert {number[-4:] for number in codes} == {resident_id(n)[-4:] for n in (1, 2)}
    assert len(set(codes.values())) == 2
    # So is a new form, after going back: the agent wants the codes.
    await reader.go(f"/staff/calls/{call}/book/{one}")
    await reader.send(reader.form(), patient_id="both")
    assert all(code in reader.text for code in codes.values())
    assert await ask(site.platform, "SELECT channel FROM appointments") == [("phone",)] * 2
    assert (await audit(site.platform)).clean


async def test_a_full_clinic_is_not_said_to_have_a_last_place(site: Site) -> None:
    session_id = await add_session(site.platform)
    await change(site.platform, "UPDATE clinic_sessions SET capacity = 0")
    reader = await at_the_desk(site, Role.AGENT)
    for number, name in ((1, "张三"), (2, "张四")):
        await register(reader, number, phone=phone(1), name=name)
    call = reader.path.rpartition("/")[2]
    await reader.go(f"/staff/calls/{call}/book/{session_id}")
    assert "约满" in reader.text
    assert '<button class="go"' not in reader.text
    assert "只剩1个号" not in reader.text
