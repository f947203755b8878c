"""A proof says how a draw went; whatever is changed in it is found, at its line."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.reading import check, verify
from tests.rules.writing import Draw, drawn_order, write

from guahao.rules.fairness import verifying
from guahao.rules.fairness.allocating import LONG_WAIT_LOSSES, DrawEntry, Skipped, Won, allocate
from guahao.rules.fairness.proof import DrawSession, Level, Source
from guahao.rules.fairness.verifying import ProofError

TICKETS = st.binary(min_size=16, max_size=16)
REASONS = st.sampled_from([None, None, None, "day_limit", "patient_suspended"])


# What a forger changes, and the line at which it is found, with its reason.
LIES = [
    ("^draw 17$", "draw 18", "seed", "the seed does not follow"),
    ("^(commitment .*\n)", r"\1\1", "commitment", "expected a line"),
    ("^commitment .", "commitment 0", "commitment", "not the hash of the secret"),
    ("^secret 7", "secret 8", "commitment", "not the hash of the secret"),
    ("^value 7", "value 8", "value", "not in the chain"),
    ("^value .*\n", "", "secret", "each source needs its value"),
    ("^(source .* )41$", r"\g<1>42", "value", "not in the chain"),
    ("^(source .* )41$", r"\g<1>1000001", "value", "not in the chain"),
    ("^later 2 7$", "later 4 7", "later", "named by its number"),
    ("^later 2 7$", "later 2 5", "later", "higher number"),
    ("^later 2 7$", "later 2 8", "value", "not in the chain"),
    ("^later 2 7\n", "", "value", "not in the chain"),
    ("^silent 3$", "silent 2", "silent", "no later value"),
    ("^silent 3\n", "", "secret", "each source needs its value"),
    ("^silent 3$", "silent 4", "silent", "named by its number"),
    ("^long-waits 40$", "long-waits 0", "result", "another ticket"),
    ("^entries 4$", "entries 5", "entries", "not the number"),
    ("^root .", "root 0", "root", "not the root"),
    ("^session 2 90218 2$", "session 3 90218 2", "session", "numbered from 1"),
    ("^less 1 1$", "less 3 1", "less", "names a session"),
    ("^less 1 1$", "less 1 2", "less", "only become fewer"),
    ("^less 1 1\n", "", "result", "places left"),
    ("^(entry (?:61)+ 1) 1,2$", r"\1 2,1", "root", "not the root"),
    ("^(entry (?:61)+ 1) 1,2$", r"\1 1,1", "entry", "each once"),
    ("^(entry (?:61)+ 1) 1,2$", r"\1 1,3", "entry", "sessions of this draw"),
    ("^(entry 61.*)\n", "", "entries", "not the number"),
    ("^(entry 62.*\n)(entry 63.*\n)", r"\2\1", "entry", "ascending"),
    ("^(entry 64.*\n)", r"\1\1", "entry", "once each"),
    ("^result 1 .*\n", "", "result", "another ticket"),
    ("^result 4 .*\n", "", "end", "each entry needs its result"),
    (r"^(result 4) \w{32} ", rf"\1 {'0' * 32} ", "result", "has no entry"),
    ("^result 4 ", "result 5 ", "result", "another ticket"),
    (r"^(result 1 \w{32}) won \d", r"\1 won 3", "result", "not chosen"),
    (r"^(result \d \w{32}) skipped full.*$", r"\1 won 1 1", "result", "no such place"),
    (r"^(result 2 \w{32} won 2) 1 full$", r"\1 1,2 full", "result", "for other patients"),
    (
        r"^(result \d \w{32}) skipped .*$",
        r"\1 skipped day_limit day_limit",
        "result",
        "places left",
    ),
]


def hashed(value: bytes, times: int) -> bytes:
    for _ in range(times):
        value = sha256(value).digest()
    return value


@st.composite
def entries(draw: st.DrawFn, sessions: int) -> tuple[DrawEntry, ...]:
    tickets = sorted(draw(st.sets(TICKETS, max_size=12)))
    numbers = st.permutations(range(1, sessions + 1))
    made = []
    for ticket in tickets:
        size = draw(st.sampled_from([1, 1, 2]))
        choices = tuple(draw(numbers)[: draw(st.integers(1, sessions))])
        may_split = size > 1 and draw(st.booleans())
        lost = draw(st.sampled_from([0, 0, LONG_WAIT_LOSSES]))
        made.append(DrawEntry(ticket, size, choices, may_split, lost))
    return tuple(made)


@st.composite
def draws(draw: st.DrawFn) -> Draw:
    """A draw as it is held: entries closed, places amended, values fetched, places given out."""
    sessions = tuple(
        DrawSession(id, places, draw(st.integers(0, places)))
        for id, places in enumerate(draw(st.lists(st.integers(0, 5), min_size=1, max_size=4)), 90)
    )
    last = draw(st.lists(st.binary(min_size=32, max_size=32), max_size=3))
    fates = [draw(st.sampled_from(["answered", "later", "silent"])) for _ in last]
    sources = tuple(
        Source(
            hashed(value, n * 3 + 2),
            n * 3 + (0 if fate == "later" else 2),
            n * 3 + 2 if fate == "later" else None,
            fate == "silent",
        )
        for n, (value, fate) in enumerate(zip(last, fates, strict=True))
    )
    values = tuple(value for value, fate in zip(last, fates, strict=True) if fate != "silent")
    base = Draw(
        draw(st.integers(0, 10**11)),
        "2026-12-01T08:00:00+08:00",
        "2026-12-02T20:00:00+08:00",
        sources,
        draw(st.sampled_from([0, 20, 100])),
        sessions,
        draw(st.binary(min_size=32, max_size=32)),
        values,
        draw(entries(len(sessions))),
        {},
    )
    refusals: dict[tuple[int, int, int], str | None] = {}

    def check(index: int, patient: int, session: int) -> str | None:
        return refusals.setdefault((index, patient, session), draw(REASONS))

    places = {number: session.places_left for number, session in enumerate(sessions, 1)}
    return replace(base, results=allocate(base.entries, drawn_order(base), places, check))


def example() -> Draw:
    """Two sessions, four entries, a stop; of three witnesses one late, one silent."""
    value, later = b"v" * 32, b"w" * 32
    base = Draw(
        17,
        "2026-12-01T08:00:00+08:00",
        "2026-12-02T20:00:00+08:00",
        (
            Source(hashed(value, 41), 41),
            Source(hashed(later, 7), 6, later=7),
            Source(b"x" * 32, 9, is_silent=True),
        ),
        40,
        (DrawSession(90217, 2, 1), DrawSession(90218, 2, 2)),
        b"s" * 32,
        (value, later),
        (
            DrawEntry(b"a" * 16, 1, (1, 2)),
            DrawEntry(b"b" * 16, 2, (2, 1), may_split=True),
            DrawEntry(b"c" * 16, 1, (1,), lost=LONG_WAIT_LOSSES),
            DrawEntry(b"d" * 16, 2, (1, 2)),
        ),
        {},
    )
    places = {1: 1, 2: 2}
    return replace(base, results=allocate(base.entries, drawn_order(base), places, lambda *_: None))


@given(draws())
def test_a_draw_is_proven_and_read_again(held: Draw) -> None:
    data = write(held).encode()
    read = verify(data)
    assert write(read).encode() == data
    assert read.results == held.results
    for index, result in held.results.items():
        assert check(data, held.entries[index].ticket.hex()).result == result


def test_all_who_waited_long_come_first_each_at_their_own_position() -> None:
    waited = tuple(replace(entry, lost=LONG_WAIT_LOSSES) for entry in example().entries[::2])
    entered = (waited[0], example().entries[1], waited[1], example().entries[3])
    base = replace(example(), long_waits_percent=100, entries=entered, results={})
    order = drawn_order(base)
    held = replace(base, results=allocate(entered, order, {1: 1, 2: 2}, lambda *_: None))
    assert {result.position for index, result in held.results.items() if index in (0, 2)} == {1, 2}
    assert verify(write(held).encode()).results == held.results


def test_every_byte_that_is_flipped_is_found() -> None:
    data = write(example()).encode()
    verify(data)
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with pytest.raises(ProofError):
                verify(bytes(changed))


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -2])
def test_what_is_cut_or_doubled_is_found(cut: int) -> None:
    data = write(example()).encode()
    for changed in (data[:cut], data + data[cut:], data + b"\n", b"\n" + data, data * 2):
        with pytest.raises(ProofError):
            verify(changed)


def forged(pattern: str, by: str) -> bytes:
    """The example with one line changed, and a digest that is right again."""
    text, changes = re.subn(pattern, by, write(example()), count=1, flags=re.MULTILINE)
    assert changes
    head = text[: text.rindex("end ")]
    return f"{head}end {sha256(head.encode()).hexdigest()}\n".encode()


def test_a_forger_who_changes_nothing_is_believed() -> None:
    assert verify(forged("^draw 17$", "draw 17")).id == 17


@pytest.mark.parametrize(("pattern", "by", "line", "reason"), LIES)
def test_a_lie_with_a_digest_that_fits_is_found_at_its_line(
    pattern: str, by: str, line: str, reason: str
) -> None:
    data = forged(pattern, by)
    with pytest.raises(ProofError) as caught:
        verify(data)
    assert reason in caught.value.reason
    assert data.decode().split("\n")[caught.value.line - 1].startswith(line)


def test_a_place_cannot_go_to_a_friend() -> None:
    """The control of all: results that are right by themselves, but not in the drawn order."""
    held = example()
    order = drawn_order(held)
    turned = [order[-1], *order[:-1]]
    results = allocate(held.entries, turned, {1: 1, 2: 2}, lambda *_: None)
    with pytest.raises(ProofError, match="another ticket"):
        verify(write(replace(held, results=results)).encode())


def test_the_file_tells_of_no_person() -> None:
    assert re.fullmatch(r"[a-z0-9,:+T \n-]*", write(example()))


def test_each_kind_of_result_is_in_the_example() -> None:
    results = example().results.values()
    assert any(isinstance(result, Won) for result in results)
    assert any(isinstance(result, Skipped) for result in results)


def test_a_draw_is_witnessed_where_any_witness_gave_its_value() -> None:
    held = example()
    assert held.level is Level.WITNESSED
    silent = tuple(replace(source, is_silent=True) for source in held.sources)
    assert replace(held, sources=silent).level is Level.OPERATOR
    assert replace(held, sources=()).level is Level.OPERATOR


def test_a_verifier_computes_no_more_hashes_than_it_promises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = write(example()).encode()
    monkeypatch.setattr(verifying, "CHAIN_MAX", 41)  # the number of the first witness's value
    assert verify(data).sources[0].used == 41
    monkeypatch.setattr(verifying, "CHAIN_MAX", 40)
    with pytest.raises(ProofError, match="not in the chain"):
        verify(data)
