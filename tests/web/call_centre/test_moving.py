"""A person moves to another phone: at the window with the document, or by two at the hotline."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.city import (
    Clock,
    add_patient,
    add_session,
    ask,
    audited_actions,
    change,
    phone,
    reasons,
    resident_id,
)
from tests.web.browsing import Reader
from tests.web.call_centre.test_calls import on_the_line
from tests.web.site import API, Citizen, Site, add_citizen, booked, problem
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.people.displacing import displace_registrations
from guahao.flows.people.moving import Moved, decide_move, prove_phone
from guahao.flows.people.moving import ask_by_document as by_document
from guahao.flows.staff.staff import (
    NewStaff,
    add_staff,
    change_role,
    disable_staff,
    enable_staff,
    reset_password,
    reset_second_factor,
)
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.moving import MoveRefusal
from guahao.rules.staff.staff import Role, Staff, Who
from guahao.store.people import registrations
from guahao.store.staff import staff as staff_store
from guahao.tools.audit.audit import audit

NEW = 7  # the number of the new phone


async def code_on(site: Site, number: int = NEW) -> str:
    """The code that the new phone has just got, and no other phone."""
    await site.deliver()
    sent = [item for item in await site.outbox() if item.kind == "move_code"]
    assert sent[0].to == f"+86{phone(number)}"
    found = re.search(r"\d{6}", sent[0].text)
    assert found
    return found[0]


async def clerk(site: Site) -> Reader:
    [[hospital_id]] = await ask(
        site.platform,
        "SELECT hospital_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    return await at_the_desk(site, Role.CLERK, hospital_id)


async def look_up(reader: Reader, number: int = 1, **typed: str) -> str:
    await reader.go("/staff/window/persons")
    form = reader.form("/staff/window/persons")
    given = {"id_type": "01", "id_no": resident_id(number), "name": "张三", "seen": "on"}
    await reader.send(form, **(given | typed))
    return reader.shown


async def ask_at_window(reader: Reader, **typed: str) -> str:
    form = reader.form("/staff/window/persons/move")
    await reader.send(form, **({"phone": phone(NEW), "reason": "换号"} | typed))
    return reader.text


async def prove(reader: Reader, code: str) -> str:
    await reader.send(reader.form(reader.path), code=code)
    return reader.text


async def whose(site: Site, citizen: Citizen) -> str:
    [[number]] = await ask(
        site.platform, "SELECT account_id FROM patients WHERE id = %s", citizen.patient_id
    )
    return "old" if number == citizen.account_id else "new"


async def test_at_the_window_the_document_and_the_new_phone_move_a_person(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    reader = await clerk(site)
    said = await look_up(reader)
    assert "已登记，姓名一致" in said
    for hidden in (phone(1), phone(1)[-4:], booking["order_no"], "心血管内科"):
        assert hidden not in said
    await ask_at_window(reader)
    assert "已登记到新号码" in await prove(reader, await code_on(site))
    assert await whose(site, citizen) == "new"
    assert await ask(site.platform, "SELECT checked_by FROM patients") == [("staff",)]
    # The booking went along, and both phones know, without a word of health.
    await site.deliver()
    new = Reader.of(site)
    await new.log_in(NEW)
    await new.go("/bookings")
    assert "心血管内科" in new.text
    told = {item.kind: item for item in await site.outbox() if item.kind.startswith("moved")}
    assert {kind: item.to for kind, item in told.items()} == {
        "moved_away": f"+86{phone(1)}",
        "moved_here": f"+86{phone(NEW)}",
    }
    for item in told.values():
        for hidden in ("张三", "心血管", "市第一医院", resident_id(1)):
            assert hidden not in item.text
    assert (await audit(site.platform)).clean
    actions = await audited_actions(site.platform)
    assert actions[-3:] == ["look_up_person", "ask_to_move", "move_person"]


async def test_the_old_account_loses_sight_at_once_and_its_log_ins_end(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    reader = await clerk(site)
    await look_up(reader)
    await ask_at_window(reader)
    await prove(reader, await code_on(site))
    answer = await site.get(f"{API}/appointments/{booking['id']}", token=citizen.token)
    problem(answer, 401, "log_in_ended")
    await site.deliver()
    old = Reader.of(site)
    await old.log_in(1)
    await old.go("/bookings")
    assert "心血管内科" not in old.text
    assert await ask(
        site.platform,
        "SELECT login_generation > 1 FROM accounts WHERE id = %s",
        citizen.account_id,
    ) == [(True,)]


async def test_the_suspension_and_the_no_shows_go_with_the_person(site: Site) -> None:
    citizen = await add_citizen(site)
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-02-01'")
    reader = await clerk(site)
    await look_up(reader)
    await ask_at_window(reader)
    await prove(reader, await code_on(site))
    await site.deliver()
    new = Reader.of(site)
    await new.log_in(NEW)
    await new.go("/patients")
    assert await whose(site, citizen) == "new"
    assert await ask(site.platform, "SELECT suspended_until::text FROM patients") == [
        ("2027-02-01",)
    ]


async def test_what_waits_to_be_sent_goes_to_the_new_phone(site: Site) -> None:
    citizen = await add_citizen(site)
    await booked(site, citizen)  # its SMS is not sent yet
    await change(site.platform, "UPDATE messages SET attempts = 0")
    reader = await clerk(site)
    await look_up(reader)
    await ask_at_window(reader)
    async with site.platform.db.transaction() as tx:
        rows = await tx.rows("SELECT id FROM messages WHERE kind = 'move_code'")
    assert rows
    # Only the code is sent before the move.
    await change(site.platform, "UPDATE messages SET attempts = 20 WHERE kind = 'booked'")
    code = await code_on(site)
    await change(site.platform, "UPDATE messages SET attempts = 0 WHERE kind = 'booked'")
    await prove(reader, code)
    await site.deliver()
    assert [item.to for item in await site.outbox() if item.kind == "booked"] == [
        f"+86{phone(NEW)}"
    ]


@pytest.mark.parametrize(
    ("typed", "refused"),
    [
        ({"phone": "123"}, "11位手机号"),
        ({"phone": phone(1)}, "已经登记在这个号码上"),
        ({"reason": " "}, "请写明原因"),
    ],
)
async def test_a_move_that_cannot_be(site: Site, typed: dict[str, str], refused: str) -> None:
    await add_citizen(site)
    reader = await clerk(site)
    await look_up(reader)
    assert refused in await ask_at_window(reader, **typed)
    assert await ask(site.platform, "SELECT count(*) FROM moves") == [(0,)]


async def test_two_patients_on_the_new_phone_are_enough(site: Site) -> None:
    citizen = await add_citizen(site)
    other = await add_citizen(site, NEW)
    await add_patient(site.platform, other.account_id, 8)
    reader = await clerk(site)
    await look_up(reader)
    await ask_at_window(reader)
    assert "已登记两位就诊人" in await prove(reader, await code_on(site))
    assert await whose(site, citizen) == "old"


async def test_wrong_codes_are_counted_and_codes_are_few(site: Site, clock: Clock) -> None:
    citizen = await add_citizen(site)
    reader = await clerk(site)
    await look_up(reader)
    await ask_at_window(reader)
    code = await code_on(site)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        assert "验证码不对" in await prove(reader, wrong)
    assert "验证码不对" in await prove(reader, code)
    for _ in range(2):
        await reader.send(reader.form(f"{reader.path}/code"))
        assert "验证码已重发" in reader.text
    await reader.send(reader.form(f"{reader.path}/code"))
    assert "验证码发得太多" in reader.text
    move = reader.path.removesuffix("/code")
    await reader.go(move)
    clock.forward(minutes=10)
    assert "验证码不对" in await prove(reader, await code_on(site))
    assert await whose(site, citizen) == "old"


async def test_the_clerk_says_that_the_original_was_seen(site: Site) -> None:
    await add_citizen(site)
    reader = await clerk(site)
    assert "请先核对证件原件" in await look_up(reader, seen="")
    recorded = "SELECT count(*) FROM audit_trail WHERE action = 'look_up_person'"
    assert await ask(site.platform, recorded) == [(0,)]


async def test_the_form_of_another_clerk_or_of_half_an_hour_ago_moves_nobody(
    site: Site, clock: Clock
) -> None:
    citizen = await add_citizen(site)
    first, second = await clerk(site), await clerk(site)
    await look_up(first)
    await look_up(second, 2)
    sealed = first.form("/staff/window/persons/move").fields["person"]
    form = second.form("/staff/window/persons/register")
    await second.send(form, person=sealed, phone=phone(NEW))
    assert "重新按证件查找" in second.text
    form = first.form("/staff/window/persons/move")
    for _ in range(2):
        clock.forward(minutes=15)
        await first.go("/staff/window")
    await first.send(form, phone=phone(NEW), reason="换号")
    assert "重新按证件查找" in first.text
    assert await whose(site, citizen) == "old"


async def by_hotline(site: Site) -> tuple[Citizen, Reader, int]:
    """An agent has asked for a verified caller, and the new phone is proven."""
    citizen = await add_citizen(site)
    reader = await on_the_line(site, await booked(site, citizen))
    ask_path = f"{reader.path}/move/{citizen.patient_id}"
    await reader.go(ask_path)
    await reader.send(reader.form(ask_path), phone=phone(NEW), reason="来电人换号")
    assert "已交班长审批" in await prove(reader, await code_on(site))
    [[move_id]] = await ask(site.platform, "SELECT id FROM moves")
    return citizen, reader, move_id


async def test_by_the_hotline_an_agent_asks_and_a_supervisor_decides(site: Site) -> None:
    citizen, _, move_id = await by_hotline(site)
    assert await whose(site, citizen) == "old"
    supervisor = await at_the_desk(site, Role.SUPERVISOR)
    await supervisor.go("/staff/moves")
    for hidden in (phone(1), phone(NEW), "张三", resident_id(1)):
        assert hidden not in supervisor.text
    decide = f"/staff/moves/{move_id}/decide"
    await supervisor.go(decide)
    form = supervisor.form(decide)
    await supervisor.send(form, decision="approve", reason="")
    assert "请写明原因" in supervisor.text
    await supervisor.send(form, decision="approve", reason="已核对通话录音")
    assert "已批准" in supervisor.text
    assert await whose(site, citizen) == "new"
    await supervisor.go(decide)
    assert "已经处理或过期" in supervisor.text


async def test_a_rejected_request_moves_nobody(site: Site) -> None:
    citizen, _, move_id = await by_hotline(site)
    supervisor = await at_the_desk(site, Role.SUPERVISOR)
    decide = f"/staff/moves/{move_id}/decide"
    await supervisor.go(decide)
    await supervisor.send(supervisor.form(decide), decision="reject", reason="录音对不上")
    assert "已拒绝" in supervisor.text
    assert await whose(site, citizen) == "old"
    assert await reasons(site.platform, "reject_move") == [("reject_move", "录音对不上")]


async def test_nobody_approves_a_request_of_their_own(site: Site) -> None:
    citizen, _, move_id = await by_hotline(site)
    supervisor = await add_member(site.platform, Role.SUPERVISOR)
    await change(site.platform, "UPDATE moves SET staff_id = %s", supervisor.id)
    outcome = await decide_move(site.platform, supervisor, move_id, "x", approve=True)
    assert outcome == Refused(MoveRefusal.OWN_REQUEST)
    assert await whose(site, citizen) == "old"


@pytest.mark.parametrize("way", ["added", "password", "second_factor", "enabled", "role"])
async def test_nobody_approves_by_an_account_that_the_asker_has_let_in(
    site: Site, clock: Clock, way: str
) -> None:
    """Nor anybody whom a member has let in within the last day; the control: a day later."""
    platform = site.platform
    citizen, _, move_id = await by_hotline(site)
    [[asker_id]] = await ask(platform, "SELECT staff_id FROM moves")
    asker = Who("staff", asker_id, "asker")
    other = (await add_member(platform, Role.ADMINISTRATOR)).who

    async def let_in(by: Who) -> Staff:
        member_id = (await add_member(platform, Role.SUPERVISOR)).id
        match way:
            case "added":
                new = await add_staff(platform, by, f"new.{by.id}", "新人", Role.SUPERVISOR, None)
                assert isinstance(new, NewStaff)
                member_id = new.id
            case "password":
                await reset_password(platform, by, member_id, "忘记密码")
            case "second_factor":
                await reset_second_factor(platform, by, member_id, "换手机")
            case "enabled":
                await disable_staff(platform, by, member_id, "休假")
                await enable_staff(platform, by, member_id)
            case "role":
                await change_role(platform, by, member_id, Role.AGENT, None)
                await change_role(platform, by, member_id, Role.SUPERVISOR, None)
            case _:
                raise AssertionError(way)
        async with platform.db.transaction() as tx:
            found = await staff_store.by_id(tx, member_id)
        assert found is not None
        return found.staff

    by_asker, by_other = await let_in(asker), await let_in(other)
    for second in (by_asker, by_other):
        outcome = await decide_move(platform, second, move_id, "x", approve=True)
        assert outcome == Refused(MoveRefusal.NOT_INDEPENDENT)
    clock.forward(days=1)
    outcome = await decide_move(platform, by_asker, move_id, "x", approve=True)
    assert outcome == Refused(MoveRefusal.NOT_INDEPENDENT)
    assert await whose(site, citizen) == "old"
    outcome = await decide_move(platform, by_other, move_id, "x", approve=True)
    assert isinstance(outcome, Moved)


async def test_a_request_is_good_for_three_days(site: Site, clock: Clock) -> None:
    citizen, _, move_id = await by_hotline(site)
    clock.forward(days=3)
    supervisor = await add_member(site.platform, Role.SUPERVISOR)
    for approve in (True, False):
        outcome = await decide_move(site.platform, supervisor, move_id, "x", approve=approve)
        assert outcome == Refused(MoveRefusal.OVER)
    assert await whose(site, citizen) == "old"
    assert await reasons(site.platform, "reject_move") == []


async def test_an_unverified_caller_moves_nobody(site: Site) -> None:
    citizen = await add_citizen(site)
    reader = await on_the_line(site, await booked(site, citizen), verified=False)
    csrf = reader.form(f"{reader.path}/verify").fields["csrf"]
    path = f"{reader.path}/move/{citizen.patient_id}"
    await reader.client.post(path, data={"csrf": csrf, "phone": phone(NEW), "reason": "x"})
    assert await ask(site.platform, "SELECT count(*) FROM moves") == [(0,)]


async def test_two_moves_of_one_person_at_once_move_once(site: Site) -> None:
    """Approved twice, and moved at a window meanwhile."""
    citizen, _, move_id = await by_hotline(site)
    supervisors = [await add_member(site.platform, Role.SUPERVISOR) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(decide_move(site.platform, one, move_id, "x", approve=True) for one in supervisors)
    )
    assert [type(one) for one in outcomes].count(Moved) == 1
    assert await whose(site, citizen) == "new"
    told = "SELECT kind, count(*) FROM messages WHERE kind LIKE 'moved%%' GROUP BY 1 ORDER BY 1"
    assert await ask(site.platform, told) == [("moved_away", 1), ("moved_here", 1)]


async def test_a_request_is_void_once_the_person_is_elsewhere(site: Site) -> None:
    citizen, _, move_id = await by_hotline(site)
    other = await add_citizen(site, 5)
    await change(
        site.platform,
        "UPDATE patients SET account_id = %s, phone_slot = 2 WHERE id = %s",
        other.account_id,
        citizen.patient_id,
    )
    supervisor = await add_member(site.platform, Role.SUPERVISOR)
    outcome = await decide_move(site.platform, supervisor, move_id, "x", approve=True)
    assert outcome == Refused(MoveRefusal.CHANGED_MEANWHILE)


async def test_a_booking_at_the_same_time_is_before_or_after_the_move(site: Site) -> None:
    """Whichever comes first: a booking of the old account is never made after the move."""
    citizen, _, move_id = await by_hotline(site)
    session_id = await add_session(site.platform)
    supervisor = await add_member(site.platform, Role.SUPERVISOR)
    answer, outcome = await asyncio.gather(
        site.book(citizen, session_id),
        decide_move(site.platform, supervisor, move_id, "x", approve=True),
    )
    assert isinstance(outcome, Moved)
    assert answer.status_code in (201, 401, 404, 409, 422)
    made = await ask(
        site.platform,
        "SELECT count(*) FROM appointments WHERE clinic_session_id = %s",
        session_id,
    )
    assert made == [(1 if answer.status_code == 201 else 0,)]
    assert (await audit(site.platform)).clean


async def test_another_members_request_is_not_there(site: Site) -> None:
    citizen = await add_citizen(site)
    reader = await clerk(site)
    await look_up(reader)
    await ask_at_window(reader)
    code = await code_on(site)
    [[move_id]] = await ask(site.platform, "SELECT id FROM moves")
    stranger = await add_member(site.platform, Role.AGENT)
    refused = await prove_phone(site.platform, stranger, move_id, code)
    assert refused == Refused(MoveRefusal.UNKNOWN)
    assert await whose(site, citizen) == "old"


async def ask_by_document(reader: Reader, **typed: str) -> str:
    path = "/staff/calls/move"
    await reader.go(path)
    given = {"name": "张三", "id_no": resident_id(1), "phone": phone(NEW), "reason": "能说出过往"}
    await reader.send(reader.form(path), **(given | typed))
    return reader.shown


async def test_who_lost_the_old_phone_moves_by_document_code_and_supervisor(site: Site) -> None:
    citizen = await add_citizen(site)
    reader = await at_the_desk(site, Role.AGENT)
    said = await ask_by_document(reader)
    for hidden in (phone(1), phone(1)[-4:], resident_id(1)):
        assert hidden not in said
    assert "已交班长审批" in await prove(reader, await code_on(site))
    [[move_id]] = await ask(site.platform, "SELECT id FROM moves")
    supervisor = await add_member(site.platform, Role.SUPERVISOR)
    outcome = await decide_move(site.platform, supervisor, move_id, "已回拨核对", approve=True)
    assert isinstance(outcome, Moved)
    assert await whose(site, citizen) == "new"


async def test_a_registration_that_gives_way_meanwhile_is_not_moved(site: Site) -> None:
    citizen = await add_citizen(site)
    agent = await add_member(site.platform, Role.AGENT)
    typed = ("张三", "01", resident_id(1), phone(NEW), "能说出过往")
    async with site.platform.db.transaction() as tx:
        await registrations.set_displaced(
            tx, list((await displace_registrations(tx, site.platform, citizen.patient_id)).accounts)
        )
        asked = asyncio.create_task(by_document(site.platform, agent, *typed))
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not asked.done() and not await ask(site.platform, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert await asked == Refused(MoveRefusal.UNKNOWN_PERSON)
    assert await ask(site.platform, "SELECT count(*) FROM moves") == [(0,)]


async def test_nobody_asks_by_document_who_is_registered(site: Site) -> None:
    """Unknown, another name, and too often have one answer, and leave an entry each."""
    await add_citizen(site)
    reader = await at_the_desk(site, Role.AGENT)
    answers = [await ask_by_document(reader, id_no=resident_id(2))]
    answers += [await ask_by_document(reader, name="李四") for _ in range(3)]
    answers.append(await ask_by_document(reader))  # the right name, the fourth time
    assert all("没有查到这位就诊人" in one for one in answers)
    recorded = "SELECT count(*) FROM audit_trail WHERE action = 'ask_to_move'"
    assert await ask(site.platform, recorded) == [(5,)]
    assert await ask(site.platform, "SELECT count(*) FROM moves") == [(0,)]
