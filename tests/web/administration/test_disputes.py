"""A person takes their identity over from somebody else's registration."""

from __future__ import annotations

import asyncio

import pytest
from tests.city import Clock, add_session, ask, change, phone, resident_id
from tests.web.browsing import Reader
from tests.web.call_centre.test_moving import NEW, clerk, code_on, look_up, prove
from tests.web.site import Citizen, Site, add_citizen, booked
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.people.moving import Moved, decide_move, prove_phone
from guahao.rules.kernel.outcomes import DONE, Refused
from guahao.rules.people.moving import MoveRefusal
from guahao.rules.staff.staff import Role
from guahao.tools.audit.audit import audit

CURRENT = """
    SELECT c.phone_enc IS NOT NULL, p.checked_by, p.suspended_until, p.account_id
    FROM patients p LEFT JOIN accounts c ON c.id = p.account_id
    WHERE p.displaced_at IS NULL ORDER BY p.id
"""
CHECKED = "UPDATE patients SET checked_at = created_at, checked_by = %s"


async def dispute(reader: Reader, **typed: str) -> str:
    form = reader.form("/staff/window/persons/dispute")
    await reader.send(form, **({"phone": phone(NEW), "reason": "别人冒名登记"} | typed))
    return reader.text


async def owner(site: Site) -> int | None:
    """The account of the only registration that counts."""
    [row] = await ask(site.platform, CURRENT)
    number: int | None = row[3]
    return number


@pytest.mark.parametrize(
    ("checked_by", "passes"), [(None, False), ("demo", False), ("pickup", True), ("staff", True)]
)
async def test_at_the_window_the_person_takes_the_identity_over(
    site: Site, checked_by: str | None, *, passes: bool
) -> None:
    squatter = await add_citizen(site)
    await booked(site, squatter)
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-02-01'")
    if checked_by is not None:
        await change(site.platform, CHECKED, checked_by)
    reader = await clerk(site)
    said = await look_up(reader, name="张珊")  # the stranger registered another name
    assert "不是本人登记的" in said
    await dispute(reader)
    assert "已登记到新号码" in await prove(reader, await code_on(site))
    [row] = await ask(site.platform, CURRENT + " LIMIT 1 OFFSET %s", int(passes))
    # Checked by staff; the bookings do not pass. The suspension does where the document was shown
    # for the registration before: then it is the person's own.
    assert row[:2] == (True, "staff")
    assert (row[2] is not None) is passes
    assert row[3] not in (None, squatter.account_id)
    assert await ask(site.platform, "SELECT status FROM appointments") == [("cancelled",)]
    displaced = "SELECT cancelled_bookings, checked_by FROM displaced_registrations"
    assert await ask(site.platform, displaced) == ([] if passes else [(1, "staff")])
    merged = "SELECT patient_id, account_id, why FROM person_merges"
    kept = [(squatter.patient_id, squatter.account_id, "dispute")] if passes else []
    assert await ask(site.platform, merged) == kept
    await site.deliver()
    told = {item.kind: item for item in await site.outbox()}
    assert told["displaced"].to == f"+86{phone(1)}"
    assert told["moved_here"].to == f"+86{phone(NEW)}"
    for kind in ("displaced", "moved_here"):
        for hidden in ("张三", "张珊", "心血管", resident_id(1)):
            assert hidden not in told[kind].text
    new = Reader.of(site)
    await new.log_in(NEW)
    await new.go("/patients")
    assert "张珊" in new.text
    await new.go("/bookings")
    assert "心血管内科" not in new.text
    recorded = """
        SELECT action, subject_id FROM audit_trail
        WHERE action IN ('ask_to_settle', 'settle_dispute') ORDER BY action
    """
    assert await ask(site.platform, recorded) == [
        ("ask_to_settle", squatter.patient_id),
        ("settle_dispute", squatter.patient_id),
    ]
    # Nothing disagrees but the suspension that this test has made up.
    found = [one.name for one in (await audit(site.platform)).findings if one.disagreements]
    assert found == ["suspensions"]


@pytest.mark.parametrize(
    ("typed", "refused"),
    [
        ({"phone": "123"}, "11位手机号"),
        ({"phone": phone(1)}, "已经登记在这个号码上"),
        ({"reason": " "}, "请写明原因"),
    ],
)
async def test_a_dispute_that_cannot_be(site: Site, typed: dict[str, str], refused: str) -> None:
    squatter = await add_citizen(site)
    reader = await clerk(site)
    await look_up(reader)
    assert refused in await dispute(reader, **typed)
    assert await owner(site) == squatter.account_id
    assert await ask(site.platform, "SELECT count(*) FROM moves") == [(0,)]


async def test_a_person_whom_no_account_has_is_registered_again(site: Site) -> None:
    """Removed from the account: no dispute and no move, but a registration, whatever the name."""
    await add_citizen(site)
    await change(site.platform, "UPDATE patients SET account_id = NULL, phone_slot = NULL")
    reader = await clerk(site)
    said = await look_up(reader, name="张珊")
    # As of somebody whom nobody ever registered: who was here before is not the clerk's business.
    assert "还没有登记" in said
    assert "/persons/dispute" not in said
    form = reader.form("/staff/window/persons/register")
    await reader.send(form, phone=phone(NEW))
    assert "已登记" in reader.text
    rows = await ask(
        site.platform,
        "SELECT checked_by FROM patients WHERE merged_into IS NULL AND account_id IS NOT NULL",
    )
    assert rows == [("staff",)]
    # With the document in hand: what was unchecked may have been a stranger's.
    displaced = "SELECT account_id, checked_by FROM displaced_registrations"
    assert await ask(site.platform, displaced) == [(None, "staff")]


async def by_hotline(site: Site) -> tuple[Citizen, int]:
    """An agent has asked, and the new phone is proven."""
    squatter = await add_citizen(site)
    reader = await at_the_desk(site, Role.AGENT)
    path = "/staff/calls/move"
    await reader.go(path)
    given = {"name": "张珊", "id_no": resident_id(1), "phone": phone(NEW), "reason": "视频核对"}
    await reader.send(reader.form(path), kind="dispute", **given)
    assert "登记有争议" in reader.text
    assert "已交班长审批" in await prove(reader, await code_on(site))
    [[move_id]] = await ask(site.platform, "SELECT id FROM moves")
    return squatter, move_id


async def test_by_the_hotline_two_members_of_staff_settle_it(site: Site) -> None:
    squatter, move_id = await by_hotline(site)
    assert await owner(site) == squatter.account_id
    supervisor = await at_the_desk(site, Role.SUPERVISOR)
    await supervisor.go("/staff/moves")
    assert "登记争议" in supervisor.text
    decide = f"/staff/moves/{move_id}/decide"
    await supervisor.go(decide)
    assert "按证件重新登记到新号码" in supervisor.text
    for hidden in (phone(1), phone(NEW), "张三", "张珊", resident_id(1)):
        assert hidden not in supervisor.text
    await supervisor.send(supervisor.form(decide), decision="approve", reason="已回拨核对")
    assert "已批准" in supervisor.text
    assert await owner(site) not in (None, squatter.account_id)
    assert (await audit(site.platform)).clean


async def test_by_the_hotline_a_rejected_dispute_changes_nothing(site: Site) -> None:
    squatter, move_id = await by_hotline(site)
    supervisor = await add_member(site.platform, Role.SUPERVISOR)
    assert await decide_move(site.platform, supervisor, move_id, "对不上", approve=False) == DONE
    assert await owner(site) == squatter.account_id


async def test_whose_document_nobody_registered_disputes_nothing(site: Site) -> None:
    reader = await at_the_desk(site, Role.AGENT)
    path = "/staff/calls/move"
    await reader.go(path)
    given = {"name": "张珊", "id_no": resident_id(1), "phone": phone(NEW), "reason": "x"}
    await reader.send(reader.form(path), kind="dispute", **given)
    assert "没有查到这位就诊人" in reader.text
    await reader.send(reader.form(path), kind="dispute", **(given | {"name": "张\u202e珊"}))
    assert await ask(site.platform, "SELECT count(*) FROM moves") == [(0,)]
    await reader.go(path)
    await reader.send(reader.form(path), kind="both", **given)
    assert await ask(site.platform, "SELECT count(*) FROM moves") == [(0,)]


async def test_two_disputes_at_once_settle_once(site: Site) -> None:
    """Approved four times at once."""
    _, move_id = await by_hotline(site)
    supervisors = [await add_member(site.platform, Role.SUPERVISOR) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(decide_move(site.platform, one, move_id, "x", approve=True) for one in supervisors)
    )
    assert [type(one) for one in outcomes].count(Moved) == 1
    displaced = "SELECT count(*) FROM displaced_registrations"
    assert await ask(site.platform, displaced) == [(1,)]


async def test_a_newer_dispute_voids_the_earlier(site: Site, clock: Clock) -> None:
    """Two clerks, one document: the request that came later is carried out, and no other."""
    squatter = await add_citizen(site)
    first, second = await clerk(site), await clerk(site)
    await look_up(first)
    await dispute(first)
    code = await code_on(site)
    clock.forward(minutes=1)
    await look_up(second)
    await dispute(second, phone=phone(8))
    assert "已经处理或过期" in await prove_at(first, code)
    assert await owner(site) == squatter.account_id
    assert "已登记到新号码" in await prove(second, await code_on(site, 8))
    assert await owner(site) != squatter.account_id


async def prove_at(reader: Reader, code: str) -> str:
    """The code by a page that was open before the request was void."""
    form = reader.form(reader.path)
    await reader.send(form, code=code)
    return reader.text


async def test_two_new_phones_at_once_leave_one_registration(site: Site) -> None:
    """Two proven requests, one of them void: whichever is first, one registration counts."""
    await add_citizen(site)
    _, second = await clerk(site), await clerk(site)
    await look_up(second)
    await dispute(second)
    code = await code_on(site)
    [[move_id, staff_id, hospital_id]] = await ask(
        site.platform, "SELECT id, staff_id, hospital_id FROM moves"
    )
    member = await add_member(site.platform, Role.CLERK, hospital_id)
    await change(site.platform, "UPDATE moves SET staff_id = %s", member.id)
    outcomes = await asyncio.gather(
        *(prove_phone(site.platform, member, move_id, code) for _ in range(3))
    )
    assert staff_id != member.id
    assert sorted(type(one).__name__ for one in outcomes) == ["Moved", "Refused", "Refused"]
    assert Refused(MoveRefusal.OVER) in outcomes
    assert len(await ask(site.platform, CURRENT)) == 1
    await add_session(site.platform)
    assert (await audit(site.platform)).clean
