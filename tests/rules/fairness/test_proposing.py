"""A draw is proposed where half of the latest twenty releases were gone in five minutes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from guahao.rules.fairness.proposing import Finding, PastRelease, finding

FIRST = date(2026, 9, 1)


def releases(pattern: str) -> list[PastRelease]:
    """The releases of consecutive dates: f was gone fast, s was not."""
    return [
        PastRelease(FIRST + timedelta(days=n), 1, int(letter == "f"))
        for n, letter in enumerate(pattern)
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", None),
        ("f" * 20, Finding(20, 20)),
        ("fs" * 10, Finding(20, 10)),
        ("fs" * 9 + "ss", None),
        # Earlier releases are not looked at.
        ("f" * 30 + "s" * 20, None),
        ("s" * 30 + "sf" * 10, Finding(20, 10)),
        ("f" * 30 + "s" * 10 + "f" * 10, Finding(20, 10)),
        # A new clinic has fewer releases.
        ("f" * 9, None),
        ("f" * 10, Finding(10, 10)),
        ("f" * 10 + "s" * 9, Finding(19, 10)),
    ],
)
def test_half_of_the_latest_twenty(pattern: str, found: Finding | None) -> None:
    in_order = releases(pattern)
    assert finding(in_order) == found
    assert finding(in_order[::-1]) == found


def test_a_release_is_fast_when_none_of_its_sessions_had_a_place_left() -> None:
    assert PastRelease(FIRST, 3, 3).is_fast
    assert not PastRelease(FIRST, 3, 2).is_fast
