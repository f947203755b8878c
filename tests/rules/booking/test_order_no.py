"""An order number survives being read over a phone, and notices being misheard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.booking.order_no import appointment_id, order_no

ids = st.integers(0, 10**18 - 1) | st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("number", "text"), [(1, "0000000018"), (2, "0000000026"), (123456789, "1234567897")]
)
def test_it_is_the_appointment_s_number_and_a_check_digit(number: int, text: str) -> None:
    assert order_no(number) == text
    assert appointment_id(text) == number


@given(ids)
def test_it_leads_back_to_its_appointment(number: int) -> None:
    text = order_no(number)
    assert appointment_id(text) == number
    assert appointment_id(f" {text[:4]} {text[4:7]}\u3000{text[7:]}\n") == number


@given(ids, st.data())
def test_one_wrong_digit_is_noticed(number: int, data: st.DataObject) -> None:
    text = order_no(number)
    place = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != text[place]))
    assert appointment_id(text[:place] + wrong + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "18", "000000018", "-000000018", "0000000018x", "０００００００００１８", "0" * 20]
)
def test_what_is_no_order_number_leads_nowhere(text: str) -> None:
    assert appointment_id(text) is None


@given(st.text())
def test_no_text_upsets_it(text: str) -> None:
    found = appointment_id(text)
    assert found is None or found >= 0
