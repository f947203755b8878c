"""Phones as people type them, as they are stored, and as they are read out."""

from __future__ import annotations

import pytest

from guahao.rules.people.phones import Phone, spoken_phone, valid_any_phone

STORED = "+861065551234"


@pytest.mark.parametrize(
    ("typed", "stored", "spoken"),
    [
        ("010-65551234", STORED, "010-65551234"),
        ("(010) 6555 1234", STORED, "010-65551234"),
        ("０１０－６５５５１２３４", STORED, "010-65551234"),
        ("+86 10 6555 1234", STORED, "010-65551234"),
        ("010-65551234转801", f"{STORED};ext=801", "010-65551234 转 801"),
        ("010-65551234-801", f"{STORED};ext=801", "010-65551234 转 801"),
        ("010-65551234 分机 801", f"{STORED};ext=801", "010-65551234 转 801"),
        ("010-65551234 ext. 801", f"{STORED};ext=801", "010-65551234 转 801"),
        ("0755-82345678", "+8675582345678", "0755-82345678"),
        ("138 0000 0001", "+8613800000001", "13800000001"),
    ],
)
def test_a_phone_as_it_is_typed_stored_and_said(typed: str, stored: str, spoken: str) -> None:
    valid = valid_any_phone(typed)
    assert valid == Phone(stored, is_landline=not stored.startswith("+8613"))
    assert spoken_phone(stored) == spoken
    assert valid_any_phone(spoken) == valid


@pytest.mark.parametrize(
    "typed",
    [
        *("65551234", "010-6555123", "0791-6555123", "400-810-1234", "95588", "114", ""),
        *("+1 212 555 1234", "010-65551234转1234567", "我家010-65551234", "13800000001转1"),
    ],
)
def test_what_is_no_phone_of_a_person(typed: str) -> None:
    assert valid_any_phone(typed) is None


@pytest.mark.parametrize(
    ("typed", "extension"),
    [
        ("010-65551234转123456", "123456"),
        ("010-65551234轉801", "801"),
        ("010-65551234轉分機801", "801"),
        ("010-65551234转分机801", "801"),
        ("010-65551234分机号801", "801"),
        ("010-65551234 分機 801", "801"),
        ("010-65551234 EXT 801", "801"),
        ("010-65551234#801", "801"),
        ("010-6555-1234", ""),
    ],
)
def test_an_extension_is_understood_in_every_spelling(typed: str, extension: str) -> None:
    stored = f"{STORED};ext={extension}" if extension else STORED
    assert valid_any_phone(typed) == Phone(stored, is_landline=True)


@pytest.mark.parametrize("typed", ["+852 2555 1234", "0033 1 42 68 53 00", "+86 800 810 1234"])
def test_a_phone_abroad_and_a_service_number_are_no_persons_phone(typed: str) -> None:
    assert valid_any_phone(typed) is None


@pytest.mark.parametrize(
    ("stored", "spoken"), [("", ""), ("no phone", "no phone"), ("+8613800000001", "13800000001")]
)
def test_what_is_stored_and_is_no_phone_is_read_out_as_it_is(stored: str, spoken: str) -> None:
    assert spoken_phone(stored) == spoken
