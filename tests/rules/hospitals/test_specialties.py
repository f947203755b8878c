"""What the English of a specialty may be, each answer in order."""

from __future__ import annotations

import pytest

from guahao.rules.hospitals.specialties import (
    NAME_EN_MAX,
    NAME_MAX,
    SpecialtyRefusal,
    decide,
)


@pytest.mark.parametrize(
    ("name", "name_en", "refused"),
    [
        ("", "x" * 121, SpecialtyRefusal.MISSING),
        ("长" * 81, "", SpecialtyRefusal.TOO_LONG),
        ("高血压", "x" * 121, SpecialtyRefusal.TOO_LONG),
        ("长" * 80, "x" * 120, None),
        ("高血压", "", None),  # removes it
    ],
)
def test_the_first_fault_of_a_specialty_s_english_answers(
    name: str, name_en: str, refused: SpecialtyRefusal | None
) -> None:
    assert (NAME_MAX, NAME_EN_MAX) == (80, 120)
    assert decide(name, name_en) is refused
