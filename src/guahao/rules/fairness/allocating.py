"""Who gets which place: random serial dictatorship under the rules of booking.

Each entry in the order of the draw gets its best choice that still has places and that every rule
allows to each of its patients; otherwise it is skipped, with a reason for each choice. Nobody can
gain by ranking other than as they wish, or by entering more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FULL: Final = "full"
LONG_WAIT_LOSSES = 5  # days with a lost draw, after which an entry comes before the others
LONG_WAIT_PERCENT = 20  # of all places, at most


@dataclass(frozen=True, slots=True)
class DrawEntry:
    """One application in a draw: one position, however many patients.

    `choices`: the numbers of sessions, the best first. `size`: its patients, 1 or 2.
    `may_split`: of two patients one may be booked alone. `lost`: days with a draw lost before.
    """

    ticket: bytes
    size: int
    choices: tuple[int, ...]
    may_split: bool = False
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Won:
    """The session, and which patients (by their position in the entry) got a place in it.

    `reasons`: why each better choice was passed over.
    """

    position: int
    session: int
    patients: tuple[int, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing was left that the rules allow: the reason for each choice, in their order."""

    position: int
    reasons: tuple[str, ...]


Result = Won | Skipped

# Why a patient of an entry cannot have a place in a session, or None. Asked before each place is
# given out, so that it sees what the draw has given before.
Check = Callable[[int, int, int], str | None]  # (index of the entry, its patient, session)


def with_long_waits_first(
    entries: Sequence[DrawEntry],
    order: Sequence[int],
    places: int,
    percent: int = LONG_WAIT_PERCENT,
) -> list[int]:
    """Return the order with the entries first that have lost on five days, for their share.

    Of the places that are drawn at most `percent` go by this; further long waits keep their
    position. 0 switches it off.
    """
    first = long_waits(entries, order, long_waits_share(places, percent))
    before = set(first)
    return [*first, *(index for index in order if index not in before)]


def long_waits_share(places: int, percent: int) -> int:
    """Return how many of the places go to long waits first."""
    return places * percent // 100


def long_waits(entries: Sequence[DrawEntry], order: Iterable[int], share: int) -> list[int]:
    """Return the entries that come before the order of the draw, for at most so many places."""
    first = []
    for index in order:
        if entries[index].lost >= LONG_WAIT_LOSSES and entries[index].size <= share:
            first.append(index)
            share -= entries[index].size
    return first


def allocate(
    entries: Sequence[DrawEntry], order: Sequence[int], places: Mapping[int, int], check: Check
) -> dict[int, Result]:
    """Return the result of each entry by its index.

    `order`: the indexes of all entries, each once. `places`: by session.
    """
    return dict(allotted(entries, order, dict(places), check))


def allotted(
    entries: Sequence[DrawEntry],
    order: Iterable[int],
    left: dict[int, int],
    check: Check,
    *,
    first_position: int = 1,
) -> Iterator[tuple[int, Result]]:
    """Yield the index and the result of each entry, taking its places from `left`.

    The next entry is checked only when the caller asks for it, so that it sees what became of the
    one before. `order`: all entries, or the rest after an earlier run, from `first_position` on.
    """
    alike: dict[tuple[str, ...], tuple[str, ...]] = {}  # equal reasons are one object
    for position, index in enumerate(order, first_position):
        entry = entries[index]
        needed = places_needed(entry)
        reasons: list[str] = []
        for session in entry.choices:
            if left.get(session, 0) < needed:
                reasons.append(FULL)
                continue
            refused = [check(index, patient, session) for patient in range(entry.size)]
            allowed = tuple(patient for patient, reason in enumerate(refused) if reason is None)
            if len(allowed) < needed:
                reasons.append(next(reason for reason in refused if reason is not None))
                continue
            patients = allowed[: left[session]]
            left[session] -= len(patients)
            yield index, Won(position, session, patients, tuple(reasons))
            break
        else:
            passed_over = tuple(reasons)
            yield index, Skipped(position, alike.setdefault(passed_over, passed_over))


def places_needed(entry: DrawEntry) -> int:
    """Return how many places a session must have left for an entry."""
    return 1 if entry.may_split else entry.size


def may_win(entry: DrawEntry, left: Mapping[int, int]) -> bool:
    """Return whether a choice of the entry has places left: if not, no rule need be asked."""
    needed = places_needed(entry)
    return any(left.get(session, 0) >= needed for session in entry.choices)
