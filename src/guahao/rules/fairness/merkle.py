"""Merkle trees by RFC 9162 (section 2.1): one hash that stands for a list, and proofs of a part.

Leaves and nodes are hashed with different first bytes, so that no node can be shown as a leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over two hashes."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaves, in their order; of no leaves the hash of nothing.

    Keeps one hash for each size of a complete tree, so that a million leaves need no list.
    """
    complete: list[tuple[int, bytes]] = []  # (height, hash), from the largest to the smallest
    for data in leaves:
        height, node = 0, leaf_hash(data)
        while complete and complete[-1][0] == height:
            node = node_hash(complete.pop()[1], node)
            height += 1
        complete.append((height, node))
    if not complete:
        return sha256(b"").digest()
    _, root = complete.pop()
    while complete:
        root = node_hash(complete.pop()[1], root)
    return root


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
    """Whether `proof` shows that `data` is leaf number `index` of the `size` leaves of `root`."""
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
