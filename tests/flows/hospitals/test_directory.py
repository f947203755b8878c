"""Looking through hospitals and departments."""

from collections.abc import AsyncIterator, Iterator
from datetime import time

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.supply import Rows, at

from guahao.flows.hospitals.directory import departments, hospital, search_hospitals
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import HospitalRules
from guahao.store.kernel.views import DepartmentView, HospitalView


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock(at("2026-11-23T10:00"))) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


async def test_a_hospital_is_found_by_a_part_of_either_name(platform: Platform, rows: Rows) -> None:
    children = rows.hospital(name="安澜市儿童医院", name_en="Anlan Children's Hospital")
    eyes = rows.hospital(name="安澜市眼科医院", name_en="Anlan Eye Hospital")
    assert await _found(platform, q="儿童") == [children]
    assert await _found(platform, q="eye hos") == [eyes]
    assert await _found(platform, q="医院") == [children, eyes]
    assert await _found(platform, q="骨科") == []


@pytest.mark.parametrize("q", ["100%", "a_b", "back\\slash", "%_\\"])
async def test_signs_that_the_database_could_take_for_wildcards_are_plain_text(
    platform: Platform, rows: Rows, q: str
) -> None:
    rows.hospital(name="100 a-b backslash")
    itself = rows.hospital(name=f"医院 {q} 院区")
    assert await _found(platform, q=q) == [itself]


async def test_district_and_grade_narrow_the_search(platform: Platform, rows: Rows) -> None:
    here = rows.hospital(district="城东区", grade="三级甲等")
    rows.hospital(district="城东区", grade="二级")
    rows.hospital(district="城西区", grade="三级甲等")
    assert await _found(platform, district="城东区", grade="三级甲等") == [here]
    assert await _found(platform, district="城") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
async def test_pages_show_every_hospital_once_and_then_end(
    platform: Platform, rows: Rows, limit: int
) -> None:
    ids = [rows.hospital() for _ in range(6)]
    seen: list[int] = []
    cursor: int | None = None
    pages = 0
    while pages == 0 or cursor is not None:
        page, cursor = await search_hospitals(platform, None, None, None, cursor, limit)
        assert 0 < len(page) <= limit
        seen += [one.id for one in page]
        pages += 1
    assert seen == ids
    assert pages == -(-len(ids) // limit)


async def test_a_hospital_shows_its_own_rules(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital(
        name="安澜市口腔医院", name_en="Anlan Stomatological Hospital", grade="三级甲等",
        district="城东区", address="梧桐路1号", phone="000-55500001", notice="请带证件",
        pickup_place="一层窗口", cycle_days=7, release_time=time(7), next_day_stop_time=time(12),
        cancel_days_before=3, cancel_time=time(17), pickup_until_morning=time(10, 30),
        pickup_until_afternoon=time(15, 30), pickup_until_evening=time(19),
    )  # fmt: skip
    assert await hospital(platform, hospital_id) == HospitalView(
        hospital_id, "安澜市口腔医院", "Anlan Stomatological Hospital", "三级甲等", "城东区",
        "梧桐路1号", "000-55500001", "请带证件", "一层窗口",
        HospitalRules(7, time(7), time(12), 3, time(17), time(10, 30), time(15, 30), time(19)),
    )  # fmt: skip


async def test_there_is_nothing_to_show_of_an_unknown_hospital(platform: Platform) -> None:
    assert await hospital(platform, 1) is None
    assert await departments(platform, 1) is None


async def test_departments_stand_under_their_first_level(platform: Platform, rows: Rows) -> None:
    hospital_id, elsewhere = rows.hospital(), rows.hospital()
    surgery = rows.department(hospital_id, code="04", name="外科", name_en="Surgery")
    medicine = rows.department(hospital_id, code="03", name="内科", name_en="Medicine")
    heart = rows.department(
        hospital_id, code="03.04", name="心血管内科", name_en="Cardiology", parent_id=medicine
    )
    lung = rows.department(
        hospital_id, code="03.01", name="呼吸内科", name_en="Respiratory", parent_id=medicine
    )
    bones = rows.department(
        hospital_id, code="04.03", name="骨科", name_en="Orthopaedics", parent_id=surgery
    )
    rows.department(elsewhere)
    assert await departments(platform, hospital_id) == [
        DepartmentView(medicine, "内科", "Medicine", None, None),
        DepartmentView(lung, "呼吸内科", "Respiratory", medicine, "内科"),
        DepartmentView(heart, "心血管内科", "Cardiology", medicine, "内科"),
        DepartmentView(surgery, "外科", "Surgery", None, None),
        DepartmentView(bones, "骨科", "Orthopaedics", surgery, "外科"),
    ]


async def test_a_department_off_the_platform_is_not_shown(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital()
    shown = rows.department(hospital_id)
    rows.department(hospital_id, on_platform=False)
    listed = await departments(platform, hospital_id)
    assert listed is not None
    assert [one.id for one in listed] == [shown]


async def _found(
    platform: Platform, q: str | None = None, district: str | None = None, grade: str | None = None
) -> list[int]:
    page, following = await search_hospitals(platform, q, district, grade, None)
    assert following is None
    return [one.id for one in page]
