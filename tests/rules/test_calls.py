"""What an agent typed, and when a caller is verified."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest
from tests.supply import at

from guahao.rules.calls import CALL_LASTS, Question, Typed, is_over, is_verified, kinds_of
from guahao.rules.order_no import order_no


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


@pytest.mark.parametrize("count", range(5))
def test_the_document_and_one_more_prove_a_caller(count: int) -> None:
    for right in combinations(Question, count):
        assert is_verified(right) is (count >= 2 and Question.DOCUMENT in right)


def test_the_same_question_twice_is_one_answer() -> None:
    assert not is_verified([Question.DOCUMENT, Question.DOCUMENT])


def test_a_call_is_over_when_ended_or_after_half_an_hour() -> None:
    opened = at("2026-11-30 09:00")
    assert not is_over(opened, None, opened + CALL_LASTS - timedelta(seconds=1))
    assert is_over(opened, None, opened + CALL_LASTS)
    assert is_over(opened, opened, opened)
