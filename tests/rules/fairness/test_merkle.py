"""One hash stands for a list, as RFC 9162 defines it, and proves each of its parts."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.writing import merkle_root

from guahao.rules.fairness.merkle import (
    GrowingTree,
    is_proven,
    leaf_hash,
    node_hash,
    proof_of,
)

LISTS = st.lists(st.binary(max_size=40), min_size=1, max_size=40)


def by_definition(leaves: list[bytes]) -> bytes:
    """The root as RFC 9162 writes it down: the left part is the largest power of two below n."""
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


@given(LISTS)
def test_the_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == by_definition(leaves)


@pytest.mark.parametrize("size", [1023, 1024, 1025, 3072, 3073, 5000])
def test_a_tree_that_grows_in_parts_has_the_same_root(size: int) -> None:
    leaves = [str(number).encode() for number in range(size)]
    tree = GrowingTree()
    for start in range(0, size, 700):
        tree.extend(leaves[start : start + 700])
    assert tree.root() == by_definition(leaves)


def test_known_roots() -> None:
    assert len(leaf_hash(b"")) == 32
    assert merkle_root([]) == sha256(b"").digest()
    assert merkle_root([b""]).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )


@given(LISTS, st.data())
def test_each_leaf_is_proven_at_its_place_and_at_no_other(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = proof_of(leaves, index), merkle_root(leaves)
    assert is_proven(leaves[index], index, len(leaves), proof, root)
    assert not is_proven(leaves[index] + b"x", index, len(leaves), proof, root)
    other = data.draw(st.integers(0, len(leaves) - 1))
    if leaves[other] != leaves[index]:
        assert not is_proven(leaves[index], other, len(leaves), proof, root)


@pytest.mark.parametrize("index", [-1, 3])
def test_no_place_outside_the_list_is_proven(index: int) -> None:
    leaves = [b"a", b"b", b"c"]
    assert not is_proven(b"a", index, 3, proof_of(leaves, 0), merkle_root(leaves))


def test_the_last_leaf_is_not_proven_at_a_place_counted_from_the_end() -> None:
    leaves = [b"a", b"b"]
    assert not is_proven(b"b", -1, 2, proof_of(leaves, 1), merkle_root(leaves))


@given(LISTS, st.data())
def test_a_proof_is_of_exactly_its_length(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = proof_of(leaves, index), merkle_root(leaves)
    assert not is_proven(leaves[index], index, len(leaves), [*proof, root], root)
    if proof:
        assert not is_proven(leaves[index], index, len(leaves), proof[:-1], root)


def test_a_list_of_one_has_no_second_place() -> None:
    assert is_proven(b"leaf", 0, 1, [], leaf_hash(b"leaf"))
    assert not is_proven(b"leaf", 1, 1, [], leaf_hash(b"leaf"))
