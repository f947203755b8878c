"""An agent moves a verified caller's booking to another session of its department."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.city import THURSDAY, ask, change, phone, reasons, resident_id
from tests.crowd import add_clinic
from tests.web.browsing import Reader
from tests.web.site import Citizen, Site, add_citizen
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role


async def on_the_line(site: Site, sessions: int = 2) -> tuple[Reader, Citizen, int, list[int]]:
    """An agent with a verified caller who has booked the first of some sessions."""
    days = [THURSDAY + timedelta(days=n) for n in range(sessions)]
    clinic = await add_clinic(site.platform, days)
    citizen = await add_citizen(site)
    booking = (await site.book(citizen, clinic[0])).json()
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/calls")
    await reader.send(reader.form("/staff/calls"), q=phone(1))
    path = reader.path.partition("?")[0]
    await reader.send(reader.form(f"{path}/verify"), document=resident_id(1), name="张三")
    return reader, citizen, booking["id"], clinic


def page_of(reader: Reader, id: int) -> str:
    path = reader.path.partition("?")[0].removesuffix("/verify")
    return f"{path}/bookings/{id}/reschedule"


async def test_from_the_row_of_the_booking_to_another_day(site: Site) -> None:
    reader, _, id, clinic = await on_the_line(site)
    path = page_of(reader, id)
    assert path in reader.text
    await reader.go(path)
    assert "12月4日" in reader.text
    await reader.send(reader.form(path), session_id=str(clinic[1]), reason="家里有事")
    assert "已改约，旧号已退" in reader.text
    rows = "SELECT clinic_session_id, status, channel FROM appointments ORDER BY id"
    assert await ask(site.platform, rows) == [
        (clinic[0], "cancelled", "api"),
        (clinic[1], "booked", "phone"),
    ]
    assert await reasons(site.platform, "reschedule_appointment") == [
        ("reschedule_appointment", "家里有事")
    ]


@pytest.mark.parametrize(
    ("session", "reason", "said"),
    [("", "家里有事", "请选要改到的一场，并写明原因。"), ("1", " ", "请写明原因。")],
)
async def test_neither_without_a_session_nor_without_a_reason(
    site: Site, session: str, reason: str, said: str
) -> None:
    reader, _, id, clinic = await on_the_line(site)
    path = page_of(reader, id)
    await reader.go(path)
    chosen = str(clinic[1]) if session else ""
    await reader.send(reader.form(path), session_id=chosen, reason=reason)
    assert reader.page.status_code == 422
    assert said in reader.text
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]


async def test_a_place_that_went_meanwhile_is_said_with_what_stands(site: Site) -> None:
    reader, _, id, clinic = await on_the_line(site, 3)
    path = page_of(reader, id)
    await reader.go(path)
    await change(site.platform, "UPDATE clinic_sessions SET capacity = 0 WHERE id = %s", clinic[1])
    await reader.send(reader.form(path), session_id=str(clinic[1]), reason="家里有事")
    assert "没有改约，原来的号还在" in reader.text
    assert "12月5日" in reader.text  # what is left to choose


async def test_nothing_to_choose_says_what_else_there_is(site: Site) -> None:
    reader, _, id, _ = await on_the_line(site, 1)
    await reader.go(page_of(reader, id))
    assert "没有能改的号" in reader.text
    assert "/staff/supply?call=" in reader.text


async def test_later_days_are_pages_away(site: Site) -> None:
    reader, _, id, _ = await on_the_line(site, 10)
    path = page_of(reader, id)
    await reader.go(path)
    assert "12月11日" not in reader.text
    await reader.go(f"{path}?from=2026-12-11")
    assert "12月11日" in reader.text
    await reader.go(f"{path}?from=nonsense")
    assert "12月4日" in reader.text


async def test_a_booking_of_somebody_else_is_not_moved(site: Site) -> None:
    reader, _, _, clinic = await on_the_line(site)
    other = await add_citizen(site, 2)
    theirs = (await site.book(other, clinic[0])).json()["id"]
    await reader.go(page_of(reader, theirs))
    assert "来电人没有这个预约" in reader.text
