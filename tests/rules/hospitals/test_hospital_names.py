"""What people call a hospital, and what may as well mean another."""

from __future__ import annotations

import pytest

from guahao.rules.hospitals.hospital_names import called


@pytest.mark.parametrize(
    ("name", "own", "not_own"),
    [
        # With and without the city, its kind by other words.
        (
            "安澜市肿瘤医院",
            ["安澜市肿瘤医院", "肿瘤医院", "市肿瘤医院", "安澜肿瘤医院", "安澜市肿瘤", "市肿瘤"],
            ["肿瘤", "安肿瘤医院", "区肿瘤医院", "中医院"],
        ),
        ("安澜市口腔医院", ["牙科医院", "市牙科医院", "安澜牙医院", "市口腔"], ["口腔", "眼医院"]),
        # By its number, in either script.
        (
            "安澜市第三人民医院",
            ["三院", "市三院", "安澜三院", "3院", "三医院", "第三医院", "第3人民医院", "人民三院"],
            ["四院", "2院", "附三", "第三附属医院"],
        ),
        ("第十一医院", ["十一院", "第十一医院"], ["11院", "一院"]),
        # Of a school.
        (
            "江州医学院附属第一医院",
            ["附一", "一附院", "江州医学院一附院", "医大附一", "医大一院", "附属第1医院", "1附院"],
            ["一院", "第一医院", "附二", "附属医院"],
        ),
        (
            "江州大学附属口腔医院",
            ["附属口腔医院", "口腔附院", "医大附属口腔"],
            ["口腔医院", "附一"],
        ),
        # Of a district: what is said of it alone is its own with the district's name only.
        (
            "城东区妇幼保健院",
            ["城东妇幼", "城东区妇幼", "城东妇保院", "城东区妇幼保健院", "城东妇幼保健院"],
            ["妇幼保健院", "妇幼", "妇保院", "城东", "市妇幼"],
        ),
        ("城东区人民医院", ["城东医院", "城东区医院", "城东人民"], ["人民医院", "医院", "城东院"]),
        ("城西区眼科医院", ["城西眼科", "城西区眼科"], ["城西医院", "城西区医院", "眼科医院"]),
        ("长堤县中医医院", ["长堤县中医院", "长堤中医"], ["长堤县医院", "中医院"]),
        # A campus by its place, with every name of the hospital.
        (
            "安澜市第六人民医院松陵院区",
            ["六院松陵", "市六院松陵院区", "安澜六院松陵院", "6院松陵"],
            ["六院", "第六人民医院", "市六院", "松陵", "松陵院区"],
        ),
    ],
)
def test_what_a_hospital_is_called(name: str, own: list[str], not_own: list[str]) -> None:
    names, _ = called(name)
    assert {*own} - names == set()
    assert {*not_own} & names == set()


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("城南区第二医院", {"第二医院", "二院", "2院", "第2医院", "人民二院"}),
        ("安澜市第二人民医院新澜院区", {"二院", "市二院", "第二人民医院"}),
    ],
)
def test_what_may_as_well_mean_another_hospital(name: str, also: set[str]) -> None:
    own, others = called(name)
    assert also <= others
    assert own.isdisjoint(others)


def test_what_a_hospital_of_the_city_is_called_is_its_own() -> None:
    assert called("安澜市第五人民医院")[1] == frozenset()


@pytest.mark.parametrize(
    ("name_en", "also"),
    [
        (
            "Anlan Eye Hospital",
            {"eye hospital", "eyes hospital", "ophthalmology hospital"},
        ),
        (
            "Anlan Hospital of Infectious Diseases",
            {
                *("infectious diseases hospital", "infection hospital"),
                "infectious disease hospital",
            },
        ),
        ("Anlan First Hospital", set()),
    ],
)
def test_what_a_hospital_is_called_in_english(name_en: str, also: set[str]) -> None:
    assert called(f"{name_en}医院", name_en)[1] == also


def test_spaces_in_a_name_change_nothing() -> None:
    assert called("安澜市 第七人民医院") == called("安澜市第七人民医院")
