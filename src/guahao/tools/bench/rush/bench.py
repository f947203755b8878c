"""Measure what bots win at releases: with personal release moments, and without as the control.

Each release has people and bots of its own, so that the limits per person stop nobody. The figure
is the bots' share of the places divided by their share of the identities: 1 is what everybody
has; RULES.md (Fair release) asks for at most 1.1, and for more than 3 without personal moments.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import sqrt

import uvloop
from rich.console import Console
from rich.table import Table

from guahao.flows.kernel.platform import Platform
from guahao.tools.bench import queries as city
from guahao.tools.bench.city import open_bench
from guahao.tools.bench.http import Issue
from guahao.tools.bench.measured import percentile
from guahao.tools.bench.rush import queries
from guahao.tools.bench.rush.contestants import (
    PATIENCE_SECONDS,
    ConnectionPool,
    Contest,
    Tally,
    person,
    punctual_bot,
)
from guahao.tools.bench.rush.hammering import hammer
from guahao.tools.bench.serving import web_servers
from guahao.tools.scratch import analyze, scratch_database

AT_MOST, CONTROL_ABOVE = 1.1, 3.0
PLACES_ASKED = 8_100
_PROCESSES = 2
_RATE_REACHED = 0.95  # of the rate asked, below which the figures hold for fewer requests only
_PLACES_SHARE = 9 / 35  # of a session, of all who want one: 276 for 1,075
_LEAD_SECONDS = 3.0  # from the preparation of a release to its moment


@dataclass(frozen=True, slots=True)
class Form:
    """How large the bench is. Bounded, so that it always ends.

    `bots` send all the time, `punctual` bots are added to them.
    """

    bots: int = 50
    punctual: int = 25
    rate: int = 100
    persons: int = 1_000
    releases: int = 10

    @property
    def everybody(self) -> int:
        """Return the identities of a release."""
        return self.bots + self.punctual + self.persons

    @property
    def places(self) -> int:
        """Return the places of a session."""
        return max(round(self.everybody * _PLACES_SHARE), 1)


class OversoldError(Exception):
    """A place was given out twice, or to nobody though many wanted it: a bug was found."""


@dataclass(slots=True)
class Arm:
    """What came of all releases, with or without personal moments."""

    personal: bool
    form: Form
    places: int = 0
    won: Counter[str] = field(default_factory=Counter)  # by kind: person, hammering, punctual
    people: Tally = field(default_factory=Tally)
    bots: Tally = field(default_factory=Tally)

    @property
    def bots_ratio(self) -> float:
        """Return the share of places over the share of identities, of all bots."""
        return self.ratio("hammering", "punctual")

    def ratio(self, *kinds: str) -> float:
        """Return the share of places over the share of identities, of these kinds."""
        identities = sum(_identities(self.form)[kind] for kind in kinds)
        if not identities or not self.places:
            return 0.0
        won = sum(self.won[kind] for kind in kinds)
        return (won / self.places) / (identities / self.form.everybody)

    def chance(self, kind: str) -> float:
        """Return the standard deviation of a kind's ratio, where all are treated alike."""
        wishes = 3 * self.form.releases * _identities(self.form)[kind]
        share = self.form.places / self.form.everybody
        return sqrt((1 - share) / (share * wishes)) if wishes else 0.0

    @property
    def rate_reached(self) -> float:
        """Return the requests a second that a hammering bot has sent."""
        return self.bots.hammered / self.bots.seconds if self.bots.seconds else 0.0


def _identities(form: Form) -> dict[str, int]:
    return {"person": form.persons, "hammering": form.bots, "punctual": form.punctual}


def run(server_url: str, issuer: Issue, form: Form, console: Console) -> bool:
    """Run both arms and print them; return whether both are as RULES.md asks."""
    arms = []
    for personal in (True, False):
        with scratch_database(server_url) as url:
            arms.append(uvloop.run(measure(url, issuer, form, console, personal=personal)))
    show(console, arms)
    with_moments, control = arms
    # Bots that hammer may win nothing, which must not hide what punctual bots win.
    punctual = with_moments.ratio("punctual") - 3 * with_moments.chance("punctual")
    return max(with_moments.bots_ratio, punctual) <= AT_MOST < CONTROL_ABOVE < control.bots_ratio


async def measure(url: str, issuer: Issue, form: Form, console: Console, *, personal: bool) -> Arm:
    """Run every release of an arm, on a database of its own and at two web processes."""
    arm = Arm(personal, form)
    everybody = form.everybody * form.releases
    async with open_bench(url, connections=2) as platform:
        with console.status(f"Filling a scratch database with {everybody:,} people and bots ..."):
            async with platform.db.transaction() as tx:
                await city.found_people(tx, everybody)
                await city.add_persons(tx, platform.vault, everybody)
                await queries.check_persons(tx)
                if not personal:
                    await queries.switch_off(tx)
            analyze(url)
        with web_servers(url, _PROCESSES) as web:
            ports = [port for port, _ in web]
            for number in range(form.releases):
                word = "with" if personal else "without"
                told = f"Release {number + 1} of {form.releases}, {word} personal moments ..."
                with console.status(told):
                    await _release(platform, ports, issuer, arm, number)
    return arm


async def _release(
    platform: Platform, ports: Sequence[int], issuer: Issue, arm: Arm, number: int
) -> None:
    form, clock = arm.form, platform.db.clock
    at = clock() + timedelta(seconds=_LEAD_SECONDS)
    async with platform.db.transaction() as tx:
        release = await queries.prepare(tx, number, at, form.places)
    # A connection for each wish: else people would wait for one another.
    pool = ConnectionPool(ports, len(release.sessions) * (form.persons + form.punctual))
    contest = Contest(release, pool, issuer(platform), clock, form.rate, arm.people, arm.bots)
    first = number * form.everybody + 1
    kinds = {first + n: kind for n, kind in enumerate(Counter(_identities(form)).elements())}
    # The same people come at the same times in both arms.
    chance = random.Random(number)
    coming = [hammer(contest, [who for who in kinds if kinds[who] == "hammering"], ports)]
    for who, kind in kinds.items():
        if kind == "person":
            coming.append(person(contest, who, random.Random(chance.random())))
        elif kind == "punctual":
            coming.append(punctual_bot(contest, who))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS + 30):
            await asyncio.gather(*coming)
    finally:
        pool.close()
    async with platform.db.transaction() as tx:
        held = await queries.holders(tx, release.sessions)
    for session, persons in held.items():
        if len(persons) != release.places or len(set(persons)) != release.places:
            raise OversoldError(f"session {session}: {len(persons)} of {release.places} places")
        arm.places += len(persons)
        arm.won.update(kinds[who] for who in persons)


def show(console: Console, arms: Sequence[Arm]) -> None:
    """Print both arms and what was reached of the load."""
    form = arms[0].form
    table = Table(
        title=f"{form.persons:,} people, {form.bots} bots at {form.rate} requests/s and"
        f" {form.punctual} punctual bots at each of {form.releases} releases of 3 sessions with"
        f" {form.places} places"
    )
    headings = ("moments", "places", "bots", "hammering", "punctual", "people", "reached")
    for heading in headings:
        table.add_column(heading, justify="right")
    for arm in arms:
        table.add_row(
            "on" if arm.personal else "off (control)",
            f"{arm.places:,}",
            f"{arm.bots_ratio:.2f}",
            f"{arm.ratio('hammering'):.2f}",
            f"{arm.ratio('punctual'):.2f}",
            f"{arm.ratio('person'):.2f}",
            f"{arm.rate_reached:,.1f} of {form.rate}/s",
        )
    console.print(table)
    console.print(
        "Each figure: share of the places ÷ share of the identities. Hammering bots send all the"
        " time, punctual ones at the release and from their moments on."
    )
    for arm in arms:
        name = "on" if arm.personal else "off"
        waits = sorted(arm.people.waits)
        console.print(
            f"{name}: people waited {percentile(waits, 0.5):,.0f} ms (median) and"
            f" {percentile(waits, 0.99):,.0f} ms (p99) for an answer"
        )
        console.print(f"{name}: people heard {_counted(arm.people)}; bots {_counted(arm.bots)}")
        if form.bots and arm.rate_reached < _RATE_REACHED * form.rate:
            console.print(
                f"[bold red]{name}: the bots sent {arm.rate_reached:,.1f} of {form.rate} requests/s"
                " each. This machine is too slow or too busy: the figures hold for the lower rate."
                " Run it again on a quiet machine, or with fewer bots.[/]"
            )
    console.print(
        f"Asked: at most {AT_MOST} with personal moments, more than {CONTROL_ABOVE:.0f} without;"
        f" and {PLACES_ASKED:,} places, so that chance moves the figure by 5 % only."
        f" Of punctual bots alone, chance moves it by {arms[0].chance('punctual'):.2f}; three times"
        " that is allowed them."
    )


def _counted(tally: Tally) -> str:
    return ", ".join(f"{said} {times:,}" for said, times in tally.answers.most_common())
