"""The log of draws: each line stands on those before it, and a file agrees with it."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from guahao.rules.fairness.log import (
    BEGINNING,
    Log,
    LogError,
    differences,
    link,
    missing,
    read,
    signed_head,
    write,
)
from guahao.rules.fairness.verifying import VerifiedFile


def proven(file: bytes, draw_id: int = 17) -> VerifiedFile:
    """What a verified file says, as far as the log knows it."""
    lines = tuple(file.decode().split("\n"))
    return VerifiedFile(draw_id, lines, (), 0, 0, None, sha256(file).digest())


TIME = "2026-12-01T08:00:00+08:00"
SIGNATURE = b"\x5a" * 64
KEYS = [b"\x01" * 32, b"\x02" * 32]
FILE = b"draw 17\nopened x\nsession 1 9 3\nsession 2 8 3\nless 1 2\nend y\n"
PUBLISHED = [
    f"key {KEYS[0].hex()}",
    "draw 17 opened x",
    "draw 171 opened z",
    "draw 17 session 1 9 3",
    "draw 17 session 2 8 3",
    "draw 17 less 1 1",
    f"key {KEYS[1].hex()}",
    "draw 17 less 1 2",
    "draw 17 result 3 won",
    f"draw 17 proof {sha256(FILE).hexdigest()}",
]


def written(published: list[str], after: tuple[int, bytes] = (0, BEGINNING)) -> str:
    seq, last = after
    lines = []
    for words in published:
        seq, last = seq + 1, link(last, seq + 1, f"{TIME} {words}")
        lines.append((seq, f"{TIME} {words}", last))
    return write(after, lines, SIGNATURE)


def test_a_line_s_hash_is_over_the_one_before_it_and_its_words() -> None:
    assert sha256(b"guahao-log 1").digest() == BEGINNING
    assert link(BEGINNING, 7, "words") == sha256(BEGINNING + b"7 words").digest()
    assert signed_head(7, BEGINNING) == b"guahao-log 1 7 " + BEGINNING.hex().encode()


@pytest.mark.parametrize("after", [(0, BEGINNING), (41, b"\x07" * 32)])
@pytest.mark.parametrize("count", [0, 1, len(PUBLISHED)])
def test_what_is_written_is_read_again(after: tuple[int, bytes], count: int) -> None:
    text = written(PUBLISHED[:count], after)
    log = read(text.encode())
    assert log.published == tuple(PUBLISHED[:count])
    assert (log.seq, log.signature) == (after[0] + count, SIGNATURE)
    assert f"head {log.seq} {log.hash.hex()}" in text.split("\n")
    assert log.key == {0: None, 1: KEYS[0]}.get(count, KEYS[1])


def test_each_line_stands_in_its_form() -> None:
    first, after, line, head, signature, end = written(PUBLISHED[:1]).split("\n")
    assert (first, after) == ("guahao-log 1", f"after 0 {BEGINNING.hex()}")
    digest = link(BEGINNING, 1, f"{TIME} {PUBLISHED[0]}").hex()
    assert line == f"1 {digest} {TIME} {PUBLISHED[0]}"
    assert (head, signature, end) == (f"head 1 {digest}", f"signature {'5a' * 64}", "")


LINES = written(PUBLISHED[:2]).split("\n")


@pytest.mark.parametrize(
    ("number", "line", "at", "reason"),
    [
        (1, "guahao-log 2", 1, "no log of draws"),
        (2, "after 0", 7, "a beginning, a head and a signature"),
        (2, f"after 0 {'07' * 32}", 2, "does not begin so"),
        (2, f"after 1 {BEGINNING.hex()}", 3, "a line has its number"),
        (3, LINES[2].replace("1 ", "2 ", 1), 3, "a line has its number"),
        (3, f"{LINES[2]} more", 3, "the hash is not that of this line"),
        (4, LINES[3].replace("opened", "closed"), 4, "the hash is not that of this line"),
        (4, "words", 4, "a line has its number"),
        (5, LINES[4].replace("head 2", "head 3"), 5, "the head is not the last line's"),
        (5, f"head 2 {'07' * 32}", 5, "the head is not the last line's"),
        (5, "head", 7, "a beginning, a head and a signature"),
        (6, "signature", 7, "a beginning, a head and a signature"),
        (7, "more", 1, "it was cut off"),
    ],
)
def test_a_changed_line_is_named(number: int, line: str, at: int, reason: str) -> None:
    changed = [*LINES[: number - 1], line, *LINES[number:]]
    with pytest.raises(LogError, match=re.escape(reason)) as caught:
        read("\n".join(changed).encode())
    assert caught.value.line == at


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"\xff", 1), (b"\n\xff", 2), (b"a\nb\nc\xff\n", 3), (b"", 1), (b"guahao-log 1\n\n\n", 1)],
)
def test_what_is_no_log_is_refused(data: bytes, line: int) -> None:
    with pytest.raises(LogError) as caught:
        read(data)
    assert caught.value.line == line


LOG = read(written(PUBLISHED).encode())


def test_a_draw_s_lines_are_those_of_its_own_number() -> None:
    assert LOG.of_draw(171) == ["opened z"]
    assert LOG.of_draw(1) == []
    assert LOG.of_draw(17)[:2] == ["opened x", "session 1 9 3"]


def test_a_file_agrees_with_what_was_published_about_its_draw() -> None:
    assert differences(LOG, proven(FILE)) is None


def published(file: bytes, *words: str) -> str | None:
    """How a file differs from a log that names it and publishes these words."""
    proof = f"proof {sha256(file).hexdigest()}"
    text = written([f"draw 17 {line}" for line in (*words, proof)])
    return differences(read(text.encode()), proven(file))


@pytest.mark.parametrize(
    ("file", "words", "difference"),
    [
        (b"opened x\n", ["opened x"], None),
        (b"opened x\n", ["opened y", "opened x"], "file and log do not agree: opened y"),
        (b"opened x\nseed 1\n", ["opened x"], "file and log do not agree: seed 1"),
        (b"opened x\n", ["opened x", "opened x"], "a line that stands twice"),
        # Only the last amendment of each session stands in the file.
        (b"less 1 2\nless 2 0\n", ["less 1 3", "less 2 0", "less 1 2"], None),
        (b"less 1 3\n", ["less 1 3", "less 1 2"], "file and log do not agree: less 1"),
        # What the log does not publish word for word is not compared.
        (b"opened x\nentry 7\nresult 1\n", ["opened x", "held"], None),
    ],
)
def test_each_published_line_stands_in_the_file_word_for_word(
    file: bytes, words: list[str], difference: str | None
) -> None:
    found = published(file, *words)
    assert (found is None) is (difference is None)
    assert (difference or "") in (found or "")


def test_the_log_must_speak_of_the_draw_and_name_its_file() -> None:
    assert differences(LOG, proven(FILE, 18)) == "the log says nothing of draw 18"
    other = differences(LOG, proven(FILE + b"\n"))
    assert other == "the log names another file as the proof of this draw"


def parts(*cuts: int) -> list[Log]:
    """The log in parts that end after these lines, the last at its end."""
    found, after, begun = [], (0, BEGINNING), 0
    for cut in (*cuts, len(PUBLISHED)):
        found.append(read(written(PUBLISHED[begun:cut], after).encode()))
        after, begun = (found[-1].seq, found[-1].hash), cut
    return found


def test_parts_of_the_log_are_read_as_one() -> None:
    first, second, third = parts(4, 7)
    whole = first.followed_by(second).followed_by(third)
    assert whole == LOG
    assert missing(whole, 17) is None
    assert differences(whole, proven(FILE)) is None


def test_a_part_that_follows_another_line_is_refused() -> None:
    first, second, third = parts(4, 7)
    for before, after in [(first, third), (second, second), (third, first)]:
        with pytest.raises(LogError, match="does not follow") as caught:
            before.followed_by(after)
        assert caught.value.line == 2  # where a part names the line before it


def test_a_part_alone_does_not_speak_against_a_draw_that_goes_on_in_another() -> None:
    first, last = parts(4)
    assert missing(first, 17) == (
        "lines 1 to 4 of the log hold no proof of draw 17: give the parts after them as well"
    )
    assert missing(last, 17) == (
        "lines 5 to 10 of the log do not hold the opening of draw 17: give the parts before as well"
    )


def test_a_log_is_whole_unless_something_is_said_to_come_before_it() -> None:
    whole = Log(("draw 17 proof 0", "draw 17 end"), 2, BEGINNING, SIGNATURE, None)
    assert whole.after == (0, BEGINNING)
    # Nothing can have opened the draw before: `differences` says what is wrong.
    assert missing(whole, 17) is None


def test_a_part_that_begins_before_the_draw_lacks_nothing_of_it() -> None:
    _, last = parts(1)
    assert last.after[0] == 1
    assert missing(last, 17) is None
