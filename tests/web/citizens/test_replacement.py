"""The place that a hospital keeps for a stopped booking, on its patient's pages."""

from __future__ import annotations

import pytest
from tests.city import ask, change
from tests.flows.supply.replaced import stop_clinic
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen, booked


async def patient(site: Site, number: int = 1, *, language: str = "zh") -> tuple[Reader, int]:
    """A logged-in patient whose clinic was stopped and who is offered a place; the booking."""
    citizen = await add_citizen(site, number)
    booking = await booked(site, citizen)
    stopped = await stop_clinic(site.platform, booking["clinic_session_id"])
    await stopped.offer()
    reader = Reader.of(site, language=language)
    reader.client.cookies.set("session", citizen.token, domain="guahao.test", path="/")
    return reader, booking["id"]


async def state_of(site: Site) -> list[tuple[str, str | None]]:
    return [
        (state, status)
        for state, status in await ask(
            site.platform,
            "SELECT o.state, a.status FROM replacement_offers o"
            " LEFT JOIN appointments a ON a.id = o.appointment_id ORDER BY o.id",
        )
    ]


async def test_a_place_is_accepted_by_one_tap(site: Site) -> None:
    reader, id = await patient(site)
    await reader.go("/bookings")
    assert "医院留了号：12月10日 周四 上午 08:30" in reader.text
    await reader.go(f"/bookings/{id}")
    assert "12月4日 周五 18:00 前接受" in reader.text
    form = reader.form(f"/bookings/{id}/replacement")
    await reader.send(form, answer="accept")
    assert "预约成功" in reader.text
    assert await state_of(site) == [("accepted", "booked")]
    [[new]] = await ask(site.platform, "SELECT max(id) FROM appointments")
    assert reader.path.startswith(f"/bookings/{new}")
    # The same form again shows the same booking.
    await reader.send(form, answer="accept")
    assert reader.path.startswith(f"/bookings/{new}")
    await reader.go("/bookings")
    assert "医院留了号" not in reader.text


async def test_a_declined_place_is_no_longer_shown(site: Site) -> None:
    reader, id = await patient(site)
    await reader.go(f"/bookings/{id}")
    form = reader.form(f"/bookings/{id}/replacement")
    await reader.send(form, answer="decline")
    assert await state_of(site) == [("declined", None)]
    assert "留了一个号" not in reader.text
    await reader.send(form, answer="accept")
    assert reader.page.status_code == 409
    assert "已谢绝" in reader.text


async def test_a_lapsed_place_cannot_be_accepted(site: Site) -> None:
    reader, id = await patient(site, language="en")
    await reader.go(f"/bookings/{id}")
    form = reader.form(f"/bookings/{id}/replacement")
    # The form was open until after the deadline, and no job has run since.
    await change(
        site.platform,
        "UPDATE replacement_offers SET accept_until = %s",
        site.platform.db.clock(),
    )
    await reader.send(form, answer="accept")
    assert reader.page.status_code == 409
    assert "no longer held" in reader.text
    assert await state_of(site) == [("open", None)]


async def test_a_rule_that_refuses_the_place_is_explained(site: Site) -> None:
    reader, id = await patient(site)
    await reader.go(f"/bookings/{id}")
    form = reader.form(f"/bookings/{id}/replacement")
    [[person, later]] = await ask(
        site.platform, "SELECT patient_id, clinic_session_id FROM replacement_offers"
    )
    await reader.go(f"/book/{later}")
    await reader.send(reader.form(f"/book/{later}"), patient_id=str(person))
    await reader.send(form, answer="accept")
    assert reader.page.status_code == 409
    assert "同一科室" in reader.text
    assert await state_of(site) == [("open", None)]


async def test_another_accounts_offer_is_unknown(site: Site) -> None:
    reader, id = await patient(site)
    await reader.go(f"/bookings/{id}")
    form = reader.form(f"/bookings/{id}/replacement")
    stranger = await add_citizen(site, 2)
    reader.client.cookies.set("session", stranger.token, domain="guahao.test", path="/")
    await reader.send(form, answer="accept")
    assert reader.page.status_code in (403, 404)
    assert await state_of(site) == [("open", None)]


@pytest.mark.parametrize("answer", ["", "maybe"])
async def test_an_answer_that_is_none_changes_nothing(site: Site, answer: str) -> None:
    reader, id = await patient(site)
    await reader.go(f"/bookings/{id}")
    await reader.send(reader.form(f"/bookings/{id}/replacement"), answer=answer)
    assert reader.page.status_code == 400
    assert await state_of(site) == [("open", None)]
