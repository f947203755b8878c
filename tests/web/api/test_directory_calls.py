"""Finding a hospital, a department, a session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import psycopg
import pytest
from tests.city import MONDAY_MORNING, THURSDAY
from tests.supply import Rows
from tests.web.site import API, ENGLISH, Site, problem


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


async def test_a_page_of_hospitals_leads_to_the_next(site: Site, rows: Rows) -> None:
    ids = [rows.hospital() for _ in range(52)]
    first = (await site.get(f"{API}/hospitals")).json()
    second = (await site.get(f"{API}/hospitals", params={"cursor": first["next"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == ids
    assert len(first["items"]) == 50
    assert second["next"] is None


async def test_hospitals_are_found_by_name_district_and_grade(site: Site, rows: Rows) -> None:
    wanted = rows.hospital(name="安澜市儿童医院", district="城西区", grade="三级甲等")
    rows.hospital(name="安澜市儿童医院", district="城东区", grade="三级甲等")
    query = {"q": "儿童", "district": "城西区", "grade": "三级甲等"}
    found = (await site.get(f"{API}/hospitals", params=query)).json()
    assert found == {
        "items": [
            {
                "id": wanted,
                "name": "安澜市儿童医院",
                "grade": "三级甲等",
                "district": "城西区",
                "address": "",
                "phone": "",
            }
        ],
        "next": None,
    }


async def test_a_hospital_is_found_in_traditional_characters(site: Site, rows: Rows) -> None:
    id = rows.hospital(name="安澜市妇产医院")
    for q in ("婦產", "妇产", "妇\u200b产"):
        found = (await site.get(f"{API}/hospitals", params={"q": q})).json()
        assert [item["id"] for item in found["items"]] == [id], q


async def test_an_empty_filter_is_no_filter(site: Site, rows: Rows) -> None:
    id = rows.hospital()
    found = (await site.get(f"{API}/hospitals?q=&district=&cursor=")).json()
    assert [item["id"] for item in found["items"]] == [id]


async def test_a_hospital_tells_its_own_rules(site: Site, rows: Rows) -> None:
    id = rows.hospital(
        cycle_days=28,
        release_time=time(8, 30),
        cancel_days_before=2,
        pickup_until_morning=time(10, 45),
        pickup_place="一层",
        notice="请提前到达",
    )
    shown = (await site.get(f"{API}/hospitals/{id}")).json()
    assert shown == {
        "id": id,
        "name": "安澜市测试医院",
        "grade": "三级",
        "district": "城东区",
        "address": "",
        "phone": "",
        "cycle_days": 28,
        "release_time": "08:30",
        "next_day_stop_time": "15:00",
        "cancel_days_before": 2,
        "cancel_time": "15:00",
        "pickup_deadlines": {"morning": "10:45", "afternoon": "16:30", "evening": "20:00"},
        "pickup_place": "一层",
        "notice": "请提前到达",
    }


async def test_names_are_english_for_an_english_reader_where_they_exist(
    site: Site, rows: Rows
) -> None:
    id = rows.hospital(name="安澜市测试医院", name_en="Anlan Test Hospital")
    medicine = rows.department(id, name="内科", name_en="Internal medicine")
    heart = rows.department(id, name="心内科", parent_id=medicine)
    hospital = (await site.get(f"{API}/hospitals/{id}", headers=ENGLISH)).json()
    departments = await site.get(f"{API}/hospitals/{id}/departments", headers=ENGLISH)
    assert hospital["name"] == "Anlan Test Hospital"
    assert departments.json() == {
        "items": [
            {"id": medicine, "name": "Internal medicine", "parent": None},
            {
                "id": heart,
                "name": "心内科",
                "parent": {"id": medicine, "name": "Internal medicine"},
            },
        ],
        "next": None,
    }


@pytest.mark.parametrize(
    "id", ["0", "-1", "9223372036854775808", "9" * 400, "abc", "1_0", "１", "1.0", "%00"]
)
@pytest.mark.parametrize("path", ["/hospitals/{}", "/hospitals/{}/departments"])
async def test_what_is_no_id_names_no_hospital(closed_site: Site, path: str, id: str) -> None:
    problem(await closed_site.get(API + path.format(id)), 404, "unknown_hospital")


async def test_an_unknown_hospital_is_not_found(site: Site) -> None:
    for path in ("/hospitals/9223372036854775807", "/hospitals/9223372036854775807/departments"):
        problem(await site.get(API + path), 404, "unknown_hospital")


async def test_a_departments_sessions_are_shown_with_their_state(site: Site, rows: Rows) -> None:
    hospital = rows.hospital(release_time=time(8, 0))
    department = rows.department(hospital)
    timed = {"starts_at": time(8, 30), "ends_at": time(9, 0), "title": "主任医师"}
    open_one = rows.session(hospital, department, THURSDAY, **timed, specialty="高血压", booked=5)
    rows.session(hospital, department, THURSDAY + timedelta(days=1), booked=20)
    rows.session(hospital, department, date(2027, 3, 1))
    rows.session(hospital, department, MONDAY_MORNING.date())
    rows.session(hospital, department, THURSDAY, stopped_at=MONDAY_MORNING, title="普通")
    query = {"hospital_id": hospital, "department_id": department}
    answer = (await site.get(f"{API}/clinic-sessions", params=query)).json()
    states = {(item["visit_date"], item["title"]): item["state"] for item in answer["items"]}
    assert states == {
        ("2026-11-30", "普通门诊"): "closed",
        ("2026-12-03", "主任医师"): "available",
        ("2026-12-03", "普通"): "stopped",
        ("2026-12-04", "普通门诊"): "full",
        ("2027-03-01", "普通门诊"): "not_released",
    }
    assert answer["next"] is None
    assert next(item for item in answer["items"] if item["id"] == open_one) == {
        "id": open_one,
        "hospital_id": hospital,
        "department_id": department,
        "title": "主任医师",
        "title_en": "Chief physician",
        "specialty": "高血压",
        "specialty_en": "High blood pressure",
        "visit_date": "2026-12-03",
        "period": "morning",
        "starts_at": "08:30",
        "ends_at": "09:00",
        "fee_fen": 5000,
        "capacity": 20,
        "remaining": 15,
        "state": "available",
        "waiting_for_draw": 0,
        "draw_at": None,
    }


async def test_a_session_names_the_places_that_wait_for_a_draw(site: Site, rows: Rows) -> None:
    hospital = rows.hospital()
    department = rows.department(hospital)
    draw_at = datetime(2026, 12, 1, 2, tzinfo=UTC)
    rows.session(
        hospital, department, THURSDAY, capacity=20, booked=17, held=2, reserved=1, draw_at=draw_at
    )
    query = {"hospital_id": hospital, "department_id": department}
    [item] = (await site.get(f"{API}/clinic-sessions", params=query)).json()["items"]
    assert (item["remaining"], item["state"]) == (0, "by_draw")
    assert (item["waiting_for_draw"], item["draw_at"]) == (2, "2026-12-01T10:00:00+08:00")


async def test_sessions_are_narrowed_by_date_title_and_specialty(site: Site, rows: Rows) -> None:
    hospital = rows.hospital()
    department = rows.department(hospital)
    days = [THURSDAY + timedelta(days=n) for n in range(3)]
    for day in days:
        rows.session(hospital, department, day)
    wanted = rows.session(hospital, department, days[1], title="主任医师", specialty="高血压")
    query = {
        "hospital_id": hospital,
        "department_id": department,
        "date_from": days[1].isoformat(),
        "date_to": days[1].isoformat(),
    }
    on_the_day = (await site.get(f"{API}/clinic-sessions", params=query)).json()["items"]
    assert [item["visit_date"] for item in on_the_day] == [days[1].isoformat()] * 2
    query |= {"title": "主任医师", "specialty": "高血压"}
    narrowed = (await site.get(f"{API}/clinic-sessions", params=query)).json()["items"]
    assert [item["id"] for item in narrowed] == [wanted]


async def test_a_department_of_another_hospital_has_no_sessions_here(
    site: Site, rows: Rows
) -> None:
    hospital, other = rows.hospital(), rows.hospital()
    department = rows.department(hospital)
    rows.session(hospital, department, THURSDAY)
    query = {"hospital_id": other, "department_id": department}
    answer = await site.get(f"{API}/clinic-sessions", params=query)
    assert answer.json() == {"items": [], "next": None}
