"""Each person may book from a moment of their own, however often and wherever they ask."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.booking.personal_moment import opens_for
from guahao.rules.kernel.limits import CITY_TIME

RELEASE = datetime(2026, 12, 1, 7, tzinfo=CITY_TIME)
KEY = b"k" * 32


INDEXES = st.binary(min_size=32, max_size=32)


@given(INDEXES, INDEXES)
def test_it_lies_ten_to_thirty_seconds_after_the_release(person: bytes, key: bytes) -> None:
    moment = opens_for(person, RELEASE, key)
    assert timedelta(seconds=10) < moment - RELEASE <= timedelta(seconds=30, milliseconds=1)
    assert moment == opens_for(person, RELEASE, key)


def test_it_is_another_each_day_and_at_each_hospital() -> None:
    first, second = person_index(1), person_index(2)
    assert opens_for(first, RELEASE, KEY) != opens_for(first, RELEASE, b"j" * 32)
    assert opens_for(first, RELEASE, KEY) != opens_for(second, RELEASE, KEY)


@given(INDEXES)
def test_it_is_computed_as_documented_so_that_two_versions_agree(person: bytes) -> None:
    drawn = hmac.digest(KEY, person, "sha256")
    seconds = 10 + 20 * int.from_bytes(drawn[:8], "big") / 2**64
    late = opens_for(person, RELEASE, KEY) - RELEASE - timedelta(seconds=seconds)
    assert timedelta(0) <= late <= timedelta(milliseconds=1)


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


def person_index(number: int) -> bytes:
    """A person's index, as the vault makes it."""
    return hmac.digest(b"index key", b"person %d" % number, "sha256")


def seconds_after(number: int, key: bytes) -> float:
    return (opens_for(person_index(number), RELEASE, key) - RELEASE).total_seconds()


def test_moments_are_uniform_over_the_twenty_seconds() -> None:
    """χ² over 100 bins and 10⁵ persons; 149.4 is exceeded once in a thousand by chance."""
    counts = [0] * 100
    for number in range(1, 100_001):
        counts[min(int((seconds_after(number, KEY) - 10) * 5), 99)] += 1
    assert chi_square(counts) < 149.4


def test_control_a_hash_that_is_not_uniform_is_noticed() -> None:
    counts = [0] * 100
    for number in range(1, 100_001):
        counts[int((seconds_after(number, KEY) - 10) ** 2 / 4 % 100)] += 1
    assert chi_square(counts) > 149.4


def test_who_was_early_yesterday_is_no_earlier_today() -> None:
    """Independent across days and hospitals: a table of 10 × 10 fields, 81 degrees of freedom."""
    fields = [0] * 100
    for number in range(1, 20_001):
        first, second = (
            min(int((seconds_after(number, key) - 10) / 2), 9) for key in (KEY, b"j" * 32)
        )
        fields[10 * first + second] += 1
    assert chi_square(fields) < 149.4
