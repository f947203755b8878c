"""Merkle trees by RFC 9162 (section 2.1): one hash that stands for a list, and proofs of a part.

Leaves and nodes are hashed with different first bytes, so that no node can be shown as a leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice

_BATCH = 1024  # leaves, a power of two


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over two hashes."""
    return sha256(b"\x01" + left + right).digest()


class GrowingTree:
    """A tree whose leaves come in parts: a million need no list.

    Keeps the hashes of the last, incomplete batch and one hash for each size of a complete tree.
    """

    def __init__(self) -> None:
        self._complete: list[tuple[int, bytes]] = []  # (batches, hash), the largest first
        self._hashes: list[bytes] = []  # of the leaves that fill no batch yet

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaves."""
        rest = iter(leaves)
        # As leaf_hash and node_hash, whose calls cost as much as the hashes.
        while fresh := [
            sha256(b"\x00" + leaf).digest() for leaf in islice(rest, _BATCH - len(self._hashes))
        ]:
            self._hashes += fresh
            if len(self._hashes) == _BATCH:
                batches, node = 1, _top(self._hashes)
                self._hashes = []
                while self._complete and self._complete[-1][0] == batches:
                    node = node_hash(self._complete.pop()[1], node)
                    batches *= 2
                self._complete.append((batches, node))

    def root(self) -> bytes:
        """Return the root over the leaves so far; of no leaves the hash of nothing."""
        trees = [node for _, node in self._complete]
        if self._hashes:
            trees.append(_top(self._hashes))
        if not trees:
            return sha256(b"").digest()
        root = trees.pop()
        while trees:
            root = node_hash(trees.pop(), root)
        return root


def _top(level: list[bytes]) -> bytes:
    """Return the hash over the hashes of leaves; a node without a sibling moves up as it is."""
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        nodes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level = [*nodes, level[-1]] if len(level) % 2 else nodes
    return level[0]


def proof_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that prove that `leaves[index]` is in the tree, from the leaf upwards."""
    level = [leaf_hash(data) for data in leaves]
    proof = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        level = [
            node_hash(level[i], level[i + 1]) if i + 1 < len(level) else level[i]
            for i in range(0, len(level), 2)
        ]
        index //= 2
    return proof


def is_proven(data: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether `proof` shows that `data` is leaf `index` of the `size` leaves of `root`."""
    if not 0 <= index < size:
        return False
    node, left = leaf_hash(data), list(proof)
    while size > 1:
        has_sibling = (index ^ 1) < size
        if has_sibling:
            if not left:
                return False
            sibling = left.pop(0)
            node = node_hash(sibling, node) if index % 2 else node_hash(node, sibling)
        index, size = index // 2, (size + 1) // 2
    return not left and node == root
