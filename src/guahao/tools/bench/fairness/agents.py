"""Who asks for places in the simulation, what is assumed of them, and how places are given out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Release(StrEnum):
    """How new places are given out."""

    FIRST_COME = "first come"
    PERSONAL_MOMENT = "personal release moment"
    DRAW = "draw"


class Returns(StrEnum):
    """What becomes of a returned place. The first three are rejected and exist only here."""

    AT_ONCE = "at once"
    HIDDEN = "after a hidden random time"
    QUEUE = "to the head of a waitlist"
    DRAWS = "draws"


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A way of giving out new and returned places.

    `taps_at_moment`: a person's page counts down to the personal release moment, and the person
    taps then; otherwise the page sends by itself what the person asked for before.
    """

    name: str
    chinese: str
    release: Release
    returns: Returns
    taps_at_moment: bool = False


MECHANISMS = (
    Mechanism(
        "first come, returned at once", "先到先得，退号即放", Release.FIRST_COME, Returns.AT_ONCE
    ),
    Mechanism(
        "+ returned after a hidden random time",
        "＋退号随机延时放出",
        Release.FIRST_COME,
        Returns.HIDDEN,
    ),
    Mechanism(
        "+ first-in-first-out waitlist", "＋按先后排队候补", Release.FIRST_COME, Returns.QUEUE
    ),
    Mechanism(
        "first come + draws of returned places",
        "先到先得＋退号抽签",
        Release.FIRST_COME,
        Returns.DRAWS,
    ),
    Mechanism(
        "personal moment, by tap + draws of returned places",
        "个人放号时刻（到时点一下）＋退号抽签",
        Release.PERSONAL_MOMENT,
        Returns.DRAWS,
        taps_at_moment=True,
    ),
    Mechanism(
        "personal moment, sent by the page + draws of returned places",
        "个人放号时刻（页面到时自动提交）＋退号抽签",
        Release.PERSONAL_MOMENT,
        Returns.DRAWS,
    ),
    Mechanism(
        "draw at release + draws of returned places",
        "放号抽签＋退号抽签",
        Release.DRAW,
        Returns.DRAWS,
    ),
)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Everything that is assumed and not decided by a rule. Seconds unless the name says else."""

    days: int = 90
    places: int = 40  # a day
    seekers: int = 120  # new ones a day
    phone_share: float = 0.25
    bots: int = 50  # identities of the scalper
    buyers_share: float = 0.2  # of the new seekers; half buy a swap, half are raced for
    price_yuan: int = 300
    patience_days: tuple[int, int] = (7, 14)
    cycle_days: int = 7  # from the release to the visit
    tries_share: float = 0.8  # of the people on the web who are there at a day's release
    click: tuple[float, float] = (4.0, 0.7)  # a person's first tap: log-normal median and sigma
    reaction: tuple[float, float] = (0.4, 0.3)  # a person's tap when a countdown ends
    person_latency: tuple[float, float] = (0.06, 0.5)
    bot_latency: tuple[float, float] = (0.005, 0.05)  # from, to
    poll_interval: float = 0.1
    looks_a_day: int = 8  # each a minute long, the page loaded again every five seconds
    loads_a_look: int = 12
    cancels_share: float = 0.08  # of the people with a place
    hidden_minutes: int = 30  # at most
    agents: int = 3  # of the hotline, for this department
    call_minutes: float = 5
    on_hold_minutes: float = 15  # after which a caller gives up for the day


class Buys(StrEnum):
    """What a seeker pays the scalper for."""

    SWAP = "swap"  # a place that the scalper holds
    RACE = "race"  # to be faster in the seeker's own name


@dataclass(slots=True)
class Seeker:
    """A person who wants any visit in the department until `leaves`."""

    id: int
    on_phone: bool
    buys: Buys | None
    arrived: datetime
    applied: datetime  # with those who call later: once an agent has typed it in
    leaves: date
    lost: int = 0  # days with a lost draw
    lost_on: date | None = None


@dataclass(slots=True)
class Holder:
    """An identity of the scalper, and the dates of the places that it holds."""

    id: int
    lost: int = 0
    lost_on: date | None = None
    holds: list[date] = field(default_factory=list)
