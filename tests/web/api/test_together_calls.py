"""Booking two patients through the API: what is answered, and whom a refusal names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.city import THURSDAY, add_patient, add_session, change
from tests.crowd import count
from tests.web.site import API, CHINESE, ENGLISH, Citizen, Site, add_citizen, problem

TOGETHER = f"{API}/appointments/together"


@dataclass(frozen=True)
class Family:
    """A citizen with two patients."""

    citizen: Citizen
    other_id: int

    def places(self, session_id: int, other_session: int | None = None) -> list[dict[str, int]]:
        return [
            {"clinic_session_id": session_id, "patient_id": self.citizen.patient_id},
            {"clinic_session_id": other_session or session_id, "patient_id": self.other_id},
        ]


async def add_family(site: Site) -> Family:
    citizen = await add_citizen(site)
    other = await add_patient(site.platform, citizen.account_id, 2, "李四")
    return Family(citizen, other.id)


async def book(
    site: Site, family: Family, places: Any, key: str = "once", **headers: str
) -> httpx.Response:
    return await site.post(
        TOGETHER,
        token=family.citizen.token,
        headers={"Idempotency-Key": key, **headers},
        json={"places": places},
    )


async def test_both_bookings_are_answered_in_the_order_of_the_request(site: Site) -> None:
    family, session_id = await add_family(site), await add_session(site.platform)
    answer = await book(site, family, family.places(session_id))
    assert answer.status_code == 201, answer.text
    first, second = answer.json()["items"]
    assert [first["patient_id"], second["patient_id"]] == [
        family.citizen.patient_id,
        family.other_id,
    ]
    assert first["code"] != second["code"]
    assert (await book(site, family, family.places(session_id))).json() == answer.json()
    listed = await site.get(f"{API}/appointments", token=family.citizen.token)
    assert sorted(item["id"] for item in listed.json()["items"]) == [first["id"], second["id"]]


async def test_the_key_with_another_body_is_refused(site: Site) -> None:
    family = await add_family(site)
    one, other = [await add_session(site.platform) for _ in range(2)]
    assert (await book(site, family, family.places(one))).status_code == 201
    problem(await book(site, family, family.places(other)), 422, "idempotency_mismatch")
    alone = await site.book(family.citizen, one, key="once")
    problem(alone, 422, "idempotency_mismatch")


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_a_refusal_names_its_patient(site: Site, language: dict[str, str]) -> None:
    family, session_id = await add_family(site), await add_session(site.platform)
    until = THURSDAY + timedelta(days=60)
    await change(
        site.platform,
        "UPDATE patients SET suspended_until = %s WHERE id = %s",
        until,
        family.other_id,
    )
    answer = await book(site, family, family.places(session_id), **language)
    assert answer.json()["patient_ids"] == [family.other_id]
    assert answer.json()["code"] == "patient_suspended"
    assert "李四" in answer.json()["detail"]
    assert "张三" not in answer.json()["detail"]


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_one_place_is_sold_out_for_both(site: Site, language: dict[str, str]) -> None:
    family, session_id = await add_family(site), await add_session(site.platform)
    await change(site.platform, "UPDATE clinic_sessions SET capacity = 1")
    answer = await book(site, family, family.places(session_id), **language)
    problem(answer, 409, "sold_out")
    assert ("登记候补" if language == CHINESE else "apply for places") in answer.json()["detail"]
    assert answer.json()["patient_ids"] == [family.citizen.patient_id, family.other_id]
    assert await count(site.platform, "appointments") == 0


async def test_what_is_not_a_pair_is_refused_without_using_the_key(site: Site) -> None:
    family = await add_family(site)
    one, other = [await add_session(site.platform) for _ in range(2)]
    same = [family.places(one)[0]] * 2
    for language in (CHINESE, ENGLISH):
        problem(await book(site, family, same, **language), 422, "together_same_patient")
        apart = await book(site, family, family.places(one, other), **language)
        problem(apart, 422, "together_other_clinic")
    assert (await book(site, family, family.places(one))).status_code == 201


@pytest.mark.parametrize(
    ("places", "code"),
    [
        (None, "invalid_field"),
        ([], "invalid_field"),
        ([{"clinic_session_id": 1, "patient_id": 1}], "invalid_field"),
        ([{"clinic_session_id": 1, "patient_id": 1}] * 3, "invalid_field"),
        ([{"clinic_session_id": 1}] * 2, "missing_field"),
        ([{"clinic_session_id": 0, "patient_id": 1}] * 2, "invalid_field"),
        ([{"clinic_session_id": 1, "patient_id": 1, "more": 1}] * 2, "unknown_field"),
    ],
)
async def test_a_body_that_is_no_pair_is_refused(site: Site, places: Any, code: str) -> None:
    family = await add_family(site)
    assert (await book(site, family, places)).json()["code"] == code


async def test_a_key_and_a_live_log_in_are_required(site: Site) -> None:
    family, session_id = await add_family(site), await add_session(site.platform)
    places = family.places(session_id)
    without = await site.post(TOGETHER, token=family.citizen.token, json={"places": places})
    problem(without, 400, "idempotency_key_required")
    anonymous = await site.post(TOGETHER, headers={"Idempotency-Key": "k"}, json={"places": places})
    problem(anonymous, 401, "token_required")
    ended = Family(replace(family.citizen, token=site.token(family.citizen.account_id)), 0)
    problem(await book(site, ended, places), 401, "log_in_ended")


async def test_anothers_patient_is_not_named(site: Site) -> None:
    family, stranger = await add_family(site), await add_citizen(site, 3)
    session_id = await add_session(site.platform)
    places = family.places(session_id)
    places[1]["patient_id"] = stranger.patient_id
    answer = await book(site, family, places)
    problem(answer, 403, "not_your_patient")
    assert answer.json()["patient_ids"] == [stranger.patient_id]


async def test_a_reason_about_both_is_not_laid_on_the_own_patient(site: Site) -> None:
    family, stranger = await add_family(site), await add_citizen(site, 3)
    places = family.places(999_999)
    places[1]["patient_id"] = stranger.patient_id
    answer = await book(site, family, places)
    problem(answer, 404, "unknown_session")
    assert len(answer.json()["patient_ids"]) == 2
    assert "张三" not in answer.json()["detail"]
