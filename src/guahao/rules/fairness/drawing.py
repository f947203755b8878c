"""The order of a draw: fixed by values that nobody knew together before the entries were closed.

    commitment = SHA-256(secret)                                      published at opening
    seed       = SHA-256("guahao-draw-1" ‖ draw ‖ root ‖ secret ‖ values…)
    order      = ascending SHA-256(seed ‖ ticket)

`draw` is the draw's number in eight bytes, `root` the Merkle root of the entries, `values` the
outside values in the order of their sources, each of 32 bytes. RFC 3797's rule holds: entries
are never removed, entries that cannot have a place are skipped, and a draw is never run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

_LABEL = b"guahao-draw-1"
_VALUE_BYTES = 32
TICKET_BYTES = 16


def commitment_to(secret: bytes) -> bytes:
    """Return what is published before a draw opens, so that its secret cannot be changed."""
    if len(secret) != _VALUE_BYTES:
        raise ValueError("a draw's secret has 32 bytes")
    return sha256(secret).digest()


def seed_of(draw_id: int, root: bytes, secret: bytes, values: Sequence[bytes]) -> bytes:
    """Return a draw's seed; each value has 32 bytes, so that no two inputs read alike."""
    parts = (root, secret, *values)
    if any(len(part) != _VALUE_BYTES for part in parts):
        raise ValueError("root, secret and outside values have 32 bytes each")
    return sha256(_LABEL + draw_id.to_bytes(8, "big") + b"".join(parts)).digest()


def order_of(seed: bytes, tickets: Sequence[bytes]) -> list[int]:
    """Return the indexes of the tickets in the order of the draw."""
    keys = [sha256(seed + ticket).digest() for ticket in tickets]
    return sorted(range(len(keys)), key=keys.__getitem__)


def is_in_chain(value: bytes, index: int, first: bytes) -> bool:
    """Return whether a value is number `index` of the hash chain that begins with `first`.

    v[i] = SHA-256(v[i+1]): a value proves all before it and tells nothing of those after it.
    """
    return link_back(value, index) == first


def link_back(value: bytes, links: int) -> bytes:
    """Return the value of a hash chain that comes so many links before another."""
    for _ in range(links):
        value = sha256(value).digest()
    return value
