"""An account removes a patient: nothing live, no suspension escaped, and it asks first."""

from __future__ import annotations

import asyncio

from tests.city import add_patient, add_session, ask, change
from tests.web.browsing import Reader
from tests.web.site import API, ENGLISH, Site, add_citizen, booked, problem

from guahao.tools.audit.audit import audit


async def test_the_owner_is_asked_and_removes_a_patient(site: Site) -> None:
    citizen = await add_citizen(site)
    reader = Reader.of(site)
    await reader.log_in()
    await reader.go("/patients")
    page = f"/patients/{citizen.patient_id}/remove"
    assert page in reader.text
    await reader.go(page)
    assert "要移除张三吗" in reader.text
    form = reader.form()
    await reader.send(form)
    assert reader.path == "/patients"
    assert "张三" not in reader.text
    await reader.send(form)  # once more
    assert reader.path == "/patients"
    # The person's record stays, without an account.
    assert await ask(site.platform, "SELECT account_id, phone_slot FROM patients") == [(None, None)]
    assert (await audit(site.platform)).clean


async def test_a_booking_that_is_to_come_keeps_the_patient(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    path = f"{API}/patients/{citizen.patient_id}"
    answer = await site.call("DELETE", path, token=citizen.token, headers=ENGLISH)
    assert "cancel" in problem(answer, 409, "patient_has_booking")
    await change(site.platform, "UPDATE appointments SET status = 'cancelled'")
    assert (await site.call("DELETE", path, token=citizen.token)).status_code == 200
    # What was booked before is not the account's to see any more.
    answer = await site.get(f"{API}/appointments/{booking['id']}", token=citizen.token)
    assert answer.status_code == 404


async def test_no_suspension_is_escaped(site: Site) -> None:
    citizen = await add_citizen(site)
    await change(site.platform, "UPDATE patients SET suspended_until = '2026-12-01'")
    path = f"{API}/patients/{citizen.patient_id}"
    answer = await site.call("DELETE", path, token=citizen.token)
    assert "114" in problem(answer, 409, "patient_suspended_stays")
    await change(site.platform, "UPDATE patients SET suspended_until = '2026-11-30'")
    assert (await site.call("DELETE", path, token=citizen.token)).status_code == 200


async def test_nobody_removes_a_strangers_patient(site: Site) -> None:
    citizen, stranger = await add_citizen(site, 1), await add_citizen(site, 2)
    for id in (citizen.patient_id, 10**15, 0, "x"):
        answer = await site.call("DELETE", f"{API}/patients/{id}", token=stranger.token)
        assert answer.status_code == 403
        assert answer.json()["code"] == "not_your_patient"
    reader = Reader.of(site)
    await reader.log_in(2)
    await reader.go(f"/patients/{citizen.patient_id}/remove")
    assert reader.page.status_code == 403
    assert "张三" not in reader.text
    assert await ask(
        site.platform, "SELECT account_id FROM patients WHERE id = %s", citizen.patient_id
    ) == [(citizen.account_id,)]


async def test_the_place_is_free_for_somebody_else(site: Site) -> None:
    citizen = await add_citizen(site)
    await add_patient(site.platform, citizen.account_id, 2)
    await site.call("DELETE", f"{API}/patients/{citizen.patient_id}", token=citizen.token)
    await add_patient(site.platform, citizen.account_id, 3)


async def test_a_booking_at_the_same_time_is_made_or_the_patient_is_gone(site: Site) -> None:
    citizen = await add_citizen(site)
    session_id = await add_session(site.platform)
    path = f"{API}/patients/{citizen.patient_id}"
    made, removed = await asyncio.gather(
        site.book(citizen, session_id), site.call("DELETE", path, token=citizen.token)
    )
    assert (made.status_code == 201) is (removed.status_code == 409)
