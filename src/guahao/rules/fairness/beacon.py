"""drand as an outside source of draws: a value every few seconds, by a network of institutions.

Some twenty institutions hold a share each of one secret key. Enough of them together sign the
number of each round when its time has come; the SHA-256 of the signature is the round's value. No
member can know a value before its time or choose it, and everybody can check it by the network's
public key (https://docs.drand.love). A chain of rounds is known by its hash, which stands for its
key, its first moment and its period. Of drand's schemes only that of its chain `quicknet` is known
here: bls-unchained-g1-rfc9380, signatures on the curve BLS12-381.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from typing import Final

from guahao.rules.kernel.limits import CITY_TIME

SCHEME: Final = "bls-unchained-g1-rfc9380"
KEY_BYTES = 96
SIGNATURE_BYTES = 48
_DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"  # of the scheme, by RFC 9380
_NAMELESS = "default"  # a chain of this name is hashed without it


@dataclass(frozen=True, slots=True)
class Beacon:
    """A chain of drand. `genesis`: when round 1 is shown, in Unix seconds; `period`: in seconds.

    `group`: the hash of the group that made the key, called `groupHash` by drand.
    """

    period: int
    genesis: int
    key: bytes
    group: bytes
    name: str

    @property
    def chain(self) -> bytes:
        """Return the hash by which the chain is known."""
        times = self.period.to_bytes(4, "big") + self.genesis.to_bytes(8, "big")
        name = "" if self.name == _NAMELESS else self.name
        return sha256(times + self.key + self.group + name.encode()).digest()

    def newest_at(self, moment: datetime) -> int:
        """Return the newest round that may be known; 0 before round 1."""
        return max(0, 1 + (int(moment.timestamp()) - self.genesis) // self.period)

    def seconds_at(self, index: int) -> int:
        """Return when a round is shown first, in Unix seconds."""
        return self.genesis + (index - 1) * self.period

    def shown_at(self, index: int) -> datetime:
        """Return when a round is shown first."""
        return datetime.fromtimestamp(self.seconds_at(index), CITY_TIME)

    @property
    def words(self) -> str:
        """Return what its hash stands for, as it stands in files and in the database."""
        return f"{self.period} {self.genesis} {self.key.hex()} {self.group.hex()} {self.name}"


def beacon_of(words: str) -> Beacon:
    """Return a chain by its words."""
    period, genesis, key, group, name = words.split(" ")
    return Beacon(int(period), int(genesis), bytes.fromhex(key), bytes.fromhex(group), name)


@dataclass(frozen=True, slots=True)
class Drand:
    """A chain of drand, and the addresses of relays that show its rounds."""

    beacon: Beacon
    relays: tuple[str, ...]

    @property
    def first(self) -> bytes:
        """Return what stands for the chain among a draw's sources: its hash."""
        return self.beacon.chain

    @property
    def last(self) -> None:
        """Return None: the network's rounds have no end."""

    def newest_at(self, moment: datetime) -> int:
        """Return the newest round that may be known."""
        return self.beacon.newest_at(moment)

    def shown_at(self, index: int) -> datetime:
        """Return when a round is shown first."""
        return self.beacon.shown_at(index)


# The chain of drand's own network that is meant for uses like this one, as its relays show it.
QUICKNET: Final = Beacon(
    3,
    1_692_803_367,
    bytes.fromhex(
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
        "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
        "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
    ),
    bytes.fromhex("f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e"),
    "quicknet",
)


def value_of(signature: bytes) -> bytes:
    """Return the value of a round by its signature."""
    return sha256(signature).digest()


def can_check() -> bool:
    """Return whether signatures can be checked here: with the extra guahao[drand]."""
    return find_spec("py_ecc") is not None


@lru_cache(1024)  # draws of one moment use one round
def is_signed(beacon: Beacon, index: int, signature: bytes) -> bool:
    """Return whether the network of a chain signed a round. Takes half a second; see can_check."""
    # When it is imported, py_ecc lets the whole process recurse 100,000 deep, so that nested JSON
    # from outside would overflow its stack.
    depth_max = sys.getrecursionlimit()
    from py_ecc.bls.g2_primitives import subgroup_check  # noqa: PLC0415 - of an extra
    from py_ecc.bls.hash_to_curve import hash_to_G1  # noqa: PLC0415 - of an extra
    from py_ecc.bls.point_compression import decompress_G1, decompress_G2  # noqa: PLC0415 - of an extra
    from py_ecc.bls.typing import G1Compressed, G2Compressed  # noqa: PLC0415 - of an extra
    from py_ecc.optimized_bls12_381 import FQ12, G2, final_exponentiate, is_inf, neg, pairing  # noqa: PLC0415 - of an extra

    sys.setrecursionlimit(depth_max)
    half = KEY_BYTES // 2
    try:
        point = decompress_G1(G1Compressed(int.from_bytes(signature, "big")))
        halves = (
            int.from_bytes(beacon.key[:half], "big"),
            int.from_bytes(beacon.key[half:], "big"),
        )
        key = decompress_G2(G2Compressed(halves))
    except ValueError:
        return False
    if len(signature) != SIGNATURE_BYTES or is_inf(point) or is_inf(key):
        return False
    if not (subgroup_check(point) and subgroup_check(key)):
        return False
    message = hash_to_G1(sha256(index.to_bytes(8, "big")).digest(), _DOMAIN, sha256)
    signed = pairing(G2, point, final_exponentiate=False)
    expected = pairing(key, neg(message), final_exponentiate=False)
    return bool(final_exponentiate(signed * expected) == FQ12.one())
