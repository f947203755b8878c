"""Everybody may book from a moment of their own: the same however often and wherever they ask."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.fairness.personal_moment import opens_for
from guahao.rules.kernel.limits import CITY_TIME

RELEASE = datetime(2026, 12, 1, 7, tzinfo=CITY_TIME)
KEY = b"k" * 32


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_it_lies_ten_to_thirty_seconds_after_the_release(account_id: int, key: bytes) -> None:
    moment = opens_for(account_id, RELEASE, key)
    assert timedelta(seconds=10) < moment - RELEASE <= timedelta(seconds=30, milliseconds=1)
    assert moment == opens_for(account_id, RELEASE, key)


def test_it_is_another_each_day_and_at_each_hospital() -> None:
    assert opens_for(1, RELEASE, KEY) != opens_for(1, RELEASE, b"j" * 32)
    assert opens_for(1, RELEASE, KEY) != opens_for(2, RELEASE, KEY)


def test_the_moments_of_a_city_are_spread_evenly() -> None:
    moments = [(opens_for(n, RELEASE, KEY) - RELEASE).total_seconds() for n in range(1, 20_001)]
    seconds = [sum(10 + s <= moment < 11 + s for moment in moments) for s in range(20)]
    assert min(seconds) > 850
    assert max(seconds) < 1150
