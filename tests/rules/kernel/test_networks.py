"""Addresses are counted by household, and by the network around it."""

from __future__ import annotations

import pytest

from guahao.rules.kernel.networks import SHARED_FACTOR, household_of, is_within, network_of


@pytest.mark.parametrize(
    ("address", "household", "is_loopback"),
    [
        ("198.51.100.7", "198.51.100.7", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("::ffff:198.51.100.7", "198.51.100.7", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", False),
        ("2001:db8:1:3:3:4:5:6", "2001:db8:1:3::/64", False),
        ("::1", "::/64", True),
        ("", "unknown", False),
        ("198.51.100.256", "unknown", False),
    ],
)
def test_a_household_is_an_ipv4_address_or_an_ipv6_64(
    address: str, household: str, is_loopback: bool
) -> None:
    assert household_of(address) == (household, is_loopback)


@pytest.mark.parametrize(
    ("household", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("unknown", "unknown"),
    ],
)
def test_a_household_is_in_a_network(household: str, network: str) -> None:
    assert network_of(household) == network


@pytest.mark.parametrize(
    ("household", "networks", "inside"),
    [
        ("198.51.100.7", ("198.51.100.0/24",), True),
        ("198.51.100.7", ("198.51.100.7",), True),
        ("198.51.100.7", ("198.51.100.9/24",), True),  # its host bits do not matter
        ("198.51.100.7", ("198.51.101.0/24",), False),
        ("198.51.100.7", ("203.0.113.0/24", "198.51.100.0/24"), True),
        ("198.51.100.7", (), False),
        ("198.51.100.7", ("2001:db8::/32",), False),
        ("2001:db8:1:2::/64", ("198.51.100.0/24",), False),
        ("2001:db8:1:2::/64", ("2001:db8:1::/48",), True),
        ("2001:db8:1:2::/64", ("2001:db8:1:2::/65",), False),
        ("unknown", ("0.0.0.0/0",), False),
    ],
)
def test_a_household_lies_in_a_network_that_contains_all_of_it(
    household: str, networks: tuple[str, ...], inside: bool
) -> None:
    assert is_within(household, networks) is inside


def test_an_address_that_many_people_share_may_do_twenty_times_as_much() -> None:
    assert SHARED_FACTOR == 20
