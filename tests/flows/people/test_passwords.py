"""Common passwords and patterns are known; what a person thinks up is taken."""

from __future__ import annotations

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from guahao.flows.kernel.passwords import PASSWORD_LENGTH_MIN, is_guessable

COMMON = FREQUENCY_LISTS["passwords"]


def test_the_list_is_long_and_none_of_it_is_taken() -> None:
    assert len(COMMON) >= 3000
    long = [word for word in COMMON if len(word) >= PASSWORD_LENGTH_MIN]
    assert len(long) > 100
    assert [word for word in long if not is_guessable(word)] == []


@pytest.mark.parametrize("common", COMMON[:60])
def test_a_common_password_stays_one_with_digits_behind(common: str) -> None:
    assert is_guessable(f"{common}123456")
    assert is_guessable(f"{common.capitalize()}@2026!!")


@pytest.mark.parametrize(
    "good",
    [
        *("correct horse battery", "x9$kLm2!vQpz", "tianya-haijiao-yun", "k7x2-m9qp-3hvd-8wzn"),
        *("海上生明月天涯共此时又一年", "purple teapot on monday", "Zs7 vq0 pLe 19k"),
    ],
)
def test_what_a_person_thinks_up_is_taken(good: str) -> None:
    assert not is_guessable(good, ["wang.li", "王丽", "市第一医院"])


def test_own_words_are_not_taken_inside_a_longer_password() -> None:
    assert is_guessable("rosebush wang.li teapot", ["wang.li"])
    assert is_guessable("市第一医院 rosebush teapot", ["市第一医院"])
    assert not is_guessable("rosebush lemon teapot", ["wang.li", "市第一医院"])
