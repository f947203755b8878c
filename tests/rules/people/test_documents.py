"""Which documents are valid, and that one person has one key (RULES.md "Real person").

Every number is invented: no county has the number 110000.
"""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import numbered

from guahao.rules.people.documents import (
    ID_TYPES,
    Document,
    birth_certificate_end,
    birth_date,
    canonical_person,
    is_adult,
    valid_document,
)

TODAY = date(2026, 3, 2)


RESIDENT = numbered("11000019900307001")
OLD_RESIDENT = "110000900307001"  # the same person's number before 1999


@pytest.mark.parametrize(
    ("id_type", "number"),
    [
        ("01", RESIDENT),
        ("01", numbered("81000019900307001")),  # residence permits: Hong Kong,
        ("01", numbered("82000019900307001")),  # Macau
        ("01", numbered("83000019900307001")),  # and Taiwan residents
        ("01", numbered("91184019900307001")),  # foreign permanent resident, of the card of 2023
        ("02", RESIDENT),
        ("03", "E12345678"),
        ("03", "123456789"),
        ("03", "C01X00T47"),
        ("04", "军字第1234567号"),
        ("04", "武字第12345678号"),
        ("04", "南12345678"),
        ("06", "H12345678"),
        ("06", "M1234567801"),
        ("07", "12345678"),
        ("07", "1234567801"),
        ("07", "1234567801(B)"),
        ("99", "A123456789"),
        ("99", "CHN110080123456"),
        ("99", "ABC-123/45.6"),
    ],
)
def test_a_number_of_each_type_is_accepted(id_type: str, number: str) -> None:
    assert valid_document(id_type, number, TODAY) == Document(id_type, number)


@pytest.mark.parametrize(
    ("id_type", "number"),
    [
        ("99", "AAA1"),
        ("03", "E00"),
        ("01", numbered("99000019900307001")),  # no such province
        ("01", numbered("00000019900307001")),
        ("01", numbered("84000019900307001")),
        ("01", numbered("99984019900307001")),  # a foreign resident of no province
        ("01", OLD_RESIDENT),  # these cards ended in 2013
        ("01", numbered("11000020260303001")),  # to be born tomorrow
        ("03", numbered("11000020260303001")),
        ("02", "123456789"),  # the number of a household is not a person's
        ("02", numbered("99000019900307001")),
        ("03", "ABCDEFGH"),
        ("03", "E1234"),
        ("03", "E123456789012"),
        ("03", "护照12345678"),
        ("04", "12345678"),
        ("04", "军字第号"),
        ("06", "12345678"),
        ("06", "H1234567"),
        ("06", "H123456780"),
        ("06", "K12345678"),
        ("07", "123456789"),
        ("07", "H12345678"),
        ("99", "12"),
        ("99", "-----"),
        ("99", "ABCDEF"),
        ("05", "E12345678"),
        ("", "E12345678"),
    ],
)
def test_a_number_that_the_type_does_not_have_is_refused(id_type: str, number: str) -> None:
    assert valid_document(id_type, number, TODAY) is None


@pytest.mark.parametrize("id_type", ["03", "04", "06", "07", "99"])
@pytest.mark.parametrize("number", [RESIDENT, RESIDENT[:6] + "-" + RESIDENT[6:], OLD_RESIDENT])
def test_a_residents_number_is_a_resident_id_whatever_it_is_called(
    id_type: str, number: str
) -> None:
    assert valid_document(id_type, number, TODAY) == Document("01", RESIDENT)


def test_a_household_register_stays_one_and_is_the_same_person() -> None:
    document = valid_document("02", OLD_RESIDENT, TODAY)
    assert document == Document("02", RESIDENT)
    assert document.person == Document("01", RESIDENT).person


@pytest.mark.parametrize(
    "same",
    [
        [RESIDENT, OLD_RESIDENT, f" {RESIDENT[:6]}-{RESIDENT[6:14]}.{RESIDENT[14:]} "],
        ["H12345678", "H1234567800", "h1234567801", "Ｈ１２３４５６７８", "H12345678(01)"],
        ["M12345678", "M1234567899"],
        ["12345678", "1234567801", "1234567801(B)", "12345678(B)", "12345678 (0)"],
        ["军字第1234567号", "军1234567", "军 字第 1234567 号", "军-1234567", "军字1234567"],
        ["E12345678", "e 1234-5678", "E/1234.5678", "(E)12345678", "E1234\u200b5678"],
        ["R000000(1)", "R0000001", "r000000（1）"],
    ],
)
def test_every_way_of_writing_it_is_one_person(same: list[str]) -> None:
    assert len({canonical_person(number) for number in same}) == 1


@pytest.mark.parametrize(
    "different",
    [
        [RESIDENT, numbered("11000019900307002")],
        ["H12345678", "M12345678", "12345678", "H12345679"],
        ["E12345678", "E12345679", "G12345678"],
        ["军字第1234567号", "海字第1234567号", "军字第1234568号", "1234567"],
        ["---", "(((", ""],
    ],
)
def test_different_numbers_are_different_persons(different: list[str]) -> None:
    assert len({canonical_person(number) for number in different}) == len(different)


DIGITS = st.text("0123456789", min_size=8, max_size=8)
NUMBERS = st.one_of(
    st.dates(date(1920, 1, 1), TODAY).map(lambda born: numbered(f"110000{born:%Y%m%d}123")),
    st.builds(lambda letter, digits: letter + digits, st.sampled_from("HM"), DIGITS),
    DIGITS,
    st.builds(lambda letter, digits: letter + digits, st.sampled_from("EGDP"), DIGITS),
    st.builds(lambda unit, digits: f"{unit}字第{digits}号", st.sampled_from("军武海空"), DIGITS),
)


@given(NUMBERS, st.data())
def test_no_type_issue_or_punctuation_makes_another_person(
    number: str, data: st.DataObject
) -> None:
    """Everything that is accepted for one document's number has one key."""
    issue = "01" if len(number.lstrip("HM")) == 8 and number[0] in "0123456789HM" else ""
    key = canonical_person(number)
    written = number + data.draw(st.sampled_from(["", issue]))
    cut = data.draw(st.integers(0, len(written)))
    mark = data.draw(st.sampled_from(["", "-", " ", "\u3000", "．", "／"]))
    if not (cut > 8 and issue and mark.strip()):
        written = written[:cut] + mark + written[cut:]
    for id_type in ID_TYPES:
        document = valid_document(id_type, written.lower(), TODAY)
        assert document is None or document.person == key
    assert canonical_person(written) == key


@given(st.text(max_size=45))
def test_any_text_has_a_key_that_stays(text: str) -> None:
    key = canonical_person(text)
    assert canonical_person(key) == key
    for id_type in ID_TYPES:
        document = valid_document(id_type, text, TODAY)
        assert document is None or document.person == key


@pytest.mark.parametrize(
    ("id_type", "number", "newborn"),
    [
        ("99", "A123456789", True),
        ("99", "a 123456789", True),
        ("03", "A123456789", False),
        ("99", "A12345678", False),
        ("99", "AB12345678", False),
    ],
)
def test_a_birth_certificate_is_one_letter_and_nine_digits(
    id_type: str, number: str, newborn: bool
) -> None:
    document = valid_document(id_type, number, TODAY)
    assert document is not None
    assert document.is_birth_certificate is newborn


@pytest.mark.parametrize(
    ("number", "adult"),
    [
        (numbered("11000020080302001"), True),  # eighteen today
        (numbered("11000020080303001"), False),
        (numbered("11000020080229001"), True),
        ("E12345678", True),
    ],
)
def test_a_person_is_of_age_from_the_eighteenth_birthday(number: str, adult: bool) -> None:
    id_type = "01" if len(number) == 18 else "03"
    assert is_adult(Document(id_type, number), TODAY) is adult


def test_the_birth_date_stands_in_the_number() -> None:
    assert birth_date(RESIDENT) == date(1990, 3, 7)
    assert birth_date(numbered("91184019900307001")) == date(1990, 3, 7)


PROVINCES = {
    *("11 12 13 14 15", "21 22 23", "31 32 33 34 35 36 37", "41 42 43 44 45 46"),
    *("50 51 52 53 54", "61 62 63 64 65", "71", "81 82 83"),
}


@pytest.mark.parametrize("code", [f"{number:02}" for number in range(100)])
def test_a_resident_s_number_begins_with_a_province(code: str) -> None:
    known = code in " ".join(PROVINCES).split()
    foreign = numbered(f"9{code}84019900307001")
    assert (valid_document("01", foreign, TODAY) is not None) is known
    if code[0] != "9":
        own = numbered(f"{code}000019900307001")
        assert (valid_document("01", own, TODAY) is not None) is known


@pytest.mark.parametrize(
    ("born", "ends_on"),
    [
        (date(2026, 3, 2), date(2027, 3, 2)),  # today
        (date(2025, 3, 3), date(2026, 3, 3)),  # one tomorrow
        (date(2025, 3, 2), None),  # one today
        (date(2026, 3, 3), None),  # to be born tomorrow
    ],
)
def test_a_birth_certificate_serves_until_the_first_birthday(
    born: date, ends_on: date | None
) -> None:
    assert birth_certificate_end(born, TODAY) == ends_on


@pytest.mark.parametrize(("born", "valid"), [("20260302", True), ("20260303", False)])
def test_nobody_has_a_number_before_they_are_born(born: str, valid: bool) -> None:
    number = numbered(f"110000{born}001")
    assert (valid_document("01", number, TODAY) is not None) is valid


def test_a_newborn_is_of_no_age() -> None:
    assert not is_adult(Document("99", "A123456789"), TODAY)
    assert is_adult(Document("99", "ABC-123/45.6"), TODAY)
    assert is_adult(Document("02", RESIDENT), TODAY)
    assert not is_adult(Document("02", numbered("11000020090302001")), TODAY)
