"""How long a text of a hospital may be, and how far ahead it may be announced."""

from __future__ import annotations

import pytest

from guahao.rules.hospitals import announcements, departments, hospital_rules, hospitals, titles


def test_the_bounds_of_what_is_written() -> None:
    assert (announcements.TITLE_MAX, announcements.BODY_MAX) == (80, 1000)
    assert announcements.AHEAD_DAYS == 366
    assert departments.NAME_MAX == 80
    assert (titles.NAME_MAX, titles.NAME_EN_MAX) == (40, 80)
    assert (hospital_rules.CYCLE_DAYS_MAX, hospital_rules.CANCEL_DAYS_MAX) == (92, 30)


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("name", 80),
        ("name_en", 120),
        ("district", 20),
        ("district_en", 40),
        ("address", 120),
        ("phone", 60),
        ("notice", 1000),
        ("pickup_place", 120),
        ("address_en", 200),
        ("pickup_place_en", 200),
        ("notice_en", 2000),
    ],
)
def test_the_length_of_each_field_of_a_hospital(field: str, most: int) -> None:
    texts = dict.fromkeys(hospitals.LENGTHS, "1" * 20) | {"grade": "三级"}
    fits = hospitals.HospitalFacts(**texts | {field: "1" * most})
    assert hospitals.faults_of(fits, name_taken=False) == {}
    longer = hospitals.HospitalFacts(**texts | {field: "1" * (most + 1)})
    assert hospitals.faults_of(longer, name_taken=False) == {
        field: hospitals.HospitalFault.TOO_LONG
    }
