"""The proof of a draw: one plain text file that anybody can check, offline and alone.

    guahao-draw 1
    draw 17                                  its number
    rules 1                                  version of the rules of drawing
    opened 2026-12-01T08:00:00+08:00
    commitment …                             SHA-256 of the operator's secret
    source … 41                              an outside hash chain: its first value, and which
                                             value of it is used (no, one or several lines)
    closed 2026-12-02T20:00:00+08:00
    long-waits 20                            percent of the places for entries that lost before
    entries 2
    root …                                   Merkle root (RFC 9162) over the entry lines
    session 1 90217 3                        its number here, its id, its places
    less 1 2                                 an amendment: places after a stop or reduction
    later 1 43                               source 1 did not answer in time: a later value
    silent 2                                 source 2 gave none at all
    secret …                                 revealed
    value …                                  of each source that gave one
    seed …                                   from draw, root, secret and values
    entry <ticket> 1 1,2                     ascending by ticket; size and choices; "2s": two
    entry <ticket> 2s 1 wait                 who take one place as well; "wait": lost before
    result 1 <ticket> won 1 1,2              position, session, which patients
    result 2 <ticket> skipped full           or why not, for each choice in their order
    end …                                    SHA-256 of everything above

Values are lower-case hexadecimal digits. Reasons other than `full` come from rules about persons
(limits, suspension), which the file cannot show; all else is recomputed by `verify`.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from guahao.rules.fairness import merkle
from guahao.rules.fairness.allocating import (
    FULL,
    LONG_WAIT_LOSSES,
    Entry,
    Result,
    Skipped,
    Won,
    with_long_waits_first,
)
from guahao.rules.fairness.drawing import commitment_to, is_in_chain, order_of, seed_of

_HASH = r"[0-9a-f]{64}"
_TICKET = r"[0-9a-f]{32}"
_NUMBER = r"(?:0|[1-9][0-9]{0,11})"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00"
_LIST = rf"{_NUMBER}(?:,{_NUMBER})*"
_REASON = r"[a-z_]{1,40}"
_WON = f"won ({_NUMBER}) (1|2|1,2)((?: {_REASON})*)"
_SKIPPED = f"skipped((?: {_REASON})+)"
INDEX_MAX = 1_000_000  # hashes that a verifier computes for one source

# Every line of the file in its order, and how often it stands there.
_GRAMMAR: tuple[tuple[str, str, str], ...] = (
    ("guahao-draw", "1", "once"),
    ("draw", rf"({_NUMBER})", "once"),
    ("rules", "1", "once"),
    ("opened", rf"({_TIME})", "once"),
    ("commitment", rf"({_HASH})", "once"),
    ("source", rf"({_HASH}) ({_NUMBER})", "any"),
    ("closed", rf"({_TIME})", "once"),
    ("long-waits", rf"({_NUMBER})", "once"),
    ("entries", rf"({_NUMBER})", "once"),
    ("root", rf"({_HASH})", "once"),
    ("session", rf"({_NUMBER}) ({_NUMBER}) ({_NUMBER})", "any"),
    ("less", rf"({_NUMBER}) ({_NUMBER})", "any"),
    ("later", rf"({_NUMBER}) ({_NUMBER})", "any"),
    ("silent", rf"({_NUMBER})", "any"),
    ("secret", rf"({_HASH})", "once"),
    ("value", rf"({_HASH})", "any"),
    ("seed", rf"({_HASH})", "once"),
    ("entry", rf"({_TICKET}) (1|2s?) ({_LIST})( wait)?", "any"),
    (
        "result",
        f"({_NUMBER}) ({_TICKET}) (?:{_WON}|{_SKIPPED})",
        "any",
    ),
    ("end", rf"({_HASH})", "once"),
)


class Level(StrEnum):
    """Who could have known a draw's result before its entries were closed.

    `operator`: who held the platform's secret. `witnessed`: only the platform and all witnesses
    together.
    """

    OPERATOR = "operator"
    WITNESSED = "witnessed"


@dataclass(frozen=True, slots=True)
class Source:
    """An outside hash chain: its first value, and the number of the value that was announced.

    `later`: the number of the value that was used instead. `is_silent`: it gave no value.
    """

    first: bytes
    index: int
    later: int | None = None
    is_silent: bool = False

    @property
    def used(self) -> int:
        """Return the number of the value that was used."""
        return self.index if self.later is None else self.later


@dataclass(frozen=True, slots=True)
class DrawSession:
    """A session in a draw: its id, its places at closing and at the draw."""

    id: int
    places: int
    places_left: int


@dataclass(frozen=True, slots=True)
class Draw:
    """Everything that a proof says. Sessions are numbered from 1 in their order here."""

    id: int
    opened: str
    closed: str
    sources: tuple[Source, ...]
    long_waits_percent: int
    sessions: tuple[DrawSession, ...]
    secret: bytes
    values: tuple[bytes, ...]  # of the sources that gave one
    entries: tuple[Entry, ...]  # ascending by ticket
    results: dict[int, Result]  # by the index of the entry

    @property
    def level(self) -> Level:
        """Return who could have known the result before the entries were closed."""
        return Level.WITNESSED if self.values else Level.OPERATOR


class ProofError(Exception):
    """The file does not prove what it says; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def entry_line(entry: Entry) -> str:
    """Return an entry as it stands in the file, which is its leaf in the Merkle tree as well."""
    size = f"{entry.size}{'s' if entry.may_split else ''}"
    choices = ",".join(map(str, entry.choices))
    wait = " wait" if entry.lost >= LONG_WAIT_LOSSES else ""
    return f"entry {entry.ticket.hex()} {size} {choices}{wait}"


def root_of(entries: Sequence[Entry]) -> bytes:
    """Return the Merkle root over entries that are in ascending order of their tickets."""
    return merkle.root_of(entry_line(entry).encode() for entry in entries)


def drawn_order(draw: Draw) -> list[int]:
    """Return the indexes of the entries in the order in which they choose."""
    root = root_of(draw.entries)
    seed = seed_of(draw.id, root, draw.secret, draw.values)
    order = order_of(seed, [entry.ticket for entry in draw.entries])
    places = sum(session.places_left for session in draw.sessions)
    return with_long_waits_first(draw.entries, order, places, draw.long_waits_percent)


def write(draw: Draw) -> str:
    """Return the proof of a draw as text; the same draw gives the same bytes."""
    return "".join(written(draw))


def written(draw: Draw) -> Iterator[str]:
    """Yield the proof of a draw line by line, for draws whose text would fill the memory."""
    root = root_of(draw.entries)
    seed = seed_of(draw.id, root, draw.secret, draw.values)
    in_order = sorted(draw.results.items(), key=lambda pair: pair[1].position)
    return _ended(
        itertools.chain(
            first_lines(draw.id),
            opened_lines(draw.opened, commitment_to(draw.secret), draw.sources),
            closed_lines(
                draw.closed, draw.long_waits_percent, len(draw.entries), root, draw.sessions
            ),
            less_lines(draw.sessions),
            revealed_lines(draw.sources, draw.secret, draw.values, seed),
            map(entry_line, draw.entries),
            (result_line(draw.entries[index].ticket, result) for index, result in in_order),
        )
    )


def _ended(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines ended by line feeds, and the last line, which is the digest of them all."""
    digest = sha256()
    for line in lines:
        ended = f"{line}\n"
        digest.update(ended.encode())
        yield ended
    yield end_line(digest.hexdigest())


def end_line(digest: str) -> str:
    """Return the last line of a file."""
    return f"end {digest}\n"


def first_lines(draw_id: int) -> list[str]:
    """Return the first lines of a file."""
    return ["guahao-draw 1", f"draw {draw_id}", "rules 1"]


# The lines of a step are published at that step, in the log (rules/fairness/log.py).


def opened_lines(opened: str, commitment: bytes, sources: Iterable[Source]) -> list[str]:
    """Return what is published when a draw opens."""
    announced = [f"source {source.first.hex()} {source.index}" for source in sources]
    return [f"opened {opened}", f"commitment {commitment.hex()}", *announced]


def closed_lines(
    closed: str, long_waits_percent: int, entries: int, root: bytes, sessions: Iterable[DrawSession]
) -> list[str]:
    """Return what is published when a draw closes."""
    return [
        f"closed {closed}",
        f"long-waits {long_waits_percent}",
        f"entries {entries}",
        f"root {root.hex()}",
        *(f"session {n} {session.id} {session.places}" for n, session in enumerate(sessions, 1)),
    ]


def less_lines(sessions: Iterable[DrawSession]) -> list[str]:
    """Return the amendments: the places that are left of sessions that lost some."""
    return [
        f"less {number} {session.places_left}"
        for number, session in enumerate(sessions, 1)
        if session.places_left != session.places
    ]


def revealed_lines(
    sources: Sequence[Source], secret: bytes, values: Iterable[bytes], seed: bytes
) -> list[str]:
    """Return what is published at the draw."""
    numbered = list(enumerate(sources, 1))
    return [
        *(f"later {n} {source.later}" for n, source in numbered if source.later is not None),
        *(f"silent {n}" for n, source in numbered if source.is_silent),
        f"secret {secret.hex()}",
        *(f"value {value.hex()}" for value in values),
        f"seed {seed.hex()}",
    ]


def result_line(ticket: bytes, result: Result) -> str:
    """Return a result as it stands in the file."""
    outcome = "skipped"
    if isinstance(result, Won):
        patients = ",".join(str(patient + 1) for patient in result.patients)
        outcome = f"won {result.session} {patients}"
    return " ".join(("result", str(result.position), ticket.hex(), outcome, *result.reasons))


def verify(data: bytes) -> Draw:
    """Check a proof and return what it says; raises ProofError at the first line that lies."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProofError(line, "the file holds ASCII characters only") from None
    draw, lines = _read(text)
    _check_lists(draw, lines)
    _check_values(draw, lines)
    _check_results(draw, lines)
    return draw


# Reading ---------------------------------------------------------------------------------------

_Found = tuple[int, re.Match[str]]  # the number of a line, and what was matched


def _read(text: str) -> tuple[Draw, dict[str, list[_Found]]]:
    """Read the file, which must be exactly of its grammar."""
    if not text.endswith("\n"):
        raise ProofError(text.count("\n") + 1, "the file does not end with a line feed")
    rest = deque(enumerate(text[:-1].split("\n"), 1))
    lines: dict[str, list[_Found]] = {name: [] for name, _, _ in _GRAMMAR}
    for name, pattern, times in _GRAMMAR:
        rule = re.compile(f"{name} {pattern}", re.ASCII)
        while rest and (found := rule.fullmatch(rest[0][1])) is not None:
            lines[name].append((rest.popleft()[0], found))
            if times == "once":
                break
        if times == "once" and not lines[name]:
            number = rest[0][0] if rest else text.count("\n")
            raise ProofError(number, f"expected a line “{name} …”, in its form")
    if rest:
        raise ProofError(rest[0][0], "the file goes on after its end")
    digest = sha256(text[: text.rindex("end ")].encode()).hexdigest()
    number, found = lines["end"][0]
    if found[1] != digest:
        raise ProofError(number, "the digest is not that of the lines above")
    return _draw_of(lines), lines


def _draw_of(lines: dict[str, list[_Found]]) -> Draw:
    def only(name: str) -> str:
        return lines[name][0][1][1]

    left = {int(found[1]): int(found[2]) for _, found in lines["less"]}
    sessions = tuple(
        DrawSession(int(found[2]), int(found[3]), left.get(int(found[1]), int(found[3])))
        for _, found in lines["session"]
    )
    entries = tuple(
        Entry(
            bytes.fromhex(found[1]),
            int(found[2][0]),
            tuple(map(int, found[3].split(","))),
            found[2].endswith("s"),
            LONG_WAIT_LOSSES if found[4] else 0,
        )
        for _, found in lines["entry"]
    )
    indexes = {entry.ticket: index for index, entry in enumerate(entries)}
    results: dict[int, Result] = {}
    for number, found in lines["result"]:
        index = indexes.get(bytes.fromhex(found[2]))
        if index is None or index in results:
            raise ProofError(number, "a result for a ticket that has no entry, or a second one")
        if found[3] is None:
            results[index] = Skipped(int(found[1]), tuple(found[6].split()))
            continue
        patients = tuple(int(patient) - 1 for patient in found[4].split(","))
        reasons = tuple(found[5].split())
        results[index] = Won(int(found[1]), int(found[3]), patients, reasons)
    return Draw(
        int(only("draw")),
        only("opened"),
        only("closed"),
        _sources(lines),
        int(only("long-waits")),
        sessions,
        bytes.fromhex(only("secret")),
        tuple(bytes.fromhex(found[1]) for _, found in lines["value"]),
        entries,
        results,
    )


def _sources(lines: dict[str, list[_Found]]) -> tuple[Source, ...]:
    later = {int(found[1]): int(found[2]) for _, found in lines["later"]}
    silent = {int(found[1]) for _, found in lines["silent"]}
    return tuple(
        Source(bytes.fromhex(found[1]), int(found[2]), later.get(n), n in silent)
        for n, (_, found) in enumerate(lines["source"], 1)
    )


# Checking --------------------------------------------------------------------------------------


def _check_lists(draw: Draw, lines: dict[str, list[_Found]]) -> None:
    """Check that sessions, amendments and entries are listed as they must be."""
    sessions = set(range(1, len(draw.sessions) + 1))
    for expected, (number, found) in enumerate(lines["session"], 1):
        if int(found[1]) != expected:
            raise ProofError(number, "sessions are numbered from 1 in their order")
    seen = 0
    for number, found in lines["less"]:
        if not seen < int(found[1]) <= len(draw.sessions):
            raise ProofError(number, "an amendment names a session, each at most once, in order")
        seen = int(found[1])
        if int(found[2]) >= draw.sessions[seen - 1].places:
            raise ProofError(number, "places can only become fewer after closing")
    for (number, _), earlier, later in zip(
        lines["entry"][1:], draw.entries, draw.entries[1:], strict=False
    ):
        if earlier.ticket >= later.ticket:
            raise ProofError(number, "entries stand in ascending order of their tickets, once each")
    for (number, _), entry in zip(lines["entry"], draw.entries, strict=True):
        choices = set(entry.choices)
        if len(choices) < len(entry.choices) or not choices <= sessions:
            raise ProofError(number, "choices are sessions of this draw, each once")


def _check_values(draw: Draw, lines: dict[str, list[_Found]]) -> None:
    """Check what fixes the order: commitment, sources, entries, root and seed."""

    def claim(name: str, value: str | int, reason: str) -> None:
        number, found = lines[name][0]
        if found[1] != str(value):
            raise ProofError(number, reason)

    claim("commitment", commitment_to(draw.secret).hex(), "this is not the hash of the secret")
    _check_sources(draw, lines)
    claim("entries", len(draw.entries), "this is not the number of entries")
    root = root_of(draw.entries)
    claim("root", root.hex(), "this is not the root of the entries")
    claim(
        "seed",
        seed_of(draw.id, root, draw.secret, draw.values).hex(),
        "the seed does not follow from draw, root, secret and values",
    )


def _check_sources(draw: Draw, lines: dict[str, list[_Found]]) -> None:
    """Check the outside values, and those that came later or not at all."""
    for name in ("later", "silent"):
        seen = 0
        for number, found in lines[name]:
            if not seen < int(found[1]) <= len(draw.sources):
                raise ProofError(number, "a source is named by its number, at most once, in order")
            seen = int(found[1])
            source = draw.sources[seen - 1]
            if source.later is not None and (source.is_silent or source.later <= source.index):
                raise ProofError(number, "a later value has a higher number")
    answering = [source for source in draw.sources if not source.is_silent]
    if len(draw.values) != len(answering):
        raise ProofError(lines["secret"][0][0], "each source needs its value")
    for (number, _), source, value in zip(lines["value"], answering, draw.values, strict=True):
        if source.used > INDEX_MAX or not is_in_chain(value, source.used, source.first):
            raise ProofError(number, "this value is not in the chain of its source")


def _check_results(draw: Draw, lines: dict[str, list[_Found]]) -> None:
    """Check that places were given out in the drawn order, and that nobody was passed over."""
    order = drawn_order(draw)
    numbers = [number for number, _ in lines["result"]]
    if len(numbers) != len(order):
        raise ProofError(lines["end"][0][0], "each entry needs its result")
    left = {number: session.places_left for number, session in enumerate(draw.sessions, 1)}
    given = [draw.entries[index].ticket for index in draw.results]
    for position, (index, number) in enumerate(zip(order, numbers, strict=True), 1):
        entry, result = draw.entries[index], draw.results[index]
        if given[position - 1] != entry.ticket or result.position != position:
            raise ProofError(number, "this position belongs to another ticket by the seed")
        fault = next(_faults(entry, result, left), None)
        if fault is not None:
            raise ProofError(number, fault)
        if isinstance(result, Won):
            left[result.session] -= len(result.patients)


def _faults(entry: Entry, result: Result, left: dict[int, int]) -> Iterator[str]:
    """What is wrong with one result, when so many places were left."""
    needed = 1 if entry.may_split else entry.size
    passed = entry.choices
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
