"""A season of a department: people come and go, the scalper sells, places are released."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial

from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY
from guahao.tools.bench.fairness.agents import (
    Assumptions,
    Buys,
    Mechanism,
    Returns,
    Seeker,
)
from guahao.tools.bench.fairness.department import RELEASE_TIME
from guahao.tools.bench.fairness.figures import Tally
from guahao.tools.bench.fairness.releasing import call_ends, release
from guahao.tools.bench.fairness.returning import give_back
from guahao.tools.bench.fairness.world import FIRST_DAY, World

_HOTLINE_OPENS, _HOTLINE_CLOSES = time(8), time(20)
_DROPS_AT = time(14, 50)  # just before the deadline to cancel


def simulate(mechanism: Mechanism, assumed: Assumptions, seed: int) -> Tally:
    """Return what a season under a mechanism counts."""
    world = World(mechanism, assumed, seed)
    world.plans_after_winning = partial(_plan_cancellation, world)
    day = FIRST_DAY
    while _moment(day, time()) < world.ends:
        world.at(_moment(day, time()), partial(_begin_day, world))
        world.at(_moment(day, RELEASE_TIME), partial(release, world))
        world.at(_moment(day, _DROPS_AT), partial(_drop_unsold, world))
        day += ONE_DAY
    world.run()
    return world.tally


def _begin_day(world: World) -> None:
    """Let those leave whose patience has ended, and plan who comes and what is sold today."""
    today = world.now.date()
    for seeker in [s for s in world.seekers.values() if s.leaves <= today]:
        world.leave(seeker, got=False)
    opens, closes = _moment(today, _HOTLINE_OPENS), _moment(today, _HOTLINE_CLOSES)
    _plan_arrivals(world, opens, closes)
    if world.mechanism.returns is Returns.QUEUE:
        world.at(opens, partial(_sell_to_the_heads, world))
        return
    for seeker in list(world.seekers.values()):
        if seeker.buys is Buys.SWAP:
            world.at(world.between(opens, closes), partial(_sell, world, seeker))


def _plan_arrivals(world: World, opens: datetime, closes: datetime) -> None:
    assumed = world.assumed
    coming = []
    for _ in range(assumed.seekers):
        on_phone = world.random.random() < assumed.phone_share
        buys = None
        if world.random.random() < assumed.buyers_share:
            buys = world.random.choice((Buys.SWAP, Buys.RACE))
        arrives = world.between(opens, closes)
        patience = timedelta(days=world.random.randint(*assumed.patience_days))
        leaves = arrives.date() + patience
        coming.append(Seeker(next(world.ids), on_phone, buys, arrives, arrives, leaves))
    callers = sorted((s for s in coming if s.on_phone), key=lambda s: s.arrived)
    reached = call_ends(
        [caller.arrived for caller in callers],
        assumed.agents,
        timedelta(minutes=assumed.call_minutes),
        timedelta(minutes=assumed.on_hold_minutes),
    )
    for caller, answered in zip(callers, reached, strict=True):
        # Who gave up waiting calls again the next day.
        caller.applied = caller.arrived + ONE_DAY if answered is None else answered
    for seeker in coming:
        world.at(seeker.arrived, partial(_arrive, world, seeker))


def _arrive(world: World, seeker: Seeker) -> None:
    world.arrive(seeker)
    for queue in world.queues.values():
        queue.append(seeker.id)
    if seeker.buys is Buys.SWAP and world.mechanism.returns is not Returns.QUEUE:
        _sell(world, seeker)


def _sell(world: World, buyer: Seeker) -> None:
    """Cancel a place that the scalper holds, and try to get it back in the buyer's name."""
    if buyer.id not in world.seekers:
        return
    stock = [(day, holder.id) for holder in world.holders.values() for day in holder.holds]
    sellable = (held for held in sorted(stock) if world.department.may_cancel(held[0], world.now))
    visit_date, id = next(sellable, (None, 0))
    if visit_date is None:
        return
    holder = world.holders[id]
    holder.holds.remove(visit_date)
    world.department.cancel(holder.id, visit_date)
    give_back(world, visit_date, buyer.id)


def _sell_to_the_heads(world: World) -> None:
    """Cancel places for as long as the head of their waitlist has paid for them."""
    for visit_date in sorted(world.queues):
        for holder in world.holders.values():
            queue = [id for id in world.queues[visit_date] if id in world.seekers]
            if not queue or world.seekers[queue[0]].buys is not Buys.SWAP:
                break
            may_cancel = world.department.may_cancel(visit_date, world.now)
            if visit_date in holder.holds and may_cancel:
                holder.holds.remove(visit_date)
                world.department.cancel(holder.id, visit_date)
                give_back(world, visit_date, queue[0])


def _drop_unsold(world: World) -> None:
    """Cancel what was not sold, since three no-shows would suspend the identity."""
    tomorrow = world.now.date() + ONE_DAY
    for holder in world.holders.values():
        if tomorrow in holder.holds:
            holder.holds.remove(tomorrow)
            world.department.cancel(holder.id, tomorrow)
            give_back(world, tomorrow)
    world.queues.pop(tomorrow, None)


def _plan_cancellation(world: World, seeker: Seeker, visit_date: date) -> None:
    """Let some people call the hotline later to cancel."""
    if seeker.buys is not None or world.random.random() >= world.assumed.cancels_share:
        return
    moment = world.between(world.now, world.department.deadline(visit_date))
    opens, closes = _moment(moment.date(), _HOTLINE_OPENS), _moment(moment.date(), _HOTLINE_CLOSES)
    if not opens <= moment < closes:
        moment = world.between(opens, closes)
    if moment > world.now:
        world.at(moment, partial(_cancel, world, seeker.id, visit_date))


def _cancel(world: World, id: int, visit_date: date) -> None:
    if world.department.may_cancel(visit_date, world.now):
        world.department.cancel(id, visit_date)
        give_back(world, visit_date)


def _moment(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, CITY_TIME)
