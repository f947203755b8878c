"""Documents and phones (S2, S3, S12). Every number is invented: no county has the number 110000."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import day

from guahao.rules.kernel.text import compact
from guahao.rules.people.identity import (
    ID_TYPES,
    Document,
    hidden_phone,
    masked_document,
    masked_name,
    masked_phone,
    valid_document,
    valid_phone,
)

TODAY = day("2026-03-02")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643
CHECK_DIGITS = "10X98765432"


def check_digit(first: str) -> str:
    """The 18th character of a resident ID, by the standard's weights."""
    return CHECK_DIGITS[sum(int(c) * w for c, w in zip(first, WEIGHTS, strict=True)) % 11]


def resident_id(born: str = "19900307", serial: str = "001") -> str:
    """An invented resident ID with a true check digit."""
    first = f"110000{born}{serial}"
    return first + check_digit(first)


def resident_id_ending_in_x() -> str:
    return next(n for n in (resident_id(serial=f"{i:03}") for i in range(1000)) if n[-1] == "X")


def accepted(id_type: str, number: str) -> str | None:
    document = valid_document(id_type, number, TODAY)
    return document.number if document else None


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def test_the_document_types_are_those_of_the_national_list() -> None:
    assert sorted(ID_TYPES) == ["01", "02", "03", "04", "06", "07", "99"]


@pytest.mark.parametrize(
    ("id_type", "number"),
    [
        ("01", resident_id()),
        ("01", resident_id_ending_in_x()),
        ("02", resident_id()),
        ("03", "E00000001"),
        ("03", "G1234567"),
        ("04", "军字第0000001号"),
        ("06", "H0000000001"),
        ("06", "M00000001"),
        ("07", "00000001"),
        ("99", "ABC-123/45.6"),
        ("99", "R000000(1)"),
        ("99", "9" * 30),
    ],
)
def test_a_document_of_each_type_is_accepted_as_it_is(id_type: str, number: str) -> None:
    assert valid_document(id_type, number, TODAY) == Document(id_type, number)


def test_a_published_example_of_a_resident_id_is_accepted() -> None:
    assert check_digit("11010519491231002") == "X"  # the example of GB 11643 itself
    assert accepted("01", "11010519491231002X") == "11010519491231002X"


@pytest.mark.parametrize("id_type", ["", "1", "00", "05", "08", "98", "100", "01 ", "0１"])
def test_a_type_that_is_not_on_the_list_is_refused(id_type: str) -> None:
    assert accepted(id_type, "E00000001") is None
    assert accepted(id_type, resident_id()) is None


@pytest.mark.parametrize(
    ("id_type", "written", "number"),
    [
        ("01", full_width(resident_id_ending_in_x()), resident_id_ending_in_x()),
        ("01", resident_id_ending_in_x().lower(), resident_id_ending_in_x()),
        ("01", full_width(resident_id_ending_in_x().lower()), resident_id_ending_in_x()),
        (
            "01",
            f"  {resident_id()[:6]} {resident_id()[6:14]}\t{resident_id()[14:]}\n",
            resident_id(),
        ),
        ("01", f"\u3000{resident_id()[:6]}\u00a0{resident_id()[6:]}", resident_id()),
        ("03", "e 0000 0001", "E00000001"),
        ("03", "ｅ０００００００１", "E00000001"),
        ("04", "军字第 0000001 号", "军字第0000001号"),
        ("99", "r000000（1）", "R000000(1)"),
    ],
)
def test_numbers_are_normalised_before_anything_else(
    id_type: str, written: str, number: str
) -> None:
    assert accepted(id_type, written) == number


@pytest.mark.parametrize("right", [resident_id(), resident_id_ending_in_x()])
def test_any_other_check_digit_is_refused(right: str) -> None:
    others = set(CHECK_DIGITS) - {right[-1]}
    assert len(others) == 10
    assert all(accepted("01", right[:-1] + wrong) is None for wrong in sorted(others))


@pytest.mark.parametrize(
    "born",
    [
        "19900230",
        "19901301",
        "19900001",
        "19900100",
        "19900432",
        "19000229",
        "20270229",
        "00000101",
    ],
)
def test_a_birth_date_that_does_not_exist_is_refused(born: str) -> None:
    assert accepted("01", resident_id(born)) is None


@pytest.mark.parametrize(
    ("born", "valid"),
    [
        ("20260302", True),  # born today
        ("20260303", False),
        ("20991231", False),
        ("20240229", True),
        ("20000229", True),
        ("19260302", True),
    ],
)
def test_a_birth_date_must_have_come(born: str, valid: bool) -> None:
    assert (accepted("01", resident_id(born)) is not None) is valid


@pytest.mark.parametrize(
    "number",
    [
        "",
        resident_id()[:-1],
        resident_id() + "0",
        resident_id()[:15],  # the fifteen digits of old
        "X" + resident_id()[1:],
        resident_id()[:10] + "X" + resident_id()[11:],
        resident_id()[:-1] + "Y",
        "-" + resident_id()[1:],
        resident_id()[:6] + "-" + resident_id()[6:],
        resident_id().translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        "０" * 18 + "!",
    ],
)
def test_what_is_not_eighteen_digits_is_no_resident_id(number: str) -> None:
    assert accepted("01", number) is None


@pytest.mark.parametrize(
    "number",
    [
        "",
        "  ",
        "A1",
        "9" * 31,
        "ABC_123",
        "AB'C",
        "ABC;DEF",
        "<b>1</b>",
        "АВС123",
        "A1\ue00023",
        "😀12",
    ],
)
@pytest.mark.parametrize("id_type", ["02", "03", "04", "06", "07", "99"])
def test_what_no_document_bears_is_refused(id_type: str, number: str) -> None:
    assert accepted(id_type, number) is None


@given(st.sampled_from(sorted(ID_TYPES)), st.text("0123456789AbXx（)Ⅷ① 军号Ｅ-", max_size=20))
def test_a_number_once_normalised_stays_as_it_is(id_type: str, written: str) -> None:
    number = compact(written)
    assert compact(number) == number
    assert accepted(id_type, number) == accepted(id_type, written)


@given(st.dates(max_value=TODAY), st.integers(0, 999))
def test_every_right_number_is_accepted_and_its_neighbours_are_not(born: object, n: int) -> None:
    right = resident_id(f"{born}".replace("-", ""), f"{n:03}")
    assert accepted("01", right) == right
    for place in range(6):  # the check digit notices any one wrong digit
        wrong = str((int(right[place]) + 1 + n % 9) % 10)
        assert accepted("01", right[:place] + wrong + right[place + 1 :]) is None


@pytest.mark.parametrize(
    "written",
    [
        "13900000001",
        "139 0000 0001",
        "139-0000-0001",
        full_width("13900000001"),
        "+8613900000001",
        "＋８６ 139 0000 0001",
        "(+86) 139-0000-0001",
        "0086 13900000001",
        "86 13900000001",
        " 13900000001\n",
    ],
)
def test_a_mobile_number_has_one_form_however_it_is_written(written: str) -> None:
    assert valid_phone(written) == "+8613900000001"


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "+",
        "+86",
        "1390000000",  # ten digits
        "139000000010",
        "12900000001",  # no such mobile prefix
        "010-00000000",  # a landline gets no SMS
        "114",
        "+1 202 555 0100",
        "+852 5555 5555",
        "13900000001 ext. 5",
        "13900000001x5",
        "13900000001#5",
        "139GUAHAO01",
        "call 13900000001",
        "电话13900000001",
        "tel:13900000001",
        "13900000001/13900000002",
        "13900000001 13900000002",
        "<script>13900000001",
    ],
)
def test_what_an_sms_cannot_reach_is_refused(written: str) -> None:
    assert valid_phone(written) is None


@given(st.text())
def test_no_text_upsets_the_rules(text: str) -> None:
    phone = valid_phone(text)
    assert phone is None or (len(phone) == 14 and valid_phone(phone) == phone)
    for id_type in ID_TYPES:
        document = valid_document(id_type, text, TODAY)
        assert document is None or valid_document(id_type, document.number, TODAY) == document


@pytest.mark.parametrize(
    ("phone", "shown"), [("+8613900000001", "139****0001"), ("+8619912345678", "199****5678")]
)
def test_a_phone_is_shown_without_its_middle(phone: str, shown: str) -> None:
    assert masked_phone(phone) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("990000199003070011", "9900****0011"),
        ("E00000021", "*******21"),
        ("H0000000021", "*********21"),
        ("A12", "*12"),
        ("99000090030700", "************00"),
        ("990000900307001", "9900****7001"),
    ],
)
def test_a_document_is_shown_by_its_ends_only(number: str, shown: str) -> None:
    assert masked_document(number) == shown


@given(st.text("0123456789X", min_size=9, max_size=30))
def test_a_mask_never_shows_more_than_eight_characters_or_most_of_a_number(number: str) -> None:
    shown = [c for c in masked_document(number) if c != "*"]
    assert len(shown) <= 8
    assert len(number) - len(shown) >= 7


def test_a_phone_is_masked_as_it_is_dialled() -> None:
    assert masked_phone("+8613812345678") == "138****5678"
    assert masked_phone("+861065551234;ext=801") == "010****1234"
    assert hidden_phone("+8613812345678") == "138********"
    assert hidden_phone("+861065551234;ext=801") == "010********"
    assert masked_phone("") == hidden_phone("") == ""


def test_of_a_phone_that_must_not_be_shown_the_first_three_digits_stand() -> None:
    assert hidden_phone("+8613812345678") == "138********"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("张示例", "张**"), ("李", "李"), ("阿依古丽·买买提", "阿*******"), ("", "")],
)
def test_a_name_is_shown_by_its_first_character(name: str, shown: str) -> None:
    assert masked_name(name) == shown
