"""Sessions of the staff on their pages: what an end of one costs nobody, and how to end others."""

from __future__ import annotations

import re

from tests.city import Clock, ask, resident_id
from tests.supply import at
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk, session_of

from guahao.rules.staff.staff import Role, Staff
from guahao.store.staff import staff as store


async def _member(site: Site) -> Staff:
    """The only member of the staff."""
    async with site.platform.db.transaction() as tx:
        [one] = await store.listed(tx)
    return Staff(one.id, one.login, one.role, one.hospital_id)


async def test_what_was_typed_when_the_session_ended_is_sent_again_after_the_log_in(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = at("2026-12-03 08:00")
    reader = await at_the_desk(site, Role.CLERK, booking["hospital_id"])
    await reader.go("/staff/window")
    clock.forward(minutes=31)
    await reader.send(code=booking["code"], id_no=resident_id(1))
    assert reader.page.status_code == 403
    assert "填写的内容还在" in reader.text
    # Logged in again in another window of the same browser.
    reader.client.cookies.set("staff", await session_of(site.platform, await _member(site)))
    again = reader.form("/staff/window")
    assert again.fields["code"] == booking["code"]
    await reader.send(again)
    assert "已取号" in reader.text


async def test_a_form_that_is_not_ours_is_not_given_back(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    reader = await at_the_desk(site, Role.CLERK, booking["hospital_id"])
    await reader.go("/staff/window")
    clock.forward(minutes=31)
    await reader.send(csrf="0" * 80, code="12345678", id_no="<b>")
    assert reader.path.startswith("/staff/login")
    assert "12345678" not in reader.page.text


async def test_one_ends_ones_other_sessions_and_stays_logged_in(site: Site) -> None:
    reader = await at_the_desk(site, Role.AGENT)
    member = await _member(site)
    elsewhere = await session_of(site.platform, member)
    await reader.go("/staff/password")
    assert reader.text.count("最后使用") == 2
    await reader.send(reader.form("/staff/sessions"))
    assert "其他1处登录已退出" in reader.text
    assert reader.text.count("最后使用") == 1
    reader.client.cookies.set("staff", elsewhere)
    await reader.go("/staff/calls")
    assert reader.path.startswith("/staff/login")


async def test_a_page_that_is_not_there_is_the_desks_own(site: Site) -> None:
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/nothing")
    assert reader.page.status_code == 404
    assert "回到工作台" in reader.text
    await reader.go("/staff/calls/99999999999999999999")
    assert reader.page.status_code == 404
    assert "请从工作台重新进入" in reader.text


async def test_odd_digits_are_no_bookings_on_the_list(site: Site, clock: Clock) -> None:
    booking = await booked(site, await add_citizen(site))
    clock.now = at("2026-12-03 08:40")
    reader = await at_the_desk(site, Role.CLERK, booking["hospital_id"])
    [[session_id]] = await ask(site.platform, "SELECT clinic_session_id FROM appointments")
    await reader.go(f"/staff/window/sessions/{session_id}")
    form = reader.form()
    form.fields |= {"a²": "on", "a" + "9" * 40: "on", "reason": "断网"}
    await reader.send(form)
    assert "补录了1个取号" in reader.text  # the one of the form itself, and no error


async def test_password_fields_are_masked_and_open_to_password_managers(site: Site) -> None:
    signed_in = await at_the_desk(site, Role.AGENT)
    async with site.client() as stranger:
        page = (await stranger.get("/staff/login", headers={"accept": "text/html"})).text
    await signed_in.go("/staff/password")
    fields = re.findall(r'<input [^>]*name="(?:password|old|new|again)"[^>]*>', page)
    fields += re.findall(r'<input [^>]*name="(?:password|old|new|again)"[^>]*>', signed_in.text)
    assert len(fields) == 4
    for field in fields:
        assert 'type="password"' in field
        assert re.search(r'autocomplete="(current|new)-password"', field)
        assert "onpaste" not in field
