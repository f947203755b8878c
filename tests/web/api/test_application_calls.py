"""Applications and declining through the API: what is answered, to whom, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.city import Clock, add_patient, add_session, ask, change
from tests.flows.fairness.winning import mark_as_won
from tests.web.site import API, CHINESE, ENGLISH, Citizen, Site, add_citizen, booked, problem

from guahao.rules.people.logins import AccountLoginRefusal

CALLS = f"{API}/applications"


async def department_of(site: Site, session_id: int) -> int:
    rows = await ask(
        site.platform, "SELECT department_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(rows[0][0])


async def body_for(site: Site, citizen: Citizen, **changed: Any) -> dict[str, Any]:
    """A request for the citizen in a department of its own."""
    return {
        "patient_ids": [citizen.patient_id],
        "department_id": await department_of(site, await add_session(site.platform)),
        "first_date": "2026-12-01",
        "last_date": "2026-12-07",
        **changed,
    }


async def apply(
    site: Site, citizen: Citizen, body: dict[str, Any], key: str = "k", **headers: str
) -> httpx.Response:
    sent = {"Idempotency-Key": key, **headers}
    return await site.post(CALLS, token=citizen.token, json=body, headers=sent)


async def test_an_application_is_answered_whole(site: Site) -> None:
    citizen = await add_citizen(site)
    second = await add_patient(site.platform, citizen.account_id, 2, "李四")
    body = await body_for(
        site,
        citizen,
        patient_ids=[citizen.patient_id, second.id],
        title=" 主任医师 ",
        periods=["afternoon", "morning"],
        iso_weekdays=[5, 4],
        may_split=True,
        notice_hours=48,
    )
    answer = await apply(site, citizen, body)
    assert answer.status_code == 201
    made = answer.json()
    assert [patient["name"] for patient in made.pop("patients")] == ["张三", "李四"]
    assert made.pop("id") > 0
    assert made.pop("hospital_id") > 0
    assert made == {
        "state": "live",
        "hospital_name": "市第一医院",
        "hospital_name_en": "",
        "department_id": body["department_id"],
        "department_name": "心血管内科",
        "department_name_en": "",
        "first_date": "2026-12-01",
        "last_date": "2026-12-07",
        "title": "主任医师",
        "title_en": "Chief physician",
        "specialty": None,
        "specialty_en": "",
        "periods": ["morning", "afternoon"],
        "iso_weekdays": [4, 5],
        "ranked_sessions": [],
        "may_split": True,
        "notice_hours": 48,
        "channel": "api",
        "lost": 0,
        "appointment_ids": [],
        "created_at": "2026-11-30T09:00:00+08:00",
        "changed_at": "2026-11-30T09:00:00+08:00",
    }


async def test_what_is_left_out_stands_for_any(site: Site) -> None:
    citizen = await add_citizen(site)
    made = (await apply(site, citizen, await body_for(site, citizen))).json()
    assert (made["title"], made["specialty"], made["ranked_sessions"]) == (None, None, [])
    assert made["periods"] == ["morning", "afternoon", "evening"]
    assert made["iso_weekdays"] == [1, 2, 3, 4, 5, 6, 7]
    assert (made["may_split"], made["notice_hours"]) == (False, 24)


async def test_a_repeated_key_is_the_same_application_and_another_body_is_refused(
    site: Site,
) -> None:
    citizen = await add_citizen(site)
    body = await body_for(site, citizen)
    first, again = await apply(site, citizen, body), await apply(site, citizen, body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = await apply(site, citizen, {**body, "notice_hours": 0})
    problem(other, 422, "idempotency_mismatch")
    key = {"Idempotency-Key": "k"}
    problem(await site.post(CALLS, json=body, headers=key), 401, "token_required")
    problem(await site.post(CALLS, json=body, token=citizen.token), 400, "idempotency_key_required")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"patient_ids": []}, "patient_ids"),
        ({"patient_ids": [1, 2, 3]}, "patient_ids"),
        ({"patient_ids": ["1"]}, "patient_ids"),
        ({"patient_ids": [0]}, "patient_ids"),
        ({"patient_ids": [2**63]}, "patient_ids"),
        ({"department_id": "x"}, "department_id"),
        ({"first_date": "2026-02-30"}, "first_date"),
        ({"last_date": "tomorrow"}, "last_date"),
        ({"periods": []}, "periods"),
        ({"periods": ["night"]}, "periods"),
        ({"periods": ["morning\n"]}, "periods"),
        ({"iso_weekdays": [0]}, "iso_weekdays"),
        ({"iso_weekdays": [8]}, "iso_weekdays"),
        ({"iso_weekdays": [1] * 8}, "iso_weekdays"),
        ({"ranked_sessions": list(range(1, 22))}, "ranked_sessions"),
        ({"title": "x" * 81}, "title"),
        ({"specialty": "a\u0000b"}, "specialty"),
        ({"may_split": "yes"}, "may_split"),
        ({"notice_hours": 169}, "notice_hours"),
        ({"notice_hours": -1}, "notice_hours"),
        ({"notice_hours": 1.5}, "notice_hours"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    site: Site, changed: dict[str, Any], field: str
) -> None:
    citizen = await add_citizen(site)
    answer = await apply(site, citizen, await body_for(site, citizen, **changed))
    problem(answer, 422, "invalid_field")
    assert answer.json()["field"] == field
    assert await ask(site.platform, "SELECT FROM applications") == []


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"department_id": 2**63 - 1}, 404, "unknown_department"),
        ({"patient_ids": [2**63 - 1]}, 403, "not_your_patient"),
        ({"first_date": "0001-01-01"}, 422, "wishes_impossible"),
        ({"last_date": "9999-12-31"}, 422, "wishes_impossible"),
        ({"first_date": "9999-12-31", "last_date": "9999-12-31"}, 422, "wishes_impossible"),
        ({"first_date": "2026-12-08"}, 422, "wishes_impossible"),
        ({"ranked_sessions": [2**63 - 1]}, 404, "unknown_session"),
    ],
)
async def test_what_cannot_be_applied_for_is_refused(
    site: Site, changed: dict[str, Any], status: int, code: str
) -> None:
    citizen = await add_citizen(site)
    body = await body_for(site, citizen, **changed)
    for language in (CHINESE, ENGLISH):
        problem(await apply(site, citizen, body, **language), status, code)


async def test_one_patient_twice_and_a_department_twice(site: Site) -> None:
    citizen = await add_citizen(site)
    twice = [citizen.patient_id, citizen.patient_id]
    body = await body_for(site, citizen, patient_ids=twice)
    problem(await apply(site, citizen, body), 422, "same_patient_twice")
    body["patient_ids"] = [citizen.patient_id]
    assert (await apply(site, citizen, body)).status_code == 201
    problem(await apply(site, citizen, body, key="k2"), 409, "already_applied")


async def test_impossible_dates_name_the_last_that_is_possible(site: Site) -> None:
    citizen = await add_citizen(site)
    body = await body_for(site, citizen, last_date="2027-04-01")
    answer = await apply(site, citizen, body, **ENGLISH)
    problem(answer, 422, "wishes_impossible")
    assert "dates can be from today to Sun 14 Mar 2027" in answer.json()["detail"]


async def test_only_the_owner_sees_and_withdraws(site: Site) -> None:
    citizen, stranger = await add_citizen(site, 1), await add_citizen(site, 2)
    made = (await apply(site, citizen, await body_for(site, citizen))).json()
    own, theirs = citizen.token, stranger.token
    shown = await site.get(f"{CALLS}/{made['id']}", token=own)
    assert shown.json() == made
    assert (await site.get(CALLS, token=own)).json() == {"items": [made], "next": None}
    assert (await site.get(CALLS, token=theirs)).json() == {"items": [], "next": None}
    for id in (made["id"], 2**63 - 1, "x", -1):
        problem(await site.get(f"{CALLS}/{id}", token=theirs), 404, "unknown_application")
        refused = await site.post(f"{CALLS}/{id}/withdraw", token=theirs)
        problem(refused, 404, "unknown_application")
    withdrawn = await site.post(f"{CALLS}/{made['id']}/withdraw", token=own)
    assert withdrawn.status_code == 200
    assert withdrawn.json() == {**made, "state": "withdrawn"}
    again = await site.post(f"{CALLS}/{made['id']}/withdraw", token=own)
    problem(again, 409, "application_not_live")


async def test_the_list_goes_on_from_its_cursor(site: Site) -> None:
    citizen = await add_citizen(site)
    body = await body_for(site, citizen)
    assert (await apply(site, citizen, body)).status_code == 201
    # A year of withdrawn applications, as the database would hold them.
    await change(
        site.platform,
        """
        INSERT INTO applications (account_id, hospital_id, department_id, first_date, last_date,
                                  channel, state, actor_kind, actor_id, idempotency_key,
                                  body_sha256, created_at, changed_at)
        SELECT account_id, hospital_id, department_id, first_date, last_date, channel,
               'withdrawn', actor_kind, actor_id, 'old' || n, '', created_at, changed_at
        FROM applications, generate_series(1, 60) n
        """,
    )
    await change(
        site.platform,
        """
        INSERT INTO application_patients (application_id, position, patient_id, department_id,
                                          is_live)
        SELECT id, 0, %s, department_id, false FROM applications WHERE state = 'withdrawn'
        """,
        citizen.patient_id,
    )
    first = (await site.get(CALLS, token=citizen.token)).json()
    assert len(first["items"]) == 50
    rest = await site.get(f"{CALLS}?cursor={first['next']}", token=citizen.token)
    assert rest.json()["next"] is None
    ids = [one["id"] for one in first["items"] + rest.json()["items"]]
    assert len(ids) == 61
    assert ids == sorted(ids, reverse=True)
    for cursor in ("0", "x", "-1", str(2**63)):
        answer = await site.get(f"{CALLS}?cursor={cursor}", token=citizen.token)
        problem(answer, 422, "invalid_field")


async def test_an_unconfirmed_log_in_applies_for_nothing(site: Site) -> None:
    citizen = await add_citizen(site)
    body = await body_for(site, citizen)
    await change(site.platform, "UPDATE log_ins SET confirmed_at = NULL")
    problem(await apply(site, citizen, body), 403, AccountLoginRefusal.CONFIRM_REQUIRED)
    await change(site.platform, "DELETE FROM log_ins")
    problem(await apply(site, citizen, body), 401, AccountLoginRefusal.ENDED)
    assert await ask(site.platform, "SELECT FROM applications") == []


# Declining ----------------------------------------------------------------------------------


async def won(site: Site, citizen: Citizen) -> int:
    """A booking that the citizen won just now."""
    appointment = await booked(site, citizen)
    return await mark_as_won(site.platform, appointment["id"])


async def test_a_win_is_shown_and_declined_by_its_owner(site: Site) -> None:
    citizen, stranger = await add_citizen(site, 1), await add_citizen(site, 2)
    id = await won(site, citizen)
    address = f"{API}/appointments/{id}"
    shown = (await site.get(address, token=citizen.token)).json()
    assert shown["won_in_draw"] is True
    assert shown["declinable_until"] == "2026-12-01T09:00:00+08:00"
    refused = await site.post(f"{address}/decline", token=stranger.token)
    problem(refused, 404, "unknown_appointment")
    declined = await site.post(f"{address}/decline", token=citizen.token)
    assert declined.status_code == 200
    answered = declined.json()
    assert (answered["status"], answered["declinable_until"]) == ("cancelled", None)
    assert answered["won_in_draw"] is True
    again = await site.post(f"{address}/decline", token=citizen.token)
    problem(again, 409, "not_cancellable")


async def test_a_win_is_not_declined_after_its_time(site: Site, clock: Clock) -> None:
    citizen = await add_citizen(site)
    address = f"{API}/appointments/{await won(site, citizen)}/decline"
    clock.forward(hours=24)
    answer = await site.post(address, token=await site.log_in(citizen.account_id))
    problem(answer, 409, "decline_too_late")
    assert "12月1日" in answer.json()["detail"]


async def test_what_was_not_won_is_not_declined(site: Site) -> None:
    citizen = await add_citizen(site)
    appointment = await booked(site, citizen)
    answer = await site.post(f"{API}/appointments/{appointment['id']}/decline", token=citizen.token)
    problem(answer, 409, "not_won")
