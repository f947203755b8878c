"""Check the file of a draw line by line, and name the first line that lies.

The file is read once, and only what is needed is kept: of a million entries the tickets, and each
kind of wishes once. Its form stands in proof.py. The script for everybody, tools/draw_verifier.py,
checks the same and shares no code with this.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from guahao.rules.fairness.allocating import (
    FULL,
    LONG_WAIT_LOSSES,
    DrawEntry,
    Result,
    Skipped,
    Won,
    long_waits,
    long_waits_share,
    places_needed,
)
from guahao.rules.fairness.beacon import beacon_of, value_of
from guahao.rules.fairness.drawing import commitment_to, is_in_chain, seed_of
from guahao.rules.fairness.merkle import GrowingTree
from guahao.rules.fairness.proof import DrawSession, Level, Source, end_line, level_of
from guahao.rules.fairness.witnessing import CHAIN_MAX

_HASH = r"[0-9a-f]{64}"
_NUMBER = r"(?:0|[1-9][0-9]{0,11})"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00"
_REASON = r"[a-z_]{1,40}"
_TICKET = re.compile(rb"[0-9a-f]{32}")
_TICKET_DIGITS = 32
_WISHES = re.compile(rf" (1|2s?) ({_NUMBER}(?:,{_NUMBER})*)( wait)?".encode())
_OUTCOME = re.compile(
    rf" (?:won ({_NUMBER}) (1|2|1,2)((?: {_REASON})*)|skipped((?: {_REASON})+))".encode()
)
_CHAIN = rf"[1-9][0-9]{{0,4}} {_NUMBER} [0-9a-f]{{192}} {_HASH} [a-z0-9-]{{1,40}}"
_CACHED = 100_000  # different wishes and results that are read once

# Every line before the entries in its order, and how often it stands there.
_HEADING: tuple[tuple[str, str, str], ...] = (
    ("guahao-draw", "1", "once"),
    ("draw", f"({_NUMBER})", "once"),
    ("rules", "1", "once"),
    ("opened", f"({_TIME})", "once"),
    ("commitment", f"({_HASH})", "once"),
    ("source", f"({_HASH}) ({_NUMBER})", "any"),
    (
        "beacon",
        f"({_HASH}) ({_NUMBER}) ({_CHAIN})",
        "any",
    ),
    ("closed", f"({_TIME})", "once"),
    ("long-waits", f"({_NUMBER})", "once"),
    ("entries", f"({_NUMBER})", "once"),
    ("root", f"({_HASH})", "once"),
    ("session", f"({_NUMBER}) ({_NUMBER}) ({_NUMBER})", "any"),
    ("less", f"({_NUMBER}) ({_NUMBER})", "any"),
    ("later", f"({_NUMBER}) ({_NUMBER})", "any"),
    ("silent", f"({_NUMBER})", "any"),
    ("secret", f"({_HASH})", "once"),
    ("value", f"({_HASH})", "any"),
    ("signature", "([0-9a-f]{96})", "any"),
    ("seed", f"({_HASH})", "once"),
)
_Found = tuple[int, re.Match[str]]  # the number of a line, and what was matched


class ProofError(Exception):
    """The file does not prove what it says; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """What a true file says.

    `heading`: its lines before the entries. `won`: entries with a place. `result`: of the ticket
    that was asked for. `sha256`: the digest of the whole file.
    """

    draw_id: int
    heading: tuple[str, ...]
    sources: tuple[Source, ...]
    entries: int
    won: int
    result: Result | None
    sha256: bytes

    @property
    def level(self) -> Level:
        """Return who could have known the result before the entries were closed."""
        return level_of(self.sources)


def verify(file: Iterable[bytes], ticket: str = "") -> VerifiedFile:
    """Check a proof, given as its lines, and return what it says; raises ProofError.

    The first line that lies is named. What it takes on trust: the signatures of beacons (beacon.py)
    and reasons that come from rules about persons.
    """
    reader = _Reader(file)
    heading = _Heading(reader)
    entries, root = _entries(reader, len(heading.sessions))
    heading.check_seed(len(entries), root)
    won, result = _check_results(reader, heading, entries, ticket.encode())
    _check_end(reader)
    return VerifiedFile(
        heading.draw_id,
        tuple(heading.lines),
        heading.sources,
        len(entries),
        won,
        result,
        reader.above.digest(),
    )


class _Reader:
    """The lines of a file, one after another. `above`: the digest of all before the current one."""

    def __init__(self, file: Iterable[bytes]) -> None:
        self._file = iter(file)
        self.above = sha256()
        self.number = 0
        self.raw = b""
        self.advance()

    @property
    def line(self) -> str:
        """Return the current line without its line feed."""
        if self.raw and not self.raw.endswith(b"\n"):
            raise ProofError(self.number, "the file does not end with a line feed")
        try:
            return self.raw[:-1].decode("ascii")
        except UnicodeDecodeError:
            raise ProofError(self.number, "the file holds ASCII characters only") from None

    def advance(self) -> None:
        """Go to the next line; at the end of the file the number stays at the last one."""
        self.above.update(self.raw)
        self.raw = next(self._file, b"")
        if self.raw:
            self.number += 1

    def following(self, start: bytes) -> Iterator[bytes]:
        """Yield the lines from here on that begin so, without this beginning."""
        file, above = self._file, self.above  # a million lines: every look-up counts
        while self.raw.startswith(start):
            yield self.raw[len(start) : -1]
            above.update(self.raw)
            self.raw = next(file, b"")
            if self.raw:
                self.number += 1


# Before the entries ----------------------------------------------------------------------------


class _Heading:
    """The lines before the entries, checked as far as they can be without these."""

    def __init__(self, reader: _Reader) -> None:
        self.lines: list[str] = []
        self._found: dict[str, list[_Found]] = {name: [] for name, _, _ in _HEADING}
        for name, pattern, times in _HEADING:
            rule = re.compile(f"{name} {pattern}", re.ASCII)
            while (found := rule.fullmatch(reader.line)) is not None:
                self._found[name].append((reader.number, found))
                self.lines.append(found[0])
                reader.advance()
                if times == "once":
                    break
            if times == "once" and not self._found[name]:
                raise ProofError(reader.number, f"expected a line “{name} …”, in its form")
        self.draw_id = int(self._only("draw")[1])
        self.long_waits_percent = int(self._only("long-waits")[1])
        self.secret = bytes.fromhex(self._only("secret")[1])
        self.values = [bytes.fromhex(found[1]) for _, found in self._found["value"]]
        self.sessions = self._read_sessions()
        commitment = commitment_to(self.secret).hex()
        self._claim("commitment", commitment, "this is not the hash of the secret")
        self.sources = self._read_sources()
        self._check_values()

    def check_seed(self, entries: int, root: bytes) -> None:
        """Check what was claimed of the entries, and the seed that follows from them."""
        self._claim("entries", str(entries), "this is not the number of entries")
        self._claim("root", root.hex(), "this is not the root of the entries")
        self.seed = seed_of(self.draw_id, root, self.secret, self.values)
        reason = "the seed does not follow from draw, root, secret and values"
        self._claim("seed", self.seed.hex(), reason)

    def _only(self, name: str) -> re.Match[str]:
        [(_, found)] = self._found[name]
        return found

    def _claim(self, name: str, value: str, reason: str) -> None:
        [(number, found)] = self._found[name]
        if found[1] != value:
            raise ProofError(number, reason)

    def _read_sessions(self) -> list[DrawSession]:
        sessions = []
        for expected, (number, found) in enumerate(self._found["session"], 1):
            if int(found[1]) != expected:
                raise ProofError(number, "sessions are numbered from 1 in their order")
            sessions.append(DrawSession(int(found[2]), int(found[3]), int(found[3])))
        reason = "an amendment names a session, each at most once, in order"
        for number, found in self._named("less", len(sessions), reason):
            amended = sessions[int(found[1]) - 1]
            if int(found[2]) >= amended.places:
                raise ProofError(number, "places can only become fewer after closing")
            sessions[int(found[1]) - 1] = replace(amended, places_left=int(found[2]))
        return sessions

    def _read_sources(self) -> tuple[Source, ...]:
        sources = [
            Source(bytes.fromhex(found[1]), int(found[2])) for _, found in self._found["source"]
        ]
        for number, found in self._found["beacon"]:
            beacon = beacon_of(found[3])
            if beacon.chain.hex() != found[1]:
                raise ProofError(number, "this is not the hash of the chain's key and times")
            sources.append(Source(beacon.chain, int(found[2]), beacon=beacon))
        reason = "a source is named by its number, at most once, in order"
        for number, found in self._named("later", len(sources), reason):
            source = sources[int(found[1]) - 1]
            if int(found[2]) <= source.index:
                raise ProofError(number, "a later value has a higher number")
            sources[int(found[1]) - 1] = replace(source, later=int(found[2]))
        for number, found in self._named("silent", len(sources), reason):
            source = sources[int(found[1]) - 1]
            if source.later is not None:
                raise ProofError(number, "a silent source has no later value")
            sources[int(found[1]) - 1] = replace(source, is_silent=True)
        [secret] = self._found["secret"]
        answering = [n for n, source in enumerate(sources) if not source.is_silent]
        beacons = [n for n in answering if sources[n].beacon is not None]
        signatures = [bytes.fromhex(found[1]) for _, found in self._found["signature"]]
        if len(self.values) != len(answering) or len(signatures) != len(beacons):
            raise ProofError(secret[0], "each source needs its value")
        for n, signature in zip(beacons, signatures, strict=True):
            sources[n] = replace(sources[n], signature=signature)
        return tuple(sources)

    def _named(self, name: str, most: int, reason: str) -> Iterator[_Found]:
        """Yield the lines that name one of so many by its number, each at most once, in order."""
        seen = 0
        for number, found in self._found[name]:
            if not seen < int(found[1]) <= most:
                raise ProofError(number, reason)
            seen = int(found[1])
            yield number, found

    def _check_values(self) -> None:
        answering = [source for source in self.sources if not source.is_silent]
        for (number, found), source in zip(self._found["value"], answering, strict=True):
            value = bytes.fromhex(found[1])
            if source.beacon is None:
                if source.used > CHAIN_MAX or not is_in_chain(value, source.used, source.first):
                    raise ProofError(number, "this value is not in the chain of its source")
                continue
            assert source.signature is not None
            if value != value_of(source.signature):
                raise ProofError(number, "this value is not the hash of the round's signature")
            if source.beacon.seconds_at(source.used) <= self._closed():
                raise ProofError(number, "this round was shown before the entries were closed")

    def _closed(self) -> float:
        [(number, found)] = self._found["closed"]
        try:
            return datetime.fromisoformat(found[1]).timestamp()
        except ValueError:
            raise ProofError(number, "there is no such time") from None


# Entries ---------------------------------------------------------------------------------------

# By ticket, in hexadecimal digits: the words of its wishes, the same object for the same words.
_Entries = dict[bytes, bytes]


def _entries(reader: _Reader, sessions: int) -> tuple[_Entries, bytes]:
    """Read the entries; return them and the Merkle root over their lines."""
    entries: _Entries = {}
    tree = GrowingTree()
    tree.extend(_leaves(reader, sessions, entries))
    return entries, tree.root()


def _leaves(reader: _Reader, sessions: int, entries: _Entries) -> Iterator[bytes]:
    """Check the entries one by one, collect them, and yield their lines."""
    last = b""
    alike: dict[bytes, bytes] = {}
    for words in reader.following(b"entry "):
        ticket, wishes = words[:_TICKET_DIGITS], words[_TICKET_DIGITS:]
        if wishes not in alike:
            if _WISHES.fullmatch(wishes) is None:
                return
            entry = _entry_of(wishes)
            choices = set(entry.choices)
            if len(choices) < len(entry.choices) or min(choices) < 1 or max(choices) > sessions:
                raise ProofError(reader.number, "choices are sessions of this draw, each once")
            alike[wishes] = wishes
        if _TICKET.fullmatch(ticket) is None:
            return
        if ticket <= last:
            reason = "entries stand in ascending order of their tickets, once each"
            raise ProofError(reader.number, reason)
        entries[ticket], last = alike[wishes], ticket
        yield reader.raw[:-1]


@lru_cache(_CACHED)
def _entry_of(wishes: bytes) -> DrawEntry:
    """Return an entry with these wishes, which are in their form, and without a ticket."""
    found = _WISHES.fullmatch(wishes)
    assert found is not None
    choices = tuple(map(int, found[2].split(b",")))
    lost = LONG_WAIT_LOSSES if found[3] else 0
    return DrawEntry(b"", int(found[1][:1]), choices, found[1] == b"2s", lost)


# Results ---------------------------------------------------------------------------------------


def _check_results(
    reader: _Reader, heading: _Heading, entries: _Entries, asked: bytes
) -> tuple[int, Result | None]:
    """Check that places were given out in the drawn order, and that nobody was passed over.

    Return how many entries won, and the result of the ticket that is asked for.
    """
    left = {number: session.places_left for number, session in enumerate(heading.sessions, 1)}
    share = long_waits_share(sum(left.values()), heading.long_waits_percent)
    order = _Order(entries, heading.seed, share)
    won = 0
    found: Result | None = None
    agreed: set[tuple[bytes, bytes]] = set()  # wishes and outcomes, until a place is taken
    for words in reader.following(b"result "):
        position, _, rest = words.partition(b" ")
        ticket, outcome = rest[:_TICKET_DIGITS], rest[_TICKET_DIGITS:]
        wishes = entries.get(ticket)
        if wishes is None:
            if _TICKET.fullmatch(ticket) is None or _result_of(outcome) is None:
                break
            raise ProofError(reader.number, "a result for a ticket that has no entry")
        is_agreed = (wishes, outcome) in agreed
        result = None if is_agreed else _result_of(outcome)
        if result is None and not is_agreed:
            break
        if not order.is_next(ticket) or position != b"%d" % order.position:
            raise ProofError(reader.number, "this position belongs to another ticket by the seed")
        if result is not None:
            if _takes(reader.number, wishes, result, left):
                won += 1
                agreed.clear()
            else:
                agreed.add((wishes, outcome))
        if ticket == asked and (result := _result_of(outcome)) is not None:
            found = replace(result, position=order.position)
    if order.position < len(entries) and reader.raw.startswith(b"end "):
        raise ProofError(reader.number, "each entry needs its result")
    return won, found


class _Order:
    """The order of the draw: long waits for their share of the places, then by the seed.

    Its keys ascend; so each of as many tickets as there are entries stands once, in its place.
    """

    def __init__(self, entries: _Entries, seed: bytes, share: int) -> None:
        self.position = 0
        self._seed = seed
        self._last = b""
        waiting = [ticket for ticket, wishes in entries.items() if wishes.endswith(b" wait")]
        waiting.sort(key=lambda ticket: sha256(seed + unhexlify(ticket)).digest())
        known = [_entry_of(entries[ticket]) for ticket in waiting]
        self._first = [waiting[index] for index in long_waits(known, range(len(known)), share)]
        self._before = frozenset(self._first)

    def is_next(self, ticket: bytes) -> bool:
        """Go to the next position; return whether it is this ticket's."""
        self.position += 1
        if self.position <= len(self._first):
            return ticket == self._first[self.position - 1]
        key = sha256(self._seed + unhexlify(ticket)).digest()
        is_later = key > self._last
        self._last = key
        return is_later and ticket not in self._before


@lru_cache(_CACHED)
def _result_of(outcome: bytes) -> Result | None:
    """Return a result without its position, as its line says; None if that is none."""
    found = _OUTCOME.fullmatch(outcome)
    if found is None:
        return None
    if found[4] is not None:
        return Skipped(0, _words(found[4]))
    patients = tuple(int(patient) - 1 for patient in found[2].split(b","))
    return Won(0, int(found[1]), patients, _words(found[3]))


def _words(text: bytes) -> tuple[str, ...]:
    return tuple(text.decode("ascii").split())


def _takes(line: int, wishes: bytes, result: Result, left: dict[int, int]) -> bool:
    """Check a result, and take its places from those that are left; return whether it has any."""
    fault = next(_faults(wishes, result, left), None)
    if fault is not None:
        raise ProofError(line, fault)
    if isinstance(result, Won):
        left[result.session] -= len(result.patients)
    return isinstance(result, Won)


def _faults(wishes: bytes, result: Result, left: dict[int, int]) -> Iterator[str]:
    """Yield what is wrong with one result, when so many places were left."""
    entry = _entry_of(wishes)
    needed = places_needed(entry)
    passed: Sequence[int] = entry.choices
    if isinstance(result, Won):
        if result.session not in entry.choices:
            yield "the session was not chosen"
            return
        passed = entry.choices[: entry.choices.index(result.session)]
        if len(result.patients) > left[result.session]:
            yield "the session had no such place left"
        if max(result.patients) >= entry.size or len(result.patients) < needed:
            yield "places for other patients than the entry's"
    if len(result.reasons) != len(passed):
        yield "each choice that was passed over needs its reason"
    for choice, reason in zip(passed, result.reasons, strict=False):
        if (reason == FULL) != (left[choice] < needed):
            yield f"session {choice} had {left[choice]} places left"


def _check_end(reader: _Reader) -> None:
    """Check the last line: the digest of all above it."""
    if re.fullmatch(f"end {_HASH}", reader.line, re.ASCII) is None:
        raise ProofError(reader.number, "expected a line “end …”, in its form")
    if f"{reader.line}\n" != end_line(reader.above.hexdigest()):
        raise ProofError(reader.number, "the digest is not that of the lines above")
    reader.advance()
    if reader.raw:
        raise ProofError(reader.number, "the file goes on after its end")
