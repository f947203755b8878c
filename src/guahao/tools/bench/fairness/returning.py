"""What becomes of a returned place, under each mechanism."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import assert_never

from guahao.rules.fairness.allocating import DrawEntry, Skipped, Won
from guahao.rules.fairness.drawing import TICKET_BYTES, seed_of
from guahao.rules.fairness.returning import (
    DrawKind,
    Fate,
    ReleaseMode,
    ReturnFacts,
    applications_until,
    returned,
)
from guahao.tools.bench.fairness.agents import Holder, Release, Returns, Seeker
from guahao.tools.bench.fairness.department import Ask
from guahao.tools.bench.fairness.world import World

_LOOKING_SECONDS = 15 * 3600  # people look between 7 and 22


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many entered a draw, and who won on each date, in the order of the draw."""

    entered: int
    winners: Mapping[date, Sequence[int]]


def give_back(world: World, visit_date: date, buyer: int | None = None) -> None:
    """Let a place that was just cancelled go its way; `buyer`: for whom the scalper did it."""
    match world.mechanism.returns:
        case Returns.AT_ONCE:
            _open(world, visit_date, buyer, is_known=buyer is not None)
        case Returns.HIDDEN:
            seconds = world.random.uniform(0, 60 * world.assumed.hidden_minutes)
            world.at(
                world.later(seconds),
                partial(_open, world, visit_date, buyer, is_known=False),
            )
        case Returns.QUEUE:
            _to_the_head(world, visit_date, buyer)
        case Returns.DRAWS:
            _hold(world, visit_date, buyer)
        case _ as unknown:
            assert_never(unknown)


def draw(world: World, at: datetime, places: Counter[date], applied_until: datetime) -> Drawn:
    """Draw places among all who applied in time, and hand them out."""
    applicants: list[Seeker | Holder] = [
        seeker for seeker in world.seekers.values() if seeker.applied <= applied_until
    ]
    everything = tuple(day.toordinal() for day in sorted(places))
    choices = [everything] * len(applicants)
    for holder in world.holders.values():
        # An application that no rule lets win is not counted among those that wait.
        allowed = tuple(
            day.toordinal() for day in sorted(places) if world.department.may_book(holder.id, day)
        )
        if allowed:
            applicants.append(holder)
            choices.append(allowed)
    tickets = world.random.randbytes(TICKET_BYTES * len(applicants))
    entries = [
        DrawEntry(
            tickets[TICKET_BYTES * n : TICKET_BYTES * (n + 1)], 1, choices[n], False, who.lost
        )
        for n, who in enumerate(applicants)
    ]
    identities = [applicant.id for applicant in applicants]
    # The root is drawn like the secret: which of both is which decides nothing about chances.
    root, secret = world.random.randbytes(32), world.random.randbytes(32)
    seed = seed_of(next(world.draw_ids), root, secret, [])
    results = world.department.draw(seed, identities, entries, places, at)
    for index, result in results.items():
        applicant = applicants[index]
        if isinstance(result, Skipped) and applicant.lost_on != at.date():
            applicant.lost, applicant.lost_on = applicant.lost + 1, at.date()
    won = sorted(
        (result.position, identities[index], date.fromordinal(result.session))
        for index, result in results.items()
        if isinstance(result, Won)
    )
    world.give(identities, [(id, visit_date) for _, id, visit_date in won])
    winners = {day: [id for _, id, visit_date in won if visit_date == day] for day in places}
    return Drawn(len(identities), winners)


def _open(world: World, visit_date: date, buyer: int | None, *, is_known: bool) -> None:
    """Make a place bookable: the scalper's program and the next person who looks race for it.

    `is_known`: the program knows the moment, because the scalper made the place free.
    """
    assumed, department = world.assumed, world.department
    department.kept_back[visit_date] -= 1
    delay = world.bot_delay()
    if not is_known:
        delay += world.random.uniform(0, assumed.poll_interval)
    asked: list[int] = []
    if buyer in world.seekers:
        wanted = [buyer]
    else:
        holders = [id for id in world.holders if department.may_book(id, visit_date)]
        wanted = [*world.raced, *holders]
        asked = [*world.web, *wanted]
    asks = [Ask(world.later(delay), id) for id in wanted[:1]]
    if world.web:
        loads = len(world.web) * assumed.looks_a_day * assumed.loads_a_look / _LOOKING_SECONDS
        looked = world.later(world.random.expovariate(loads))
        asks.append(Ask(looked, world.random.choice(list(world.web))))
    winners = department.book(visit_date, asks)
    if buyer is not None:
        _count_swap(world, succeeded=buyer in winners)
    # Where the scalper passes a place on, its own win was counted before.
    world.give(asked, [(id, visit_date) for id in winners])


def _to_the_head(world: World, visit_date: date, buyer: int | None) -> None:
    """Give a place to the first of the waitlist who still waits."""
    queue = [id for id in world.queues.get(visit_date, []) if id in world.seekers]
    world.queues[visit_date] = queue
    if not queue:
        _open(world, visit_date, buyer, is_known=buyer is not None)
        return
    world.department.kept_back[visit_date] -= 1
    winners = world.department.book(visit_date, [Ask(world.now, queue[0])])
    if buyer is not None:
        _count_swap(world, succeeded=buyer in winners)
    asked = () if buyer is not None else queue
    world.give(asked, [(id, visit_date) for id in winners])


def _hold(world: World, visit_date: date, buyer: int | None) -> None:
    """Keep a place for the next draw, as the platform's rule says."""
    by_draw = world.mechanism.release is Release.DRAW
    mode = ReleaseMode.DRAW if by_draw else ReleaseMode.FIRST_COME
    was_full = world.department.free(visit_date) <= 0
    released_at = world.department.released_at(visit_date)
    decided = returned(ReturnFacts(visit_date, mode, was_full, released_at), world.now)
    if decided.fate is Fate.FREE:
        _open(world, visit_date, buyer, is_known=buyer is not None)
    elif decided.draw_at is not None:
        if decided.draw_at not in world.held:
            world.held[decided.draw_at] = []
            world.at(decided.draw_at, partial(_draw_returned, world, decided.draw_at))
        world.held[decided.draw_at].append((visit_date, buyer))
    elif buyer is not None:  # it went to the hospital's counter
        _count_swap(world, succeeded=False)


def _draw_returned(world: World, at: datetime) -> None:
    held = world.held.pop(at)
    until = applications_until(DrawKind.RETURNED, at)
    drawn = draw(world, at, Counter(day for day, _ in held), until)
    winners = {day: iter(won) for day, won in drawn.winners.items()}
    # The places of a date go to its winners in turn: a swap succeeds where the buyer gets the
    # very place that was cancelled for them, and not another that happened to be drawn with it.
    for visit_date, buyer in held:
        winner = next(winners[visit_date], None)
        if buyer is not None:
            _count_swap(world, succeeded=winner == buyer, waiters=drawn.entered)


def _count_swap(world: World, *, succeeded: bool, waiters: int = 0) -> None:
    if not world.counting:
        return
    world.tally.swaps_tried += 1
    world.tally.swaps += succeeded
    if waiters:
        world.tally.drawn_swaps_tried += 1
        world.tally.waiters += waiters
