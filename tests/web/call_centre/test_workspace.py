"""The agent's workspace: the caller stays beside the work, and is said to be refused before it."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest
from tests.city import Clock, add_patient, add_session, ask, change, phone, resident_id
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.call_centre.test_calls import agent, on_the_line, search, verify
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.flows.operations.housekeeping import delete_expired
from guahao.flows.people.privacy.records import OfAccount, export
from guahao.rules.staff.staff import SYSTEM, Role

REST_OF_WEEK = (date(2026, 12, 4), date(2026, 12, 5))


async def place_of(site: Site, session_id: int) -> int:
    [[department_id]] = await ask(
        site.platform, "SELECT department_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(department_id)


def beside(reader: Reader) -> str:
    """What stands beside the work."""
    found = re.search(r"<aside.*?</aside>", reader.text, re.DOTALL)
    return found[0] if found else ""


async def test_the_caller_stays_beside_search_supply_and_confirm(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    session_id = await add_session(site.platform)
    reader = await on_the_line(site, booking)
    base = reader.path.partition("?")[0]
    call = base.rpartition("/")[2]
    for path in (
        base,
        f"/staff/supply?call={call}&q=心内",
        f"/staff/supply/departments/{await place_of(site, session_id)}?call={call}",
        f"{base}/book/{session_id}",
        f"{base}/apply/{await place_of(site, session_id)}",
        f"{base}/bookings/{booking['id']}/cancel",
        f"{base}/bookings/{booking['id']}/reschedule",
    ):
        await reader.go(path)
        assert reader.page.status_code == 200, path
        assert "张三" in beside(reader), path
        assert booking["order_no"] in beside(reader), path
        assert resident_id(1) not in reader.text
        code = booking["code"]
        for private in (code, f"{code[:4]} {code[4:]}"):  # as it is copied, and as it is shown
            assert private not in reader.shown
    await reader.go(f"{base}/book/{session_id}")
    await reader.send(reader.form(f"{base}/book/{session_id}"))
    assert "请向来电人复述" in reader.text
    assert beside(reader).count('data-row="select"') == 2  # the new booking as well


async def test_before_the_caller_is_verified_places_can_be_looked_up_and_nothing_else(
    site: Site,
) -> None:
    booking = await booked(site, await add_citizen(site))
    session_id = await add_session(site.platform)
    reader = await on_the_line(site, booking, verified=False)
    call = reader.path.rpartition("/")[2]
    await reader.go(f"/staff/supply/departments/{await place_of(site, session_id)}?call={call}")
    assert "张三" not in reader.text
    assert booking["order_no"] not in reader.text
    assert "/book/" not in reader.text
    assert "请先接听并核实来电人" in reader.text


async def test_a_suspension_is_said_before_the_search(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-03-01'")
    reader = await on_the_line(site, booking)
    said = reader.text
    assert "因爽约暂停预约，2027年3月1日 周一恢复" in said
    assert said.index("因爽约暂停预约") < said.index('id="q"')
    assert "现在都不能预约" in said
    session_id = await add_session(site.platform)
    await reader.go(f"{reader.path.partition('?')[0]}/book/{session_id}")
    assert "暂停" in reader.text
    assert "/book/" not in "".join(re.findall(r'<button class="go"[^>]*>', reader.text))
    assert '<button class="go"' not in reader.text  # no live button that will refuse


async def test_a_full_week_is_said_before_the_search_and_closes_its_days(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    for day in REST_OF_WEEK:
        answer = await site.book(citizen, await add_session(site.platform, day))
        assert answer.status_code == 201
    reader = await on_the_line(site, booking)
    assert (
        "已约12月3日、12月4日、12月5日，达到7天3个号的上限。12月1日至12月9日不能再约。"
        in reader.text
    )
    assert "现在都不能预约" not in reader.text
    call = reader.path.partition("?")[0].rpartition("/")[2]
    for day, may_book in ((date(2026, 12, 8), False), (date(2026, 12, 10), True)):
        session_id = await add_session(site.platform, day)
        await reader.go(f"/staff/supply/departments/{await place_of(site, session_id)}?call={call}")
        assert (f"/book/{session_id}" in reader.text) is may_book
        assert ("来电人不能约" in reader.text) is not may_book


async def test_with_a_refused_patient_the_form_books_for_the_other(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    other = await add_patient(site.platform, citizen.account_id, 2, "李四")
    await change(
        site.platform,
        "UPDATE patients SET suspended_until = '2027-03-01' WHERE id = %s",
        citizen.patient_id,
    )
    session_id = await add_session(site.platform)
    reader = await on_the_line(site, booking)
    path = f"{reader.path.partition('?')[0]}/book/{session_id}"
    await reader.go(path)
    assert f'value="{citizen.patient_id}" disabled' in reader.text
    assert "暂停" in reader.text
    assert "两位一起约" not in reader.text
    await reader.send(reader.form(path), patient_id=str(other.id))
    assert "请向来电人复述" in reader.text


async def test_of_two_patients_none_is_chosen_beforehand(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    await add_patient(site.platform, citizen.account_id, 2, "李四")
    session_id = await add_session(site.platform)
    reader = await on_the_line(site, booking)
    path = f"{reader.path.partition('?')[0]}/book/{session_id}"
    await reader.go(path)
    assert "patient_id" not in reader.form(path).fields


async def test_places_are_found_while_typing_and_without_scripts(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    [[hospital_id]] = await ask(site.platform, "SELECT id FROM hospitals")
    reader = await on_the_line(site, booking)
    call = reader.path.partition("?")[0].rpartition("/")[2]
    path, link = f"/staff/supply?call={call}&q=第一", f"/hospitals/{hospital_id}?call={call}"
    await reader.go(path)
    assert link in reader.text
    assert "张三" in beside(reader)
    part = await reader.client.get(path, headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert 'id="places-said" role="status" hx-swap-oob="true">找到0个科室、1家医院。' in part.text
    assert link in part.text


# What came of a call ----------------------------------------------------------------------


async def hang_up(reader: Reader) -> str:
    base = reader.path.partition("?")[0]
    await reader.send(reader.form(f"{base}/end"))
    assert reader.path == f"{base}/result"
    return base


async def test_the_result_is_asked_at_hanging_up_and_shown_to_the_next_agent(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking)
    base = await hang_up(reader)
    await reader.send(reader.form(f"{base}/result"), result="no_places", note="只有周五有空")
    assert reader.path == "/staff/calls"
    assert "没有约成：没有合适的号" in reader.text
    assert await ask(
        site.platform,
        "SELECT result, not_booked_for, ended_at IS NOT NULL,"
        " position('周五'::bytea IN note_enc) FROM calls",
    ) == [("not_booked", "no_places", True, 0)]
    [[detail]] = await ask(
        site.platform, "SELECT detail FROM audit_trail WHERE action = 'record_call_result'"
    )
    assert "no_places" in detail
    assert "周五" not in detail
    colleague = await on_the_line(site, booking)
    assert "只有周五有空" in colleague.text
    unverified = await on_the_line(site, booking, verified=False)
    assert "只有周五有空" not in unverified.text


@pytest.mark.parametrize("note", [resident_id(1), "好" * 201])
async def test_a_refused_note_is_kept_on_the_page_and_nowhere_else(site: Site, note: str) -> None:
    reader = await on_the_line(site, await booked(site, await add_citizen(site)))
    base = await hang_up(reader)
    await reader.send(reader.form(f"{base}/result"), result="booked", note=note)
    assert reader.page.status_code == 422
    assert note in reader.text
    assert await ask(site.platform, "SELECT result, note_enc FROM calls") == [(None, None)]
    await reader.send(reader.form(f"{base}/result"), result="booked", note="")
    assert await ask(site.platform, "SELECT result, note_enc FROM calls") == [("booked", None)]


@pytest.mark.parametrize("result", ["", "not_booked", "no_need", "x" * 1000])
async def test_an_unknown_result_is_refused(site: Site, result: str) -> None:
    reader = await on_the_line(site, await booked(site, await add_citizen(site)))
    base = await hang_up(reader)
    await reader.send(reader.form(f"{base}/result"), result=result)
    assert reader.page.status_code == 400
    assert await ask(site.platform, "SELECT result FROM calls") == [(None,)]


async def test_a_result_is_of_an_own_call_and_of_the_day(site: Site, clock: Clock) -> None:
    reader = await on_the_line(site, await booked(site, await add_citizen(site)))
    base = await hang_up(reader)
    form = reader.form(f"{base}/result")
    other = await agent(site)
    await other.go("/staff/calls")
    csrf = other.form("/staff/calls").fields["csrf"]
    answer = await other.client.post(f"{base}/result", data={"csrf": csrf, "result": "booked"})
    assert answer.status_code == 404
    assert (await other.client.get(f"{base}/result")).status_code == 404
    clock.forward(days=1)
    await reader.client.post(form.action, data=form.fields | {"result": "booked"})
    assert await ask(site.platform, "SELECT result FROM calls") == [(None,)]


async def test_a_call_of_somebody_who_is_not_registered_is_counted(site: Site) -> None:
    reader = await agent(site)
    await reader.go("/staff/calls")
    await reader.send(reader.form("/staff/calls"), q=phone(9))
    assert "没有找到" in reader.text
    path = "/staff/calls/unregistered"
    for result in ("answered", "no_places"):
        await reader.send(reader.form(path), result=result)
        assert reader.path == "/staff/calls"
        assert "已记录。" in reader.text
    assert await ask(
        site.platform,
        "SELECT account_id, result, not_booked_for, ended_at IS NOT NULL, note_enc FROM calls"
        " ORDER BY id",
    ) == [(None, "answered", None, True, None), (None, "not_booked", "no_places", True, None)]
    assert await count(site.platform, "audit_trail", "action = 'record_call_result'") == 2
    for result in ("booked", "cancelled", ""):
        await reader.send(reader.form(path), result=result)
        assert reader.page.status_code == 400
        await reader.go("/staff/calls")
    chief = await at_the_desk(site, Role.SUPERVISOR)
    await chief.go("/staff/calls/overview")
    assert "已答复咨询" in chief.text


A_DAY_AGO = "UPDATE calls SET opened_at = opened_at - interval '1 day'"


async def test_a_call_without_account_is_corrected_by_its_agent_that_day(site: Site) -> None:
    reader = await agent(site)
    await reader.go("/staff/calls")
    await reader.send(reader.form("/staff/calls/unregistered"), result="answered")
    [[call_id]] = await ask(site.platform, "SELECT id FROM calls")
    path = f"/staff/calls/{call_id}/result"
    assert f'href="{path}"' in reader.text
    await reader.go(path)
    assert "已记录：已答复咨询" in reader.text
    assert 'name="note"' not in reader.text
    assert 'value="booked"' not in reader.text
    await reader.send(reader.form(path), result="no_places")
    assert "没有约成：没有合适的号" in reader.text
    recorded = "SELECT result, not_booked_for, note_enc FROM calls"
    assert await ask(site.platform, recorded) == [("not_booked", "no_places", None)]
    [[detail]] = await ask(
        site.platform, "SELECT detail FROM audit_trail WHERE position('before' IN detail) > 0"
    )
    assert json.loads(detail) == {
        "call": call_id,
        "before": {"outcome": "answered"},
        "after": {"outcome": "not_booked", "not_booked_for": "no_places"},
    }
    for refused in ({"result": "booked"}, {"result": "answered", "note": "问了停车"}):
        await reader.go(path)
        form = reader.form(path)
        answer = await reader.client.post(path, data=form.fields | refused)
        assert answer.status_code == 422
        assert "来电人没有登记，只能记录答复咨询或没有约成，不能写备注。" in answer.text
    other = await agent(site)
    assert (await other.client.get(path)).status_code == 404
    await reader.go(path)
    form = reader.form(path)
    await change(site.platform, A_DAY_AGO)
    await reader.client.post(path, data=form.fields | {"result": "answered"})
    assert await ask(site.platform, recorded) == [("not_booked", "no_places", None)]
    await reader.go("/staff/calls")
    assert f'href="{path}"' not in reader.text


async def test_a_result_is_corrected_with_its_note(site: Site) -> None:
    reader = await on_the_line(site, await booked(site, await add_citizen(site)))
    path = f"{await hang_up(reader)}/result"
    await reader.send(reader.form(path), result="answered", note="问了停车")
    assert f'href="{path}"' in reader.text
    await reader.go(path)
    assert 'value="问了停车"' in reader.text
    await reader.send(reader.form(path), result="rules")  # the note stays as it was
    await reader.go(path)
    assert 'value="问了停车"' in reader.text
    await reader.send(reader.form(path), result="rules", note="")
    assert await ask(site.platform, "SELECT result, note_enc FROM calls") == [("not_booked", None)]
    trail = await ask(
        site.platform,
        "SELECT detail FROM audit_trail WHERE action = 'record_call_result' ORDER BY seq",
    )
    assert ["before" in detail for (detail,) in trail] == [False, True, True]
    assert not any("停车" in detail for (detail,) in trail)
    await change(site.platform, A_DAY_AGO)
    await reader.go(path)
    assert reader.path == "/staff/calls"
    assert "通话已过了一天" in reader.text


async def test_calls_of_the_day_before_the_latest_ten_are_listed_when_asked_for(
    site: Site,
) -> None:
    reader = await agent(site)
    await reader.go("/staff/calls")
    for _ in range(11):
        await reader.send(reader.form("/staff/calls/unregistered"), result="answered")
    [[first]] = await ask(site.platform, "SELECT min(id) FROM calls")
    assert f"/staff/calls/{first}/result" not in reader.text
    await reader.go("/staff/calls?calls=all")
    assert f"/staff/calls/{first}/result" in reader.text
    assert "更早的通话" not in reader.text


async def test_a_note_is_exported_and_forgotten(site: Site, clock: Clock) -> None:
    citizen = await add_citizen(site)
    reader = await on_the_line(site, await booked(site, citizen))
    base = await hang_up(reader)
    await reader.send(reader.form(f"{base}/result"), result="answered", note="问了停车")
    data = await export(site.platform, OfAccount(citizen.account_id), SYSTEM)
    assert data is not None
    assert [call["note"] for call in data["calls"]] == ["问了停车"]
    clock.forward(days=89)
    await delete_expired(site.platform)
    kept = "SELECT result, note_enc IS NOT NULL FROM calls"
    assert await ask(site.platform, kept) == [("answered", True)]
    clock.forward(days=2)
    await delete_expired(site.platform)
    assert await ask(site.platform, kept) == [("answered", False)]


# What a telephone system opens ------------------------------------------------------------


@pytest.mark.parametrize("sent", [phone(1), f"+86{phone(1)}", f"0086 {phone(1)}"])
async def test_a_number_leaves_the_address_at_once_and_finds_the_caller(
    site: Site, sent: str
) -> None:
    await add_citizen(site)
    reader = await agent(site)
    reader.client.follow_redirects = False
    answer = await reader.client.get("/staff/calls/new", params={"phone": sent})
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/calls")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert phone(1) not in str(answer.headers)
    reader.client.follow_redirects = True
    await reader.go("/staff/calls")
    form = reader.form("/staff/calls")
    assert form.fields["q"] == phone(1)
    assert "data-sends-itself" in reader.text
    await reader.send(form)
    assert re.fullmatch(r"/staff/calls/\d+", reader.path)
    await reader.go("/staff/calls")  # once
    assert reader.form("/staff/calls").fields["q"] == ""


async def test_who_is_not_logged_in_logs_in_first_without_the_number_in_an_address(
    site: Site,
) -> None:
    reader = Reader.of(site)
    await reader.go(f"/staff/calls/new?phone={phone(1)}")
    assert reader.path.startswith("/staff/login")
    assert phone(1) not in str(reader.page.url)
    assert all(phone(1) not in str(answer.headers) for answer in reader.page.history)


async def test_a_number_does_not_end_the_call_that_goes_on(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await on_the_line(site, booking)
    await reader.go(f"/staff/calls/new?phone={phone(2)}")
    assert "data-sends-itself" not in reader.text
    assert "原通话就结束" in reader.text
    assert await ask(site.platform, "SELECT count(*) FROM calls WHERE ended_at IS NULL") == [(1,)]


@pytest.mark.parametrize("sent", ["", "anonymous", "1" * 500, "\x00", "<script>"])
async def test_what_is_no_number_opens_the_empty_search(site: Site, sent: str) -> None:
    reader = await agent(site)
    reader.page = await reader.client.get("/staff/calls/new", params={"phone": sent})
    assert reader.page.status_code == 200
    assert reader.form("/staff/calls").fields["q"] == ""
    assert "data-sends-itself" not in reader.text


async def test_a_new_callers_number_waits_in_the_registration(site: Site) -> None:
    reader = await agent(site)
    assert "没有找到" in await search(reader, phone(1))
    await reader.go("/staff/calls/register")
    assert reader.form("/staff/calls/register").fields["phone"] == phone(1)
    await reader.go("/staff/calls/register")
    assert reader.form("/staff/calls/register").fields["phone"] == ""


# Keys -------------------------------------------------------------------------------------


async def test_every_action_has_the_same_key_on_every_page_of_a_call(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    session_id = await add_session(site.platform)
    reader = await on_the_line(site, booking, verified=False)
    base = reader.path.partition("?")[0]
    pages = [reader.text]
    await verify(reader, document=resident_id(1), name="张三")
    for path in (
        base,
        "/staff/calls",
        "/staff/calls/register",
        f"/staff/supply/departments/{await place_of(site, session_id)}?call={base[-1]}",
        f"{base}/book/{session_id}",
        f"{base}/bookings/{booking['id']}/cancel",
        f"{base}/bookings/{booking['id']}/reschedule",
        f"{base}/result",
        "/staff/tasks",
    ):
        await reader.go(path)
        pages.append(reader.text)
    found: dict[str, set[str]] = {}
    for key, words in re.findall(r'data-key="([^"]+)"[^>]*>([^<]+)<', "".join(pages)):
        found.setdefault(key, set()).add(words.strip())
    found.pop("F2")  # on with what the page is for
    assert found == {
        "F3": {"登记新来电人"},
        "F4": {"发送核实码", "重发短信"},
        "F6": {"登记候补"},
        "F7": {"改到别的时间"},
        "F8": {"办理退号"},
        "F9": {"结束通话"},
        "F10": {"回到来电", "回到通话", "返回", "以后再记"},
    }


async def test_supervisors_too_have_the_workspace(site: Site) -> None:
    await add_citizen(site)
    reader = await at_the_desk(site, Role.SUPERVISOR)
    await search(reader, phone(1))
    assert re.fullmatch(r"/staff/calls/\d+", reader.path)
