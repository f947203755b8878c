"""drand as a source of draws: what a file says of it is checked, by the network's signatures."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from tests.rules.fairness.test_proof import example
from tests.rules.helpers import moment
from tests.rules.reading import check, verify
from tests.rules.writing import Draw, drawn_order, write

from guahao.rules.fairness.allocating import allocate
from guahao.rules.fairness.beacon import (
    QUICKNET,
    Beacon,
    Drand,
    beacon_of,
    can_check,
    is_signed,
    value_of,
)
from guahao.rules.fairness.proof import Level, Source
from guahao.rules.fairness.verifying import ProofError
from guahao.tools import draw_verifier

# Round 1000 of drand's mainnet chain quicknet, as its relays show it.
ROUND = 1000
SIGNATURE = bytes.fromhex(
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
RANDOMNESS = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
CLOSED = "2023-08-23T23:59:23+08:00"  # a second before that round


def test_the_chain_of_mainnet_is_known_by_its_hash_and_its_round_by_its_time() -> None:
    known = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
    assert QUICKNET.chain.hex() == known
    assert beacon_of(QUICKNET.words) == QUICKNET
    shown = moment("2023-08-23 23:59:24")
    assert QUICKNET.shown_at(ROUND) == shown
    assert QUICKNET.newest_at(shown) == ROUND
    assert QUICKNET.newest_at(shown - timedelta(microseconds=1)) == ROUND - 1
    assert QUICKNET.newest_at(moment("2023-08-23 23:09:27")) == 1
    assert QUICKNET.newest_at(moment("2023-08-23 23:09:26")) == 0
    assert QUICKNET.newest_at(moment("2020-01-01 00:00")) == 0
    drand = Drand(QUICKNET, ())
    assert (drand.first, drand.newest_at(shown), drand.shown_at(ROUND)) == (
        QUICKNET.chain,
        ROUND,
        shown,
    )


def test_a_chain_called_default_is_hashed_without_its_name() -> None:
    nameless = replace(QUICKNET, name="default")
    numbers = (3).to_bytes(4, "big") + (1_692_803_367).to_bytes(8, "big")
    assert nameless.chain == sha256(numbers + QUICKNET.key + QUICKNET.group).digest()


def test_a_historical_round_of_mainnet_is_signed_and_no_other() -> None:
    assert can_check()
    assert value_of(SIGNATURE).hex() == RANDOMNESS
    assert is_signed(QUICKNET, ROUND, SIGNATURE)
    assert not is_signed(QUICKNET, ROUND + 1, SIGNATURE)


def test_checking_a_signature_leaves_how_deep_a_process_may_recurse() -> None:
    """py_ecc raises it when it is imported, and nested JSON would then overflow the stack."""
    program = (
        "import sys\n"
        "from guahao.rules.fairness.beacon import QUICKNET, is_signed\n"
        "before = sys.getrecursionlimit()\n"
        "is_signed(QUICKNET, 1, bytes(48))\n"
        "assert 'py_ecc' in sys.modules\n"
        "assert sys.getrecursionlimit() == before\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (QUICKNET.key, SIGNATURE[:-1] + b"\x00"),
        (QUICKNET.key, b"\x00" * 48),  # not compressed
        (QUICKNET.key, b"\xc0" + b"\x00" * 47),  # the point at infinity
        (QUICKNET.key, b"\x00" + SIGNATURE),
        (b"\x00" * 96, SIGNATURE),
        (b"\xc0" + b"\x00" * 95, b"\xc0" + b"\x00" * 47),
        # On the curve, but not in the group that signs: its order is another.
        (QUICKNET.key, b"\x80" + b"\x00" * 46 + b"\x04"),
    ],
)
def test_what_is_no_signature_of_the_key_is_none(key: bytes, signature: bytes) -> None:
    assert not is_signed(replace(QUICKNET, key=key), ROUND, signature)


def test_a_signature_is_one_point_of_the_group_and_no_other() -> None:
    """Added to it, a point of another order changes nothing in the equation that is checked."""
    assert is_signed(QUICKNET, ROUND, SIGNATURE)  # this imports py_ecc and limits its recursion
    from py_ecc.bls.point_compression import compress_G1, decompress_G1  # noqa: PLC0415
    from py_ecc.bls.typing import G1Compressed  # noqa: PLC0415
    from py_ecc.optimized_bls12_381 import add, curve_order, is_inf, multiply  # noqa: PLC0415

    outside = decompress_G1(G1Compressed(0x80 << 376 | 4))
    other_order = multiply(outside, curve_order)
    assert not is_inf(other_order)
    point = decompress_G1(G1Compressed(int.from_bytes(SIGNATURE, "big")))
    second = int(compress_G1(add(point, other_order))).to_bytes(48, "big")
    assert second != SIGNATURE
    assert not is_signed(QUICKNET, ROUND, second)


def held(**changes: object) -> Draw:
    """The example, with a round of drand as the last of its sources."""
    base = example()
    source = Source(QUICKNET.chain, ROUND, beacon=QUICKNET, signature=SIGNATURE)
    source = replace(source, **changes)  # type: ignore[arg-type]
    values = base.values if source.is_silent else (*base.values, value_of(SIGNATURE))
    draw = replace(
        base,
        opened="2023-08-23T12:00:00+08:00",
        closed=CLOSED,
        sources=(*base.sources, source),
        values=values,
    )
    results = allocate(draw.entries, drawn_order(draw), {1: 1, 2: 2}, lambda *_: None)
    return replace(draw, results=results)


@pytest.mark.parametrize(
    "changes",
    [{}, {"index": ROUND - 9, "later": ROUND}, {"is_silent": True, "signature": None}],
)
def test_a_draw_with_drand_is_proven_to_both_verifiers(changes: dict[str, object]) -> None:
    draw = held(**changes)
    data = write(draw).encode()
    assert verify(data) == draw
    draw_verifier.verify(io.BytesIO(data))
    level = Level.WITNESSED if "is_silent" in changes else Level.BEACON
    assert check(data).level is draw.level is level


LIES = [
    (f" {ROUND} 3 ", f" {ROUND + 1} 3 ", None),  # a round that is a moment later: not its signature
    (f" {ROUND} 3 ", f" {ROUND - 1} 3 ", "shown before the entries were closed"),
    (" 3 1692803367 ", " 3 1692803368 ", "not the hash of the chain"),
    (" 3 1692803367 ", " 4 1692803367 ", "not the hash of the chain"),
    (QUICKNET.key.hex(), "ab" + QUICKNET.key.hex()[2:], "not the hash of the chain"),
    (QUICKNET.group.hex(), "ab" + QUICKNET.group.hex()[2:], "not the hash of the chain"),
    (" quicknet\n", " quicknet2\n", "not the hash of the chain"),
    (f"signature {SIGNATURE.hex()}\n", "", "needs its value"),
    (SIGNATURE.hex(), SIGNATURE.hex()[:-2] + "00", "hash of the round"),
    (f"value {RANDOMNESS}", f"value {'00' * 32}", "hash of the round"),
    (f"closed {CLOSED}", "closed 2023-08-23T23:59:24+08:00", "shown before the entries"),
    (f"closed {CLOSED}", "closed 2023-08-23T25:59:24+08:00", "there is no such time"),
    ("silent 3\n", "silent 3\nsilent 4\n", "needs its value"),
]


@pytest.mark.parametrize(("words", "by", "reason"), LIES)
def test_a_lie_about_drand_is_found_by_both(words: str, by: str, reason: str | None) -> None:
    text = write(held())
    assert words in text
    head = text.replace(words, by, 1)
    head = head[: head.rindex("end ")]
    data = f"{head}end {sha256(head.encode()).hexdigest()}\n".encode()
    if reason is None:
        # Both verifiers believe it: what finds it is the signature.
        draw_verifier.verify(io.BytesIO(data))
        [source] = [source for source in check(data).sources if source.beacon is not None]
        assert source.beacon is not None
        assert source.signature is not None
        assert not is_signed(source.beacon, source.used, source.signature)
        return
    with pytest.raises(ProofError, match=reason):
        check(data)
    with pytest.raises(draw_verifier.Lie):
        draw_verifier.verify(io.BytesIO(data))


def test_both_find_every_byte_that_is_flipped() -> None:
    data = write(held()).encode()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(ProofError):
            check(bytes(changed))
        with pytest.raises(draw_verifier.Lie):
            draw_verifier.verify(io.BytesIO(changed))


def test_a_beacon_is_what_its_words_say() -> None:
    other = Beacon(30, 7, b"k" * 96, b"g" * 32, "city")
    assert other.words == f"30 7 {'6b' * 96} {'67' * 32} city"
    assert other.seconds_at(1) == 7
    assert other.seconds_at(3) == 67
