"""The place that a hospital keeps for a stopped booking, answered for a caller."""

from __future__ import annotations

import pytest
from tests.city import ask, phone, reasons, resident_id
from tests.flows.supply.replaced import stop_clinic
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role


async def on_the_line(site: Site, *, verified: bool = True) -> tuple[Reader, int]:
    """An agent with a caller whose clinic was stopped; the stopped booking."""
    booking = await booked(site, await add_citizen(site))
    await (await stop_clinic(site.platform, booking["clinic_session_id"])).offer()
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/calls")
    await reader.send(reader.form("/staff/calls"), q=phone(1))
    if verified:
        path = reader.path.partition("?")[0]
        await reader.send(reader.form(f"{path}/verify"), document=resident_id(1), name="张三")
    return reader, booking["id"]


@pytest.mark.parametrize(
    ("answer", "state", "action"),
    [
        ("accept", "accepted", "accept_replacement"),
        ("decline", "declined", "decline_replacement"),
    ],
)
async def test_an_agent_answers_for_a_verified_caller(
    site: Site, answer: str, state: str, action: str
) -> None:
    reader, id = await on_the_line(site)
    assert "医院留了号" in reader.text
    path = reader.path.partition("?")[0].removesuffix("/verify")
    await reader.send(reader.form(f"{path}/bookings/{id}/replacement"), answer=answer)
    assert await ask(site.platform, "SELECT state FROM replacement_offers") == [(state,)]
    assert len(await reasons(site.platform, action)) == 1
    if answer == "accept":
        assert "预约成功" in reader.text
        assert await ask(
            site.platform, "SELECT channel FROM appointments WHERE status = 'booked'"
        ) == [("phone",)]


async def test_an_unverified_caller_is_neither_shown_nor_booked_a_place(site: Site) -> None:
    reader, id = await on_the_line(site, verified=False)
    assert "医院留了号" not in reader.text
    form = reader.form()
    form.action = f"{reader.path.partition('?')[0]}/bookings/{id}/replacement"
    await reader.send(form, answer="accept")
    assert "请先核实来电人" in reader.text
    assert await ask(site.platform, "SELECT state FROM replacement_offers") == [("open",)]
