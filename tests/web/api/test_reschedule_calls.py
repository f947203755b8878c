"""Rescheduling through the API: who may, what is refused, and what the key means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.city import THURSDAY, Clock, add_session, ask, change, open_platform
from tests.crowd import open_desk
from tests.web.site import API, CHINESE, ENGLISH, Citizen, Site, add_citizen, booked, problem

from guahao.rules.kernel.limits import Policy
from guahao.web.app import create_app

SELF_SERVICE = Policy(cancel_channels=frozenset({"agent", "patient"}))


@pytest.fixture
async def self_service(database_url: str, clock: Clock) -> Any:
    async with (
        open_platform(database_url, clock, policy=SELF_SERVICE) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)


async def reschedule(
    site: Site, citizen: Citizen, id: int, session_id: int, key: str = "key", **headers: str
) -> httpx.Response:
    return await site.post(
        f"{API}/appointments/{id}/reschedule",
        token=citizen.token,
        headers={"Idempotency-Key": key, **headers},
        json={"clinic_session_id": session_id},
    )


async def test_the_new_booking_is_answered_and_the_old_one_is_cancelled(
    self_service: Site,
) -> None:
    site, citizen = self_service, await add_citizen(self_service)
    old, session_id = await booked(site, citizen), await add_session(site.platform)
    answer = await reschedule(site, citizen, old["id"], session_id)
    assert answer.status_code == 201
    assert (answer.json()["clinic_session_id"], answer.json()["status"]) == (session_id, "booked")
    assert answer.json()["patient_id"] == citizen.patient_id
    assert (await reschedule(site, citizen, old["id"], session_id)).json() == answer.json()
    one = await site.get(f"{API}/appointments/{old['id']}", token=citizen.token)
    assert one.json()["status"] == "cancelled"
    other = await reschedule(site, citizen, answer.json()["id"], old["clinic_session_id"])
    problem(other, 422, "idempotency_mismatch")
    again = await reschedule(site, citizen, old["id"], old["clinic_session_id"], "another")
    problem(again, 409, "not_reschedulable")


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_by_phone_where_the_patient_may_not_cancel(
    site: Site, language: dict[str, str]
) -> None:
    citizen = await add_citizen(site)
    old, session_id = await booked(site, citizen), await add_session(site.platform)
    answer = await reschedule(site, citizen, old["id"], session_id, **language)
    assert "114" in problem(answer, 403, "reschedule_by_phone")
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]


async def test_refusals_keep_the_old_booking(self_service: Site) -> None:
    site, citizen = self_service, await add_citizen(self_service)
    old, session_id = await booked(site, citizen), await add_session(site.platform)
    stranger = await add_citizen(site, 2)
    problem(await reschedule(site, stranger, old["id"], session_id), 404, "unknown_appointment")
    problem(
        await reschedule(site, citizen, old["id"], old["clinic_session_id"]),
        422,
        "reschedule_same_session",
    )
    problem(await reschedule(site, citizen, old["id"], 2**62), 404, "unknown_session")
    await change(site.platform, "UPDATE clinic_sessions SET capacity = 0 WHERE id = %s", session_id)
    full = await reschedule(site, citizen, old["id"], session_id, "full")
    problem(full, 409, "sold_out")
    missing = await site.post(
        f"{API}/appointments/{old['id']}/reschedule",
        token=citizen.token,
        json={"clinic_session_id": session_id},
    )
    problem(missing, 400, "idempotency_key_required")
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]


async def test_too_late_names_the_deadline(self_service: Site, clock: Clock) -> None:
    site, citizen = self_service, await add_citizen(self_service)
    old, session_id = await booked(site, citizen), await add_session(site.platform)
    clock.now = clock.now.replace(year=THURSDAY.year, month=THURSDAY.month, day=2, hour=15)
    later = replace(citizen, token=await site.log_in(citizen.account_id))
    answer = await reschedule(site, later, old["id"], session_id)
    assert "12月2日" in problem(answer, 409, "reschedule_too_late")
