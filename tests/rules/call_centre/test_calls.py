"""What an agent typed, and when a caller is verified."""

from __future__ import annotations

import pytest

from guahao.rules.booking.order_no import order_no
from guahao.rules.call_centre.calls import (
    Question,
    Typed,
    is_verified,
    kinds_of,
    questions,
)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("13812345678", [Typed.PHONE, Typed.DOCUMENT]),
        ("138 1234 5678", [Typed.PHONE, Typed.DOCUMENT]),
        ("+86 138-1234-5678", [Typed.PHONE, Typed.DOCUMENT]),
        ("１３８１２３４５６７８", [Typed.PHONE, Typed.DOCUMENT]),
        ("04821957", [Typed.CODE, Typed.DOCUMENT]),
        ("0482 1957", [Typed.CODE, Typed.DOCUMENT]),
        (order_no(501), [Typed.ORDER_NO, Typed.DOCUMENT]),
        ("11010519491231002X", [Typed.DOCUMENT]),
        ("e12345678", [Typed.DOCUMENT]),
        ("张三", [Typed.NAME]),
        ("阿卜杜拉·买买提", [Typed.NAME]),
        ("John Smith", [Typed.NAME]),
        ("  ", []),
        ("", []),
    ],
)
def test_what_a_text_can_be(text: str, kinds: list[Typed]) -> None:
    assert kinds_of(text) == kinds


Q = Question


@pytest.mark.parametrize(
    ("found_by", "right", "proven"),
    [
        # The code from the registered phone, and the document.
        (Typed.PHONE, {Q.SMS, Q.DOCUMENT}, True),
        (Typed.DOCUMENT, {Q.SMS}, True),
        (Typed.PHONE, {Q.SMS}, False),
        (Typed.PHONE, {Q.SMS, Q.NAME, Q.CODE}, False),
        # Without it two answers, the document among them or what they were found by.
        (Typed.PHONE, {Q.DOCUMENT, Q.NAME}, True),
        (Typed.NAME, {Q.DOCUMENT, Q.PHONE}, True),
        (Typed.CODE, {Q.DOCUMENT, Q.NAME}, True),
        (Typed.ORDER_NO, {Q.DOCUMENT, Q.CODE}, True),
        (Typed.DOCUMENT, {Q.NAME, Q.PHONE}, True),
        (None, {Q.DOCUMENT, Q.NAME}, True),
        (Typed.PHONE, {Q.DOCUMENT}, False),
        (Typed.PHONE, {Q.NAME, Q.CODE}, False),
        (Typed.DOCUMENT, {Q.NAME}, False),
        # What the agent typed to find the caller is no answer.
        (Typed.PHONE, {Q.DOCUMENT, Q.PHONE}, False),
        (Typed.NAME, {Q.DOCUMENT, Q.NAME}, False),
        (Typed.DOCUMENT, {Q.DOCUMENT, Q.NAME}, False),
        (Typed.CODE, {Q.DOCUMENT, Q.CODE}, False),
        (None, set(), False),
    ],
)
def test_what_proves_a_caller(found_by: Typed | None, right: set[Question], proven: bool) -> None:
    assert is_verified(right, found_by) is proven


@pytest.mark.parametrize("found_by", [None, *Typed])
def test_the_code_comes_first_and_what_found_the_caller_is_not_asked(
    found_by: Typed | None,
) -> None:
    asked = questions(found_by, by_sms=True)
    assert asked[0] is Question.SMS
    assert found_by is None or found_by.value not in [question.value for question in asked]
    assert Question.SMS not in questions(found_by, by_sms=False)
