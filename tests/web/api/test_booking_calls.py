"""Booking through the API: what is answered to whom, and when a refusal would pass."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from tests.city import (
    THURSDAY,
    Clock,
    add_patient,
    add_session,
    change,
    open_platform,
    resident_id,
)
from tests.crowd import open_desk
from tests.web.site import API, CHINESE, ENGLISH, Citizen, Site, add_citizen, booked, problem

from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.web.app import create_app

OPENS = {"retry_from": "2026-12-01T08:30:00+08:00"}


async def test_a_booking_is_answered_whole(site: Site) -> None:
    citizen = await add_citizen(site)
    session_id = await add_session(site.platform)
    answer = await site.book(citizen, session_id)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    patient = {
        "id": citizen.patient_id,
        "name": "张三",
        "id_type": "01",
        "id_no": f"1101****{resident_id(1)[-4:]}",
        "suspended_until": None,
    }
    assert re.fullmatch(r"\d{8}", body.pop("code"))
    assert re.fullmatch(r"\d{10}", body.pop("order_no"))
    assert body.pop("id") > 0
    assert body.pop("hospital_id") > 0
    assert body.pop("department_id") > 0
    assert body == {
        "status": "booked",
        "channel": "api",
        "booked_at": "2026-11-30T09:00:00+08:00",
        "clinic_session_id": session_id,
        "hospital_name": "市第一医院",
        "hospital_name_en": "",
        "department_name": "心血管内科",
        "department_name_en": "",
        "title": "主任医师",
        "title_en": "Chief physician",
        "specialty": "高血压",
        "specialty_en": "High blood pressure",
        "visit_date": "2026-12-03",
        "period": "morning",
        "starts_at": "08:30",
        "ends_at": "09:00",
        "fee_fen": 8000,
        "patient_id": citizen.patient_id,
        "patient_name": "张三",
        "patient": patient,
        "won_in_draw": False,
        "declinable_until": None,
        "substituted": False,
    }


async def test_the_same_key_and_body_give_the_same_answer(site: Site) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    first = await site.book(citizen, session_id, key="once")
    again = await site.book(citizen, session_id, key="once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


async def test_the_same_key_with_another_body_is_refused(site: Site) -> None:
    citizen = await add_citizen(site)
    sessions = [await add_session(site.platform) for _ in range(2)]
    assert (await site.book(citizen, sessions[0], key="once")).status_code == 201
    for language in (CHINESE, ENGLISH):
        answer = await site.book(citizen, sessions[1], key="once", headers=language)
        problem(answer, 422, "idempotency_mismatch")


async def test_a_key_belongs_to_its_account(site: Site) -> None:
    session_id = await add_session(site.platform)
    for number in (1, 2):
        citizen = await add_citizen(site, number)
        assert (await site.book(citizen, session_id, key="mine")).status_code == 201


async def test_an_unknown_session_is_not_found(site: Site) -> None:
    problem(await site.book(await add_citizen(site), 2**63 - 1), 404, "unknown_session")


async def test_a_stranger_may_not_book_for_my_patient(site: Site) -> None:
    mine, other = await add_citizen(site, 1), await add_citizen(site, 2)
    session_id = await add_session(site.platform)
    thief = Citizen(other.account_id, mine.patient_id, other.token)
    problem(await site.book(thief, session_id), 403, "not_your_patient")


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
@pytest.mark.parametrize(
    ("visit_date", "now", "code", "when"),
    [
        ("2026-11-30", "2026-11-30T09:00", "same_day", {"visit_from": "2026-12-01"}),
        ("2026-12-01", "2026-11-30T15:00", "next_day_closed", {"visit_from": "2026-12-02"}),
        ("2027-03-01", "2026-11-30T09:00", "beyond_horizon", OPENS),
        ("2027-03-01", "2026-12-01T08:29", "not_released", OPENS),
    ],
)
async def test_a_date_that_is_not_open_says_what_is(
    site: Site,
    clock: Clock,
    language: dict[str, str],
    visit_date: str,
    now: str,
    code: str,
    when: dict[str, str],
) -> None:
    clock.now = datetime.fromisoformat(now).replace(tzinfo=CITY_TIME)
    session_id = await add_session(site.platform, date.fromisoformat(visit_date))
    await change(site.platform, "UPDATE hospitals SET release_time = '08:30'")
    answer = await site.book(await add_citizen(site), session_id, headers=language)
    detail = problem(answer, 409, code)
    assert {k: v for k, v in answer.json().items() if k in ("retry_from", "visit_from")} == when
    [named] = when.values()
    moment = datetime.fromisoformat(named)
    assert (f"{moment.month}月{moment.day}日" in detail) == (language is CHINESE)
    if "retry_from" in when:
        assert "08:30" in detail


async def test_limits_name_the_next_day_that_is_free(site: Site) -> None:
    citizen = await add_citizen(site)
    session_id = await add_session(site.platform)
    assert (await site.book(citizen, session_id)).status_code == 201
    answer = await site.book(citizen, session_id, headers=ENGLISH)
    assert "Fri 4 Dec" in problem(answer, 409, "duplicate_department")
    assert answer.json()["visit_from"] == "2026-12-04"
    assert (await site.book(citizen, await add_session(site.platform))).status_code == 201
    full_day = await site.book(citizen, await add_session(site.platform))
    problem(full_day, 409, "day_limit")
    later = [await add_session(site.platform, THURSDAY + timedelta(days=n)) for n in (1, 2)]
    assert (await site.book(citizen, later[0])).status_code == 201
    full_week = await site.book(citizen, later[1])
    assert "12月10日" in problem(full_week, 409, "seven_day_limit")


async def test_a_suspended_patient_is_told_until_when(site: Site) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-01-15'")
    answer = await site.book(citizen, session_id)
    detail = problem(answer, 409, "patient_suspended")
    assert "2027年1月15日" in detail
    assert "114" in detail
    assert answer.json()["retry_from"] == "2027-01-15T00:00:00+08:00"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE clinic_sessions SET booked = capacity", "sold_out"),
        ("UPDATE clinic_sessions SET stopped_at = '2026-11-30'", "session_stopped"),
    ],
)
async def test_a_session_without_places_says_so(site: Site, statement: str, code: str) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    await change(site.platform, statement)
    for language in (CHINESE, ENGLISH):
        problem(await site.book(citizen, session_id, headers=language), 409, code)


async def test_a_full_desk_says_when_to_come_again(site: Site) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    async with open_desk(site.platform, queue=0) as desk:
        busy = Site(create_app(site.platform, desk), site.platform)
        answer = await busy.book(citizen, session_id)
        problem(answer, 503, "busy")
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["trace_id"]


async def test_a_lost_database_promises_that_the_same_key_is_safe(
    site: Site, database_url: str, clock: Clock
) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    async with open_platform(database_url, clock) as lost:
        await lost.db.close()
        async with open_desk(lost) as desk:
            unsure = Site(create_app(lost, desk), site.platform)
            answer = await unsure.book(citizen, session_id, key="k", headers=ENGLISH)
    detail = problem(answer, 503, "booking_unavailable")
    assert "nothing was booked" in detail
    assert "same Idempotency-Key" in detail
    assert answer.headers["retry-after"] == "2"
    assert (await site.book(citizen, session_id, key="k")).status_code == 201


# Afterwards -------------------------------------------------------------------------------------


async def test_my_booking_tells_where_to_go_and_how_to_cancel(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    path = f"{API}/appointments/{booking['id']}"
    await change(site.platform, "UPDATE hospitals SET pickup_place_en = 'Ground floor'")
    chinese = (await site.get(path, token=citizen.token)).json()
    english = (await site.get(path, token=citizen.token, headers=ENGLISH)).json()
    assert {key: chinese[key] for key in booking} == booking
    assert chinese["pickup"] == {
        "place": "门诊楼一层",
        "until": "2026-12-03T11:30:00+08:00",
        "bring": "就诊人登记的证件原件、预约短信和识别码",
    }
    assert english["pickup"]["bring"].startswith("The original")
    assert english["pickup"]["place"] == "Ground floor"
    assert chinese["cancel"] == {
        "until": "2026-12-02T15:00:00+08:00",
        "by": "agent",
        "hotline": "114",
    }


async def test_current_and_history_are_two_lists(site: Site) -> None:
    citizen = await add_citizen(site)
    current, over = await booked(site, citizen), await booked(site, citizen)
    await change(
        site.platform, "UPDATE appointments SET status = 'cancelled' WHERE id = %s", over["id"]
    )
    path = f"{API}/appointments"
    for query, expected in (("", current), ("?view=current", current), ("?view=history", over)):
        answer = (await site.get(path + query, token=citizen.token)).json()
        assert [item["id"] for item in answer["items"]] == [expected["id"]]
        assert answer["next"] is None


async def test_a_booking_is_looked_up_by_code_and_document(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    proof = {"code": booking["code"], "id_no": f" {resident_id(1).lower()} "}
    answer = await site.post(f"{API}/appointments/lookup", json=proof)
    assert answer.status_code == 200
    assert {key: answer.json()[key] for key in booking} == booking
    assert answer.json()["pickup"]["place"] == "门诊楼一层"


async def test_every_miss_of_a_look_up_is_the_same_answer(site: Site) -> None:
    booking = await booked(site, await add_citizen(site))
    wrong_code = f"{(int(booking['code']) + 1) % 10**8:08d}"
    misses = [
        {"code": wrong_code, "id_no": resident_id(1)},
        {"code": booking["code"], "id_no": resident_id(2)},
        {"code": booking["code"], "id_no": "?"},
        {"code": wrong_code, "id_no": resident_id(2)},
    ]
    answers = [await site.post(f"{API}/appointments/lookup", json=miss) for miss in misses]
    for answer in answers:
        problem(answer, 404, "unknown_appointment")
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


async def test_guessing_codes_is_throttled(site: Site) -> None:
    guess = {"code": "00000000", "id_no": resident_id(1)}
    for _ in range(site.platform.settings.lookups_per_code_day):
        answer = await site.post(f"{API}/appointments/lookup", json=guess)
        problem(answer, 404, "unknown_appointment")
    answer = await site.post(f"{API}/appointments/lookup", json=guess)
    assert answer.headers["retry-after"] in problem(answer, 429, "lookup_throttled")


async def test_cancelling_is_by_phone_and_names_number_and_deadline(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    path = f"{API}/appointments/{booking['id']}/cancel"
    detail = problem(await site.post(path, token=citizen.token), 403, "cancel_by_phone")
    assert "114" in detail
    assert "12月2日 周三 15:00" in detail


async def test_self_service_cancels_in_time_only(database_url: str, clock: Clock) -> None:
    policy = Policy(cancel_channels=frozenset({"agent", "patient"}))
    async with (
        open_platform(database_url, clock, policy=policy) as platform,
        open_desk(platform) as desk,
    ):
        site = Site(create_app(platform, desk), platform)
        citizen = await add_citizen(site)
        soon, late = await booked(site, citizen), await booked(site, citizen)
        path = f"{API}/appointments/{soon['id']}"
        assert (await site.get(path, token=citizen.token)).json()["cancel"]["by"] == "patient"
        cancelled = await site.post(f"{path}/cancel", token=citizen.token)
        assert cancelled.status_code == 200
        assert cancelled.json() == soon | {"status": "cancelled"}
        again = await site.post(f"{path}/cancel", token=citizen.token)
        problem(again, 409, "not_cancellable")
        clock.now = datetime(2026, 12, 2, 15, 0, tzinfo=CITY_TIME)
        path = f"{API}/appointments/{late['id']}/cancel"
        token = await site.log_in(citizen.account_id)
        too_late = await site.post(path, token=token, headers=ENGLISH)
        assert "Wed 2 Dec, 15:00" in problem(too_late, 409, "cancel_too_late")


async def test_the_second_patient_of_an_account_books_as_well(site: Site) -> None:
    citizen = await add_citizen(site)
    second = await add_patient(site.platform, citizen.account_id, 2, "李四")
    answer = await site.book(
        Citizen(citizen.account_id, second.id, citizen.token), await add_session(site.platform)
    )
    assert answer.json()["patient_name"] == "李四"
