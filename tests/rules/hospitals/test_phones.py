"""A hospital's telephone numbers, and landlines that lost their leading zero in a spreadsheet."""

from __future__ import annotations

import pytest

from guahao.rules.hospitals.hospitals import HospitalFault, code_fault, is_phone, lost_its_zero


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", True),
        ("010-12345678", True),
        ("(010) 12345678 转 801；010-87654321", True),
        ("+86 10 1234 5678", True),
        ("电话 010-12345678", False),
        ("call us", False),
        ("010-1234567８", False),
    ],
)
def test_what_can_be_a_hospital_s_phone(text: str, is_one: bool) -> None:
    assert is_phone(text) is is_one


@pytest.mark.parametrize(
    ("digits", "lost"),
    [
        ("1065551234", True),
        ("2165551234", True),
        ("7556555123", True),
        ("75565551234", True),
        ("01065551234", False),  # it has its zero
        ("65551234", False),
        ("13800000001", False),
        ("4008101234", False),
        ("8008101234", False),
    ],
)
def test_a_landline_without_its_zero_is_recognised(digits: str, lost: bool) -> None:
    assert lost_its_zero(digits) is lost


@pytest.mark.parametrize("code", ["H", "h1", "01", "A.b-c_d", "x" * 32])
def test_a_code_of_letters_and_digits_is_accepted(code: str) -> None:
    assert code_fault(code) is None


@pytest.mark.parametrize("code", ["", "-1", ".a", "医院", "a b", "x" * 33, "h1\n"])
def test_any_other_code_is_refused(code: str) -> None:
    assert code_fault(code) is HospitalFault.CODE
