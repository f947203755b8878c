"""Write a whole draw as its file, in memory and by the rules alone, to compare and to forge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from guahao.rules.fairness.allocating import DrawEntry, Result, Won, with_long_waits_first
from guahao.rules.fairness.drawing import commitment_to, order_of, seed_of
from guahao.rules.fairness.merkle import GrowingTree
from guahao.rules.fairness.proof import (
    DrawSession,
    Level,
    Source,
    closed_lines,
    end_line,
    entry_line,
    first_lines,
    less_lines,
    level_of,
    opened_lines,
    revealed_lines,
)


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
    entries: tuple[DrawEntry, ...]  # ascending by ticket
    results: dict[int, Result]  # by the index of the entry

    @property
    def level(self) -> Level:
        """Return who could have known the result before the entries were closed."""
        return level_of(self.sources)


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaves, in their order; of no leaves the hash of nothing."""
    tree = GrowingTree()
    tree.extend(leaves)
    return tree.root()


def root_of(entries: Sequence[DrawEntry]) -> bytes:
    """Return the Merkle root over entries that are in ascending order of their tickets."""
    return merkle_root(entry_line(entry).encode() for entry in entries)


def drawn_order(draw: Draw) -> list[int]:
    """Return the indexes of the entries in the order in which they choose."""
    root = root_of(draw.entries)
    seed = seed_of(draw.id, root, draw.secret, draw.values)
    order = order_of(seed, [entry.ticket for entry in draw.entries])
    places = sum(session.places_left for session in draw.sessions)
    return with_long_waits_first(draw.entries, order, places, draw.long_waits_percent)


def write(draw: Draw) -> str:
    """Return the proof of a draw as text; the same draw gives the same bytes."""
    root = root_of(draw.entries)
    seed = seed_of(draw.id, root, draw.secret, draw.values)
    in_order = sorted(draw.results.items(), key=lambda pair: pair[1].position)
    lines = [
        *first_lines(draw.id),
        *opened_lines(draw.opened, commitment_to(draw.secret), draw.sources),
        *closed_lines(draw.closed, draw.long_waits_percent, len(draw.entries), root, draw.sessions),
        *less_lines(draw.sessions),
        *revealed_lines(draw.sources, draw.secret, draw.values, seed),
        *map(entry_line, draw.entries),
        *(result_line(draw.entries[index].ticket, result) for index, result in in_order),
    ]
    text = "".join(f"{line}\n" for line in lines)
    return text + end_line(sha256(text.encode()).hexdigest())


def result_line(ticket: bytes, result: Result) -> str:
    """Return a result as it stands in the file."""
    outcome = "skipped"
    if isinstance(result, Won):
        patients = ",".join(str(patient + 1) for patient in result.patients)
        outcome = f"won {result.session} {patients}"
    return " ".join(("result", str(result.position), ticket.hex(), outcome, *result.reasons))
