"""What was answered, how fast, at which cost; and what must hold between two arms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from guahao.tools.bench.measured import percentile

READS = ("home", "hospital", "week", "week renewed", "open connections")
BOOKINGS = ("people", "bots")
STAFF = ("agents' searches", "pick-ups", "cancels")
KINDS = (*READS, *BOOKINGS, *STAFF)

GOODPUT_KEPT = 0.95
REFUSALS_MS = 100.0
ANSWERED = 0.999
STAFF_MS = 500.0
LOAD_CORES = 0.85  # of the single core that the load can use; from here on it may be late itself


@dataclass(slots=True)
class Kind:
    """The answers to a kind of requests. `good`: what its caller wanted."""

    sent: int = 0
    good: int = 0
    refused: int = 0
    failed: int = 0  # cut off, never answered, or a server error
    seconds: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> float:
        """Return the share of requests that were answered."""
        return 1 - self.failed / self.sent if self.sent else 1.0


@dataclass(slots=True)
class Arm:
    """What came of a release under a multiple of the load."""

    times: int
    seconds: float = 0.0
    places: int = 0
    booked: int = 0
    bots_share: float | None = None  # their share of the places ÷ their share of the identities
    kinds: dict[str, Kind] = field(default_factory=lambda: {name: Kind() for name in KINDS})
    cpu: dict[str, float | None] = field(default_factory=dict)  # seconds, by who used them

    @property
    def goodput(self) -> float:
        """Return the answers a second that gave people and staff what they wanted."""
        wanted = (kind.good for name, kind in self.kinds.items() if name != "bots")
        return sum(wanted) / self.seconds

    @property
    def refusals_p99_ms(self) -> float:
        """Return how long refusals of bookings took."""
        return ms([taken for name in BOOKINGS for taken in self.kinds[name].refusals], 0.99)

    @property
    def load_cores(self) -> float:
        """Return how much of a core the load itself has used."""
        return (self.cpu["load"] or 0.0) / self.seconds


def ms(seconds: Sequence[float], share: float) -> float:
    """Return a percentile in ms; 0 of nothing."""
    return percentile(sorted(seconds), share) if seconds else 0.0


@dataclass(frozen=True, slots=True)
class Law:
    """What must hold, the median of what was found, and whether it holds."""

    name: str
    found: str
    holds: bool


def laws(rounds: Sequence[tuple[Arm, Arm]]) -> list[Law]:
    """Return what must hold of the second arm of each round, against the first."""
    # Nothing served is nothing kept: the first load was more than the machine can do.
    kept = median(
        more.goodput / served.goodput if served.goodput else 0.0 for served, more in rounds
    )
    refusals = median(more.refusals_p99_ms for _, more in rounds)
    found = [
        Law(f"goodput ≥ {GOODPUT_KEPT} × served", f"{kept:.2f} ×", kept >= GOODPUT_KEPT),
        Law(f"refusals p99 < {REFUSALS_MS:.0f} ms", f"{refusals:.0f} ms", refusals < REFUSALS_MS),
    ]
    for name in STAFF:
        kinds = [more.kinds[name] for _, more in rounds]
        answered = median(kind.answered for kind in kinds)
        slowest = median(ms(kind.seconds, 0.99) for kind in kinds)
        found.append(
            Law(
                f"{name}: ≥ {ANSWERED:.1%} answered, p99 < {STAFF_MS:.0f} ms",
                f"{answered:.2%}, {slowest:.0f} ms",
                answered >= ANSWERED and slowest < STAFF_MS,
            )
        )
    return found
