"""The release of a day's places: the race of programs, people and the hotline, or a draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from guahao.rules.fairness.returning import DrawKind, applications_until
from guahao.rules.kernel.limits import CITY_TIME
from guahao.tools.bench.fairness import returning
from guahao.tools.bench.fairness.agents import Buys, Release, Returns
from guahao.tools.bench.fairness.department import Ask
from guahao.tools.bench.fairness.world import World


def release(world: World) -> None:
    """Release the places of the day that now comes into the booking cycle."""
    today = world.now.date()
    visit_date = today + timedelta(days=world.assumed.cycle_days)
    world.department.publish(visit_date)
    if world.mechanism.release is Release.DRAW:
        places = Counter({visit_date: world.assumed.places})
        world.department.kept_back[visit_date] = world.assumed.places
        until = applications_until(DrawKind.RELEASE, world.now)
        returning.draw(world, world.now, places, until)
        return
    asks = [*_asks_of_programs(world, visit_date), *_asks_of_people(world)]
    if world.mechanism.release is Release.PERSONAL_MOMENT:
        asks = _at_personal_moments(world, visit_date, asks)
    winners = world.department.book(visit_date, asks)
    world.give([ask.identity for ask in asks], [(id, visit_date) for id in winners])
    if world.mechanism.returns is Returns.QUEUE:
        _queue_up(world, visit_date, asks)


def call_ends(
    calls: Sequence[datetime], lines: int, length: timedelta, on_hold: timedelta
) -> list[datetime | None]:
    """Return when each of the calls, in their order, reaches an agent; None: gave up waiting."""
    free_from = [datetime.min.replace(tzinfo=CITY_TIME)] * lines
    reached: list[datetime | None] = []
    for called in calls:
        line = min(range(lines), key=free_from.__getitem__)
        answered = max(called, free_from[line])
        if answered - called > on_hold:
            reached.append(None)
            continue
        free_from[line] = answered + length
        reached.append(answered)
    return reached


def _asks_of_programs(world: World, visit_date: date) -> list[Ask]:
    """Return the requests of the scalper's identities that may book, and of those it races for."""
    racing = [id for id in world.holders if world.department.may_book(id, visit_date)]
    racing += world.raced
    return [Ask(world.later(world.bot_delay()), id) for id in racing]


def _asks_of_people(world: World) -> list[Ask]:
    """Return the requests of people at their own pace, on the web and through the hotline."""
    assumed = world.assumed
    asks, callers = [], []
    for seeker in world.seekers.values():
        if seeker.buys is not None or world.random.random() >= assumed.tries_share:
            continue
        if seeker.on_phone:
            callers.append(seeker.id)
        else:
            asks.append(Ask(world.later(world.log_normal(assumed.click)), seeker.id))
    world.random.shuffle(callers)  # all called at the same time
    reached = call_ends(
        [world.now] * len(callers),
        assumed.agents,
        timedelta(minutes=assumed.call_minutes),
        timedelta(minutes=assumed.on_hold_minutes),
    )
    for caller, answered in zip(callers, reached, strict=True):
        if answered is not None:
            typed = timedelta(seconds=world.log_normal(assumed.click))
            asks.append(Ask(answered + typed, caller))
    return asks


def _at_personal_moments(world: World, visit_date: date, asks: Sequence[Ask]) -> list[Ask]:
    """Return the requests at the moment from which each identity may book.

    A program's arrives as fast as it can. A person who asked before sees a countdown.
    """
    moved = []
    for ask in asks:
        opens = world.department.opens_for(ask.identity, visit_date)
        is_program = ask.identity in world.holders or ask.identity in world.raced
        if is_program:
            opens += timedelta(seconds=world.bot_delay())
        elif ask.at < opens:
            seconds = world.log_normal(world.assumed.person_latency)
            if world.mechanism.taps_at_moment:
                seconds += world.log_normal(world.assumed.reaction)
            opens += timedelta(seconds=seconds)
        moved.append(Ask(max(ask.at, opens), ask.identity))
    return moved


def _queue_up(world: World, visit_date: date, asks: Sequence[Ask]) -> None:
    """Let those who found nothing join the waitlist; the scalper's programs are there first."""
    bought = [s.id for s in world.seekers.values() if s.buys is Buys.SWAP]
    ordered = sorted(asks, key=lambda ask: ask.at)
    world.queues[visit_date] = [*bought, *(ask.identity for ask in ordered)]
