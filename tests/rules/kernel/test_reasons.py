"""The reason that a member of staff writes for what they do."""

from __future__ import annotations

import pytest

from guahao.rules.kernel.reasons import FULL_REASON_MIN, REASON_MAX, full_reason, stated_reason


def test_the_lengths_of_a_reason() -> None:
    assert (FULL_REASON_MIN, REASON_MAX) == (2, 200)


@pytest.mark.parametrize(
    ("typed", "stated", "full"),
    [
        ("", None, None),
        (" \t　\n", None, None),
        ("病", "病", None),
        (" 病 ", "病", None),
        ("生病", "生病", "生病"),
        ("　患者\n 来电 ", "患者 来电", "患者 来电"),
        ("因" * 200, "因" * 200, "因" * 200),
        ("因" * 201, "因" * 200, None),
    ],
)
def test_a_reason_is_tidied_and_of_some_length(
    typed: str, stated: str | None, full: str | None
) -> None:
    assert stated_reason(typed) == stated
    assert full_reason(typed) == full
