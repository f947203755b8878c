"""Times of day as people type them."""

from __future__ import annotations

from datetime import time

import pytest

from guahao.rules.kernel.times import time_of_day


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *((text, time(8, 30)) for text in ["8:30", "08:30", "8：30", "０８：３０", " 8:30 "]),
        *((text, time(8, 30)) for text in ["8.30", "8．30", "830", "0830", "08:30:00"]),
        *((text, time(8, 30)) for text in ["8点30分", "8点30", "8时30分", "8点半", "上午8:30"]),
        *((text, time(8, 30)) for text in ["8:30 AM", "8:30am", "8 : 30", "8\u200b:30"]),
        *((text, time(14, 5)) for text in ["14:05", "1405", "下午2:05", "2:05 pm", "下午2点5分"]),
        ("8点", time(8)),
        ("8点整", time(8)),
        ("0:00", time(0)),
        ("12:00 pm", time(12)),
        ("12:15 am", time(0, 15)),
        ("中午12:15", time(12, 15)),
    ],
)
def test_what_is_surely_a_time_is_understood(written: str, read: time) -> None:
    assert time_of_day(written) == read


@pytest.mark.parametrize(
    "written",
    [
        *("", "8", "08", "8:3", "8.3", "8.5", "24:00", "8:60", "2460", "12345", "-8:30"),
        *("8:30-9:30", "8:30:15", "上午14:30", "八点半", "soon", "8:30Z", "2026-12-01T08:30"),
    ],
)
def test_what_is_not_surely_a_time_is_none(written: str) -> None:
    assert time_of_day(written) is None
