"""The line at which a proof is found to lie, and what it may say of amendments and results."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256

import pytest
from tests.rules.fairness.test_proof import example, forged
from tests.rules.reading import verify
from tests.rules.writing import drawn_order, write

from guahao.rules.fairness.allocating import Skipped, Won, allocate
from guahao.rules.fairness.proof import DrawSession
from guahao.rules.fairness.verifying import ProofError

DATA = write(example()).encode()
LINES = DATA.decode().split("\n")


def line_of(start: str) -> int:
    """The number of the first line that begins so."""
    return next(number for number, line in enumerate(LINES, 1) if line.startswith(start))


def found_at(data: bytes) -> tuple[int, str]:
    with pytest.raises(ProofError) as caught:
        verify(data)
    return caught.value.line, caught.value.reason


HEAD = DATA.partition(b"closed")[0]


@pytest.mark.parametrize(
    ("data", "line"), [(b"\xff\n", 1), (HEAD + b"\xff\n", HEAD.count(b"\n") + 1)]
)
def test_what_is_not_ascii_is_found_at_its_line(data: bytes, line: int) -> None:
    assert found_at(data) == (line, "the file holds ASCII characters only")


def test_a_file_without_its_last_line_feed_was_cut_at_its_last_line() -> None:
    assert found_at(DATA[:-1]) == (len(LINES) - 1, "the file does not end with a line feed")


@pytest.mark.parametrize("name", ["draw", "closed", "secret", "seed"])
def test_a_missing_line_is_found_where_it_should_stand(name: str) -> None:
    number = line_of(f"{name} ")
    data = "\n".join([*LINES[: number - 1], *LINES[number:]]).encode()
    assert found_at(data) == (number, f"expected a line “{name} …”, in its form")


def test_a_file_that_is_cut_off_lacks_the_line_after_its_last() -> None:
    data = "\n".join([*LINES[:4], ""]).encode()
    assert found_at(data) == (4, "expected a line “commitment …”, in its form")


@pytest.mark.parametrize("more", ["more\n", "more\nand more\n", "\n"])
def test_what_follows_the_end_is_found_at_its_first_line(more: str) -> None:
    assert found_at(DATA + more.encode()) == (len(LINES), "the file goes on after its end")


def test_a_digest_that_does_not_fit_is_found_in_the_last_line() -> None:
    data = DATA.replace(b"T08:00:00", b"T08:00:01")
    reason = "the digest is not that of the lines above"
    assert found_at(data) == (line_of("end "), reason)


@pytest.mark.parametrize(
    ("pattern", "by", "start", "after", "reason"),
    [
        ("^less 1 1$", "less 0 1", "less", 0, "an amendment names a session"),
        ("^less 1 1$", "less 1 1\nless 1 0", "less", 1, "an amendment names a session"),
        ("^less 1 1$", "less 2 1\nless 1 1", "less", 1, "an amendment names a session"),
        ("^less 1 1$", "less 1 1\nless 2 2", "less", 1, "places can only become fewer"),
        ("^later 2 7$", "later 0 7", "later", 0, "a source is named by its number"),
        ("^later 2 7$", "later 2 7\nlater 2 8", "later", 1, "a source is named by its number"),
        ("^silent 3$", "silent 0", "silent", 0, "a source is named by its number"),
        ("^silent 3$", "silent 3\nsilent 3", "silent", 1, "a source is named by its number"),
        ("^later 2 7$", "later 2 6", "later", 0, "a later value has a higher number"),
        ("^session 1 ", "session 0 ", "session", 0, "sessions are numbered from 1"),
        ("^session 2 ", "session 1 ", "session", 1, "sessions are numbered from 1"),
        ("^(entry 62.*\n)(entry 63.*\n)", r"\2\1", "entry", 2, "entries stand in ascending"),
        ("^(entry 61.*\n)(entry 62.*\n)", r"\2\1", "entry", 1, "entries stand in ascending"),
        ("^(entry 64.*\n)", r"\1\1", "entry", 4, "entries stand in ascending"),
        ("^(entry (?:61)+ 1) 1,2$", r"\1 0,1", "entry", 0, "choices are sessions"),
        ("^(entry (?:64)+ 2) 1,2$", r"\1 1,2,3", "entry", 3, "choices are sessions"),
        ("^(value 77)77", r"\g<1>78", "value", 1, "this value is not in the chain"),
        ("^(result 2 .*\n)", r"\1\1", "result", 2, "this position belongs to another"),
        ("^result 2 (.*)$", r"result 3 \1", "result", 1, "this position belongs to another"),
        (r"^(result 2 \w{32}) won 2 1 full$", r"\1 won 2 2 full", "result", 1, "places for other"),
        (r"^(result 2 \w{32}) won 2 1 full$", r"\1 won 2 1", "result", 1, "each choice that was"),
        (r"^(result 2 \w{32}) won 2 1 full$", r"\1 won 2 1 full full", "result", 1, "each choice"),
        (r"^(result 4 \w{32}) skipped full full$", r"\1 skipped full", "result", 3, "each choice"),
        (
            r"^(result 4 \w{32}) skipped full full$",
            r"\1 won 2 1,2 full",
            "result",
            3,
            "the session",
        ),
        (
            r"^(result 2 \w{32}) won 2 1 full$",
            r"\1 won 2 1 day_limit",
            "result",
            1,
            "session 1 had",
        ),
    ],
)
def test_a_lie_is_found_at_its_very_line(
    pattern: str, by: str, start: str, after: int, reason: str
) -> None:
    line, said = found_at(forged(pattern, by))
    assert (line, said[: len(reason)]) == (line_of(f"{start} ") + after, reason)


def test_two_who_may_not_be_split_have_two_places() -> None:
    """Of the entry of two in the example, one alone is no result."""
    held = replace(example(), sessions=(DrawSession(1, 9, 9), DrawSession(2, 9, 9)))
    results = allocate(held.entries, drawn_order(held), {1: 9, 2: 9}, lambda *_: None)
    held = replace(held, results=results)
    assert verify(write(held).encode()) == held
    [index] = [i for i, entry in enumerate(held.entries) if entry.size == 2 and not entry.may_split]
    won = results[index]
    assert isinstance(won, Won)
    assert won.patients == (0, 1)
    alone = replace(held, results=results | {index: replace(won, patients=(0,))})
    assert found_at(write(alone).encode())[1] == "places for other patients than the entry's"


def test_an_amendment_is_compared_with_the_places_of_its_own_session() -> None:
    held = replace(example(), sessions=(DrawSession(1, 3, 1), DrawSession(2, 2, 2)))
    text = write(held)
    assert verify(text.encode()) == held
    changed = text.replace("less 1 1\n", "less 1 1\nless 2 2\n")
    head = changed[: changed.rindex("end ")]
    data = f"{head}end {sha256(head.encode()).hexdigest()}\n".encode()
    assert found_at(data)[1] == "places can only become fewer after closing"


def test_a_result_stands_for_the_ticket_and_the_session_that_it_names() -> None:
    read = verify(DATA)
    assert read == example()
    for index, result in read.results.items():
        ticket = read.entries[index].ticket.hex()
        [line] = [line for line in LINES if line.startswith(f"result {result.position} {ticket} ")]
        words = "skipped" if isinstance(result, Skipped) else f"won {result.session}"
        assert re.search(f" {words}\\b", line)
