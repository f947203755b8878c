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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.fairness.allocating import (
    LONG_WAIT_LOSSES,
    DrawEntry,
)
from guahao.rules.fairness.beacon import Beacon


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


def level_of(sources: Iterable[Source]) -> Level:
    """Return who could have known the result of a drawn draw with these sources beforehand."""
    answering = [source for source in sources if not source.is_silent]
    if any(source.beacon is not None for source in answering):
        return Level.BEACON
    return Level.WITNESSED if answering else Level.OPERATOR


def entry_line(entry: DrawEntry) -> str:
    """Return an entry as it stands in the file, which is its leaf in the Merkle tree as well."""
    size = f"{entry.size}{'s' if entry.may_split else ''}"
    choices = ",".join(map(str, entry.choices))
    wait = " wait" if entry.lost >= LONG_WAIT_LOSSES else ""
    return f"entry {entry.ticket.hex()} {size} {choices}{wait}"


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
