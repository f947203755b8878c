"""The first page's search: names, pinyin, initials, districts, grades; and what it announces."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import psycopg
import pytest
from tests.city import Clock, add_account, add_appointment, add_patient, open_platform
from tests.supply import Rows, at

from guahao.flows.hospitals.search import PAGE, find, home, recent_places
from guahao.flows.kernel.platform import Platform
from guahao.store.hospitals.search import search_keys

NOW = at("2026-11-23T10:00")


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock(NOW)) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


class Town:
    """Two hospitals, a department of the same name in each."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.children = self.hospital("安澜市儿童医院", "Anlan Children's Hospital")
        self.eyes = self.hospital("安澜市眼科医院", "Anlan Eye Hospital", district="城西区")
        self.heart = self.department(self.children, "心血管内科", "Cardiology")
        self.heart_elsewhere = self.department(self.eyes, "心血管内科", "Cardiology")
        self.lung = self.department(self.children, "呼吸内科", "Respiratory Medicine")

    def hospital(self, name: str, name_en: str, **columns: str) -> int:
        keys = search_keys(name)
        return self.rows.hospital(name=name, name_en=name_en, search_keys=keys, **columns)

    def department(self, hospital_id: int, name: str, name_en: str) -> int:
        parent = self.rows.department(hospital_id, name="内科")
        return self.rows.department(
            hospital_id, name=name, name_en=name_en, search_keys=search_keys(name), parent_id=parent
        )


def test_keys_spell_a_name_from_every_syllable_on() -> None:
    assert search_keys("眼科") == "yanke ke yk k wk ,yan,,wen,;,ke,"
    assert search_keys("A区") == "aqu qu aq q ao ,a,;,qu,,ou,"
    assert search_keys("婦產科").startswith("妇产科 fuchanke ")


@pytest.mark.parametrize(
    "q", ["儿童", "ertong", "etyy", "ETYY", "children", "children's hosp", "ｅｔ", "儿医院"]
)
async def test_a_hospital_is_found_by_name_pinyin_or_initials(
    platform: Platform, rows: Rows, q: str
) -> None:
    town = Town(rows)
    found = await find(platform, q, None, None)
    assert [one.id for one in found.hospitals] == [town.children]


@pytest.mark.parametrize(
    "q", ["心血管", "xinxueguan", "xxgnk", "guanneike", "cardio", "心血管內科"]
)
async def test_a_department_is_found_in_every_hospital_that_has_it(
    platform: Platform, rows: Rows, q: str
) -> None:
    town = Town(rows)
    found = await find(platform, q, None, None)
    assert [(one.id, one.hospital.id) for one in found.departments] == [
        (town.heart, town.children),
        (town.heart_elsewhere, town.eyes),
    ]
    assert found.hospitals == []


@pytest.mark.parametrize(
    "q",
    [
        *("心内科", "xinneike", "xinneik", "xxgk"),  # characters left out
        *("心内科。", "心内科？", "“心内科”", "(心内科)", "心内科,"),
        *("心\u200b内科", "心　内科", "ｘｘｇｋ", "XINNEIKE"),
    ],
)
async def test_a_department_is_found_as_people_type_it(
    platform: Platform, rows: Rows, q: str
) -> None:
    town = Town(rows)
    found = await find(platform, q, None, None)
    assert [one.id for one in found.departments] == [town.heart, town.heart_elsewhere]


@pytest.mark.parametrize("q", ["changdiqu", "zhangdiqu", "cdq", "长堤区", "長堤區", "Changdi"])
async def test_a_hospital_is_found_by_its_district_in_every_reading(
    platform: Platform, rows: Rows, q: str
) -> None:
    Town(rows)
    keys = search_keys("第二医院", "长堤区")
    there = rows.hospital(
        name="第二医院", district="长堤区", district_en="Changdi", search_keys=keys
    )
    found = await find(platform, q, None, None)
    assert [one.id for one in found.hospitals] == [there]


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("妇产科", "婦產科"),
        ("婦產科", "妇产科"),
        ("婦產科", "fuchanke"),
        ("藏医科", "zangyike"),
        ("绿色通道门诊", "lvse"),
        ("绿色通道门诊", "lusetongdao"),
        ("西安门诊部", "xian"),
        ("长安门诊", "changan"),
    ],
)
async def test_a_department_is_found_in_other_characters_and_readings(
    platform: Platform, rows: Rows, name: str, q: str
) -> None:
    town = Town(rows)
    there = town.department(town.children, name, "Department")
    assert [one.id for one in (await find(platform, q, None, None)).departments] == [there]


@pytest.mark.parametrize("q", ["zzz", "nxk", "hhh"])
async def test_initials_in_turn_are_a_names_from_its_first_on(
    platform: Platform, rows: Rows, q: str
) -> None:
    Town(rows)
    assert (await find(platform, q, None, None)).departments == []


@pytest.mark.parametrize("q", ["。", "？！", "·", "\ue000。"])
async def test_signs_alone_find_nothing(platform: Platform, rows: Rows, q: str) -> None:
    Town(rows)
    found = await find(platform, q, None, None)
    assert (found.hospitals, found.departments) == ([], [])


async def test_letters_without_end_are_searched_at_once(platform: Platform, rows: Rows) -> None:
    Town(rows)
    for q in ("an" * 40 + "vv", "a" * 80, " ".join(["xian"] * 20)):
        assert (await find(platform, q, None, None)).departments == []


@pytest.mark.parametrize("q", ["儿童 心血管", "xinxueguan 儿童", "etyy xxgnk"])
async def test_words_may_name_a_hospital_and_a_department_of_it(
    platform: Platform, rows: Rows, q: str
) -> None:
    town = Town(rows)
    assert [one.id for one in (await find(platform, q, None, None)).departments] == [town.heart]


@pytest.mark.parametrize("q", ["%", "_", "\\", "ngtong", "骨科", "e%t"])
async def test_wildcards_and_the_middle_of_a_syllable_find_nothing(
    platform: Platform, rows: Rows, q: str
) -> None:
    Town(rows)
    found = await find(platform, q, None, None)
    assert (found.hospitals, found.departments) == ([], [])


async def test_an_exact_name_stands_before_names_with_gaps(platform: Platform, rows: Rows) -> None:
    town = Town(rows)
    near = town.department(town.children, "心内科", "Heart")
    found = await find(platform, "心内", None, None)
    assert found.departments[0].id == near
    assert len(found.departments) == 3


async def test_district_and_grade_narrow_hospitals_and_departments(
    platform: Platform, rows: Rows
) -> None:
    town = Town(rows)
    found = await find(platform, "心血管", "城西区", None)
    assert [one.id for one in found.departments] == [town.heart_elsewhere]
    everywhere = await find(platform, "", "城西区", "三级")
    assert ([one.id for one in everywhere.hospitals], everywhere.departments) == ([town.eyes], [])
    assert (await find(platform, "", None, "一级")).hospitals == []


async def test_what_cannot_be_booked_here_is_not_found(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital()
    parent = rows.department(hospital_id, name="外科")
    rows.department(hospital_id, name="外科一区", parent_id=parent, on_platform=False)
    assert (await find(platform, "外科", None, None)).departments == []


async def test_pages_show_every_hospital_once(platform: Platform, rows: Rows) -> None:
    ids = [rows.hospital() for _ in range(PAGE + 1)]
    first, second = [await find(platform, "", None, None, page) for page in (1, 2)]
    assert [one.id for one in first.hospitals + second.hospitals] == ids
    assert (first.more, second.more) == (True, False)


async def test_home_knows_districts_and_grades_and_where_an_account_booked_last(
    platform: Platform, rows: Rows
) -> None:
    town = Town(rows)
    account_id = await add_account(platform)
    patient = await add_patient(platform, account_id)
    for number, department_id in enumerate([town.heart, town.lung]):
        session = rows.session(town.children, department_id, NOW.date() + timedelta(days=2))
        booked = await add_appointment(platform, patient.id, session, f"0000000{number}")
        rows.conn.execute(
            "UPDATE appointments SET booked_at = %s WHERE id = %s",
            (NOW + timedelta(minutes=number), booked),
        )
    recent = await recent_places(platform, account_id)
    assert [place.department_id for place in recent] == [town.lung, town.heart]
    assert [place.hospital_id for place in recent] == [town.children] * 2
    assert await recent_places(platform, account_id + 1) == []
    seen = await home(platform)
    assert [name for name, _ in seen.filters.districts] == ["城东区", "城西区"]
    assert seen.filters.grades == ["三级"]


async def test_announcements_are_shown_while_they_hold_the_latest_first(
    platform: Platform, rows: Rows
) -> None:
    for title, begins, ends in [
        ("昨天的", -2, -1),
        ("现在的", -1, 1),
        ("明天的", 1, 2),
        ("刚刚的", 0, 1),
        ("到此为止", -1, 0),
    ]:
        rows.conn.execute(
            "INSERT INTO announcements (title, shown_from, shown_until) VALUES (%s, %s, %s)",
            (title, NOW + timedelta(days=begins), NOW + timedelta(days=ends)),
        )
    seen = await home(platform)
    assert [one.title for one in seen.announcements] == ["刚刚的", "现在的"]
