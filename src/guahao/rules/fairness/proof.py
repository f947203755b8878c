"""The proof of a draw: one plain text file that anybody can check, offline and alone.

    guahao-draw 1
    draw 17                                  its number
    rules 1                                  version of the rules of drawing
    opened 2026-12-01T08:00:00+08:00
    commitment …                             SHA-256 of the operator's secret
    source … 41                              an outside hash chain: its first value, and which
                                             value of it is used (no, one or several lines)
    beacon … 6209412 3 1692803367 … … quicknet   a chain of drand: its hash, the round that is used,
                                             period, first moment, key, group and name
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
    signature …                              of the round of each beacon that gave a value
    seed …                                   from draw, root, secret and values
    entry <ticket> 1 1,2                     ascending by ticket; size and choices; "2s": two
    entry <ticket> 2s 1 wait                 who take one place as well; "wait": lost before
    result 1 <ticket> won 1 1,2              position, session, which patients
    result 2 <ticket> skipped full           or why not, for each choice in their order
    end …                                    SHA-256 of everything above

Values are lower-case hexadecimal digits. Reasons other than `full` come from rules about persons
(limits, suspension), which the file cannot show; all else is recomputed in verifying.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from guahao.rules.fairness import merkle
from guahao.rules.fairness.allocating import (
    LONG_WAIT_LOSSES,
    Entry,
    Result,
    Won,
    with_long_waits_first,
)
from guahao.rules.fairness.beacon import Beacon
from guahao.rules.fairness.drawing import commitment_to, order_of, seed_of


class Level(StrEnum):
    """Who could have known a draw's result before its entries were closed.

    `operator`: who held the platform's secret. `witnessed`: only the platform and all witnesses
    together. `beacon`: only the platform, all witnesses, and enough members of drand's network to
    sign, together.
    """

    OPERATOR = "operator"
    WITNESSED = "witnessed"
    BEACON = "beacon"


@dataclass(frozen=True, slots=True)
class Source:
    """An outside hash chain: its first value, and the number of the value that was announced.

    `later`: the number of the value that was used instead. `is_silent`: it gave no value.
    Of a beacon `first` is the hash of its chain, the number is a round, and `signature` the one
    that the round's value follows from, once it is known.
    """

    first: bytes
    index: int
    later: int | None = None
    is_silent: bool = False
    beacon: Beacon | None = None
    signature: bytes | None = None

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
        return level_of(self.sources)


def level_of(sources: Iterable[Source]) -> Level:
    """Return who could have known the result of a drawn draw with these sources beforehand."""
    answering = [source for source in sources if not source.is_silent]
    if any(source.beacon is not None for source in answering):
        return Level.BEACON
    return Level.WITNESSED if answering else Level.OPERATOR


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
    return [f"opened {opened}", f"commitment {commitment.hex()}", *map(_announced, sources)]


def _announced(source: Source) -> str:
    beacon = source.beacon
    if beacon is None:
        return f"source {source.first.hex()} {source.index}"
    return f"beacon {beacon.chain.hex()} {source.index} {beacon.words}"


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
        *(f"signature {s.signature.hex()}" for s in sources if s.signature is not None),
        f"seed {seed.hex()}",
    ]


def result_line(ticket: bytes, result: Result) -> str:
    """Return a result as it stands in the file."""
    outcome = "skipped"
    if isinstance(result, Won):
        patients = ",".join(str(patient + 1) for patient in result.patients)
        outcome = f"won {result.session} {patients}"
    return " ".join(("result", str(result.position), ticket.hex(), outcome, *result.reasons))
