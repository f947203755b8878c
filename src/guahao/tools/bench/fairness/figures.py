"""What simulated seasons counted, and the figures of a mechanism over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(slots=True)
class Tally:
    """Counts of seasons.

    Whenever places are given out, `…_expected` is what those identities would have got if all
    that asked had been treated alike: the places × their number ÷ the number of all.
    """

    bots_won: int = 0  # the scalper's identities, and seekers in whose name it races
    bots_expected: float = 0
    raced_won: int = 0  # the latter alone
    raced_expected: float = 0
    swaps_tried: int = 0
    swaps: int = 0
    drawn_swaps_tried: int = 0
    waiters: int = 0  # entries of the draws in which a swap was tried, one sum over the tries
    web: int = 0  # people without a scalper, whose patience ended within the season
    web_got: int = 0
    phone: int = 0
    phone_got: int = 0


def total(tallies: Sequence[Tally]) -> Tally:
    """Return the sum of several tallies."""
    names = [field.name for field in fields(Tally)]
    return Tally(**{name: sum(getattr(tally, name) for tally in tallies) for name in names})


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a mechanism; shares between 0 and 1, money in yuan and a season."""

    bots_ratio: float
    bots_ratio_error: float  # its standard error, as of a count
    swap_share: float
    swap_share_allowed: float | None  # 2/W in draws
    swap_profit: float  # per identity of the scalper
    race_profit: float
    web_share: float
    phone_share: float

    @classmethod
    def of(cls, tally: Tally, seasons: int, bots: int, price_yuan: int) -> Figures:
        """Return the figures of the summed tally of several seasons."""
        per_identity = price_yuan / (seasons * bots)
        drawn = tally.drawn_swaps_tried
        return cls(
            bots_ratio=tally.bots_won / tally.bots_expected,
            bots_ratio_error=tally.bots_won**0.5 / tally.bots_expected,
            swap_share=tally.swaps / max(tally.swaps_tried, 1),
            swap_share_allowed=2 * drawn / tally.waiters if drawn else None,
            swap_profit=tally.swaps * per_identity,
            race_profit=(tally.raced_won - tally.raced_expected) * per_identity,
            web_share=tally.web_got / tally.web,
            phone_share=tally.phone_got / tally.phone,
        )
