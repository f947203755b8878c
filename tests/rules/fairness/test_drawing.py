"""The order of a draw follows from its values alone, and favours nobody."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.writing import merkle_root

from guahao.rules.fairness.drawing import commitment_to, is_in_chain, order_of, seed_of

ROOT, SECRET, VALUE = b"r" * 32, b"s" * 32, b"v" * 32
BINS = 20
# Chi-squared with 19 degrees of freedom passes this once in a million.
CHI_SQUARED_MAX = 65.0
INDEPENDENT_MAX = 157.0  # the same with 81 degrees of freedom


def test_the_commitment_is_the_hash_of_the_secret() -> None:
    assert commitment_to(SECRET) == sha256(SECRET).digest()
    with pytest.raises(ValueError, match="32 bytes"):
        commitment_to(b"short")


def test_the_seed_is_of_what_the_page_says() -> None:
    said = b"guahao-draw-1" + (17).to_bytes(8, "big") + ROOT + SECRET + VALUE
    assert seed_of(17, ROOT, SECRET, [VALUE]) == sha256(said).digest()


@pytest.mark.parametrize(
    "other",
    [
        seed_of(18, ROOT, SECRET, [VALUE]),
        seed_of(17, b"R" * 32, SECRET, [VALUE]),
        seed_of(17, ROOT, b"S" * 32, [VALUE]),
        seed_of(17, ROOT, SECRET, []),
        seed_of(17, ROOT, SECRET, [VALUE, VALUE]),
    ],
)
def test_every_value_changes_the_seed(other: bytes) -> None:
    assert seed_of(17, ROOT, SECRET, [VALUE]) != other


def test_values_of_another_length_are_refused() -> None:
    for values in ([b"v" * 31], [b"v" * 64]):
        with pytest.raises(ValueError, match="32 bytes"):
            seed_of(17, ROOT, SECRET, values)


@given(st.sets(st.binary(min_size=16, max_size=16)), st.binary(min_size=32, max_size=32))
def test_everybody_has_one_position_wherever_they_stood(tickets: set[bytes], seed: bytes) -> None:
    listed = sorted(tickets)
    turned = listed[::-1]
    order = [listed[index] for index in order_of(seed, listed)]
    assert sorted(order) == listed
    assert [turned[index] for index in order_of(seed, turned)] == order


def chi_squared(positions: list[int], entries: int) -> float:
    """How far the positions of the first quarter of those who registered are from even."""
    counts = Counter(position * BINS // entries for position in positions)
    expected = len(positions) / BINS
    return sum((counts[bin_] - expected) ** 2 / expected for bin_ in range(BINS))


@pytest.mark.parametrize("seed", [b"1" * 32, b"2" * 32, b"3" * 32])
def test_the_position_does_not_depend_on_when_somebody_registered(seed: bytes) -> None:
    drawn = random.Random(seed)
    tickets = [drawn.randbytes(16) for _ in range(100_000)]  # in the order of registration
    order = order_of(seed, tickets)
    position = {index: place for place, index in enumerate(order)}
    early = [position[index] for index in range(25_000)]
    assert chi_squared(early, len(tickets)) < CHI_SQUARED_MAX
    # The control: an order by time of registration is found at once.
    assert chi_squared(list(range(25_000)), len(tickets)) > 1000 * CHI_SQUARED_MAX


@pytest.mark.parametrize("draw_id", [1, 2, 3])
def test_positions_are_uniform_and_independent_of_the_time_of_registration(draw_id: int) -> None:
    drawn = random.Random(draw_id)
    tickets = [drawn.randbytes(16) for _ in range(100_000)]  # in the order of registration
    seed = seed_of(draw_id, merkle_root(tickets), drawn.randbytes(32), [drawn.randbytes(32)])
    assert contingency(order_of(seed, tickets)) < INDEPENDENT_MAX
    # The control: an order by time of registration.
    assert contingency(range(len(tickets))) > 1000 * INDEPENDENT_MAX


def contingency(order: Sequence[int]) -> float:
    """Return chi-squared of tenths of the registrations against tenths of the positions."""
    tenth = len(order) // 10
    counts = Counter((index // tenth, position // tenth) for position, index in enumerate(order))
    expected = tenth / 10
    return sum(
        (counts[early, first] - expected) ** 2 / expected
        for early in range(10)
        for first in range(10)
    )


def test_a_witness_value_proves_those_before_it() -> None:
    values = [VALUE]
    for _ in range(5):
        values.append(sha256(values[-1]).digest())
    chain = values[::-1]
    for index, value in enumerate(chain):
        assert is_in_chain(value, index, chain[0])
        assert not is_in_chain(value, index + 1, chain[0])
        assert not is_in_chain(b"x" * 32, index, chain[0])
