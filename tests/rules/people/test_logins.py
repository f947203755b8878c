"""When a log-in must name a patient's document, and what a one-time password costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.rules.helpers import NOW

from guahao.rules.people.logins import (
    AccountLoginFacts,
    WiderNetwork,
    must_confirm,
    proof_level,
    wider_networks,
)

HALF_A_YEAR = timedelta(days=180)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("has_patients", "unused", "knows_device", "confirms"),
    [
        (True, MOMENT, True, False),
        (True, MOMENT, False, True),
        (True, HALF_A_YEAR - MOMENT, True, False),
        (True, HALF_A_YEAR, True, True),
        (True, HALF_A_YEAR, False, True),
        # Nobody's data would be shown.
        (False, MOMENT, False, False),
        (False, HALF_A_YEAR, False, False),
    ],
)
def test_a_new_device_or_a_long_absence_asks_for_a_document(
    has_patients: bool, unused: timedelta, knows_device: bool, confirms: bool
) -> None:
    facts = AccountLoginFacts(has_patients, NOW - unused, knows_device)
    assert must_confirm(facts, NOW, HALF_A_YEAR) is confirms


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("198.51.100.7", (WiderNetwork("198.51.100.0/24", 8),)),
        (
            "2001:db8:1:2ff::/64",
            (WiderNetwork("2001:db8:1:200::/56", 4), WiderNetwork("2001:db8:1::/48", 16)),
        ),
        ("unknown", ()),
    ],
)
def test_a_customer_may_hold_a_wider_network(
    address: str, networks: tuple[WiderNetwork, ...]
) -> None:
    assert wider_networks(address) == networks


@pytest.mark.parametrize(
    ("counts", "level"),
    [
        ([], 0),
        ([(9, 10)], 0),
        ([(10, 10)], 1),
        ([(19, 10)], 1),
        ([(20, 10)], 2),
        ([(40, 10)], 3),
        ([(80, 10)], 4),
        ([(160, 10)], 5),
        ([(10**6, 10)], 5),
        ([(10, 10), (40, 10), (9, 10)], 3),
    ],
)
def test_the_work_doubles_with_each_doubling_of_the_normal_count(
    counts: list[tuple[int, int]], level: int
) -> None:
    assert proof_level(counts) == level
