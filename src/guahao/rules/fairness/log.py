"""The log of all draws: what was published when, in lines that nobody can change unnoticed.

    guahao-log 1
    after 0 …                                       the line before the first one here
    1 … 2026-12-01T08:00:00+08:00 key …             whose signatures follow (Ed25519)
    2 … 2026-12-01T08:00:00+08:00 draw 17 commitment …
    head 2 …                                        the last line here
    signature …                                     of the head, by the key

A line is its number, its hash, its time and what was published, in the words of the draw's own
file (proof.py). The hash is SHA-256 over the hash of the line before and the line without its hash,
so that the last stands for all. The log begins with the hash of `guahao-log 1`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from guahao.rules.fairness.verifying import VerifiedFile

BEGINNING = sha256(b"guahao-log 1").digest()
_LINE = re.compile(
    r"([1-9][0-9]{0,14}) ([0-9a-f]{64})"
    r" ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00 ([!-~]+(?: [!-~]+)*))"
)
_AFTER = re.compile(r"after (0|[1-9][0-9]{0,14}) ([0-9a-f]{64})")
_HEAD = re.compile(r"head (0|[1-9][0-9]{0,14}) ([0-9a-f]{64})")
_SIGNATURE = re.compile(r"signature ([0-9a-f]{128})")
_KEY = re.compile(r"key ([0-9a-f]{64})")
_LINES_LEAST = 5  # first line, after, head, signature, and nothing after the last line feed
# What a draw's file holds in the same words; of the amendments only the last of each session.
_IN_FILE = frozenset(
    {
        *("opened", "commitment", "source", "beacon", "closed", "long-waits", "entries", "root"),
        *("session", "later", "silent", "secret", "value", "signature", "seed"),
    }
)


class LogError(Exception):
    """A log was changed, or is none; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line} of the log: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Log:
    """A part of the log that fits together; its signature is not checked yet.

    `after`: number and hash of the line before it. `key`: of the last line that names one, if any
    is in this part.
    """

    published: tuple[str, ...]  # without numbers, hashes and times
    seq: int
    hash: bytes
    signature: bytes
    key: bytes | None
    after: tuple[int, bytes] = (0, BEGINNING)

    def followed_by(self, part: Log) -> Log:
        """Return both as one; raises LogError where the other is not the part that follows."""
        if part.after != (self.seq, self.hash):
            raise LogError(2, f"this part does not follow line {self.seq} of the part before")
        return replace(
            part,
            published=(*self.published, *part.published),
            key=part.key or self.key,
            after=self.after,
        )

    def of_draw(self, draw_id: int) -> list[str]:
        """Return what was published about a draw, in its order."""
        words = f"draw {draw_id} "
        return [text.removeprefix(words) for text in self.published if text.startswith(words)]


def link(previous: bytes, seq: int, line: str) -> bytes:
    """Return the hash of a line that follows the one with the hash `previous`."""
    return sha256(previous + f"{seq} {line}".encode()).digest()


def signed_head(seq: int, last: bytes) -> bytes:
    """Return what the signature of a head is over."""
    return f"guahao-log 1 {seq} {last.hex()}".encode()


def write(
    after: tuple[int, bytes], lines: Sequence[tuple[int, str, bytes]], signature: bytes
) -> str:
    """Return a part of the log as text: the line before it, its lines with number and hash."""
    seq, last = (lines[-1][0], lines[-1][2]) if lines else after
    return "\n".join(
        [
            "guahao-log 1",
            f"after {after[0]} {after[1].hex()}",
            *(f"{number} {digest.hex()} {line}" for number, line, digest in lines),
            f"head {seq} {last.hex()}",
            f"signature {signature.hex()}",
            "",
        ]
    )


def read(data: bytes) -> Log:
    """Read a part of the log and check that its lines follow one another; raises LogError."""
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LogError(line, "a log holds ASCII characters only") from None
    if len(lines) < _LINES_LEAST or lines[0] != "guahao-log 1" or lines[-1]:
        raise LogError(1, "this is no log of draws, or it was cut off")
    after = _AFTER.fullmatch(lines[1])
    head = _HEAD.fullmatch(lines[-3])
    signature = _SIGNATURE.fullmatch(lines[-2])
    if after is None or head is None or signature is None:
        raise LogError(len(lines), "a log has a beginning, a head and a signature")
    seq, last = int(after[1]), bytes.fromhex(after[2])
    if seq == 0 and last != BEGINNING:
        raise LogError(2, "the log does not begin so")
    published = []
    for number, text in enumerate(lines[2:-3], 3):
        found = _LINE.fullmatch(text)
        if found is None or int(found[1]) != seq + 1:
            raise LogError(number, "a line has its number, its hash, its time and its words")
        seq, last = seq + 1, link(last, seq + 1, found[3])
        if found[2] != last.hex():
            raise LogError(number, "the hash is not that of this line and those before it")
        published.append(found[4])
    if (int(head[1]), head[2]) != (seq, last.hex()):
        raise LogError(len(lines) - 2, "the head is not the last line's")
    keys = [found[1] for found in map(_KEY.fullmatch, published) if found is not None]
    key = bytes.fromhex(keys[-1]) if keys else None
    before = int(after[1]), bytes.fromhex(after[2])
    return Log(tuple(published), seq, last, bytes.fromhex(signature[1]), key, before)


def missing(log: Log, draw_id: int) -> str | None:
    """Return what a part of the log lacks of a draw that other parts may have, or None."""
    published = log.of_draw(draw_id)
    lines = f"lines {log.after[0] + 1} to {log.seq} of the log"
    if not any(line.startswith("proof ") for line in published):
        return f"{lines} hold no proof of draw {draw_id}: give the parts after them as well"
    if log.after[0] and not any(line.startswith("opened ") for line in published):
        return f"{lines} do not hold the opening of draw {draw_id}: give the parts before as well"
    return None


def differences(log: Log, file: VerifiedFile) -> str | None:
    """Return how a draw's file differs from what the log published about it, or None.

    The file holds the last amendment of each session; all else stands in both, word for word.
    """
    published = log.of_draw(file.draw_id)
    if not published:
        return f"the log says nothing of draw {file.draw_id}"
    if f"proof {file.sha256.hex()}" not in published:
        return "the log names another file as the proof of this draw"
    amended = {line.split(" ")[1]: line for line in published if line.startswith("less ")}
    logged = [line for line in published if line.split(" ")[0] in _IN_FILE] + [*amended.values()]
    stated = [line for line in file.heading if line.split(" ")[0] in (*_IN_FILE, "less")]
    if sorted(logged) != sorted(stated):
        other = next(iter(set(logged) ^ set(stated)), "a line that stands twice")
        return f"file and log do not agree: {other}"
    return None
