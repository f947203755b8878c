"""Draw the requests of the past that were refused: each by a rule that really refuses it.

Nobody of the crowd comes near a limit of bookings (past.py), so that no request is refused by one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from random import Random
from typing import NamedTuple

from guahao.rules.kernel.limits import ONE_DAY, Policy
from guahao.rules.kernel.outcomes import Refusal
from guahao.rules.supply.releasing import city_time, date_refusal, opens_at
from guahao.tools.demo.past import Booking, Past, Session

# Of a hundred bookings, so many people asked for the same place too early, again, or too late.
_TOO_EARLY, _AGAIN, _TOO_LATE = 8, 4, 5
_AFTER_A_STOP = 40
_ASKED_FOR_FULL = (0, 1, 1, 2, 3)  # requests for a session that is full
_ASKED_SUSPENDED = (1, 2, 3)  # requests of a person who is suspended


class RefusedRequest(NamedTuple):
    """A request and why it was refused. `person`: by number in the crowd."""

    person: int
    session: Session
    reason: Refusal
    at: datetime


def draw_refused(
    past: Past, since: datetime, now: datetime, policy: Policy
) -> list[RefusedRequest]:
    """Draw who was refused since then; the same past gives the same requests."""
    random = Random("refused")
    bookings = sorted(past.bookings, key=lambda booking: booking.booked_at)
    moments = [booking.booked_at for booking in bookings]
    found = [
        *_at_the_wrong_time(random, bookings[bisect_left(moments, since) :], policy),
        *_for_full_sessions(random, bookings, moments, since),
        *_suspended(random, past, bookings, moments),
    ]
    return sorted(
        (refused for refused in found if since < refused.at < now),
        key=lambda refused: (refused.at, refused.person),
    )


def _at_the_wrong_time(
    random: Random, bookings: Sequence[Booking], policy: Policy
) -> Iterator[RefusedRequest]:
    """Ask for the places that were booked: before the release, a second time, after the close."""
    for booking in bookings:
        session, person = booking.session, booking.person
        rules, day = session.place.rules, session.visit_date
        luck = random.random() * 100
        if luck < _TOO_EARLY:
            opens = opens_at(day, rules, policy)
            at = opens - timedelta(seconds=random.randint(5, 1200))
            if booking.booked_at - opens > ONE_DAY:
                continue  # somebody who came later, perhaps not registered yet
        elif luck < _TOO_EARLY + _AGAIN:
            at = booking.booked_at + timedelta(seconds=random.randint(20, 300))
            if booking.status != "cancelled" and date_refusal(day, at, rules, policy) is None:
                yield RefusedRequest(person, session, Refusal.DUPLICATE_DEPARTMENT, at)
            continue
        elif session.stopped_at is not None:
            at = session.stopped_at + timedelta(seconds=random.randint(60, 7200))
            if luck < _AFTER_A_STOP:
                yield RefusedRequest(person, session, Refusal.SESSION_STOPPED, at)
            continue
        elif luck < _TOO_EARLY + _AGAIN + _TOO_LATE:
            closes = city_time(day - ONE_DAY, rules.next_day_stop_time)
            at = closes + timedelta(seconds=random.randint(30, 14_400))
        else:
            continue
        refused = date_refusal(day, at, rules, policy)
        if refused is not None:
            yield RefusedRequest(person, session, refused.reason, at)


def _for_full_sessions(
    random: Random, bookings: Sequence[Booking], moments: Sequence[datetime], since: datetime
) -> Iterator[RefusedRequest]:
    """Ask for sessions while all their places are taken: by people who then booked elsewhere."""
    by_session: defaultdict[int, list[Booking]] = defaultdict(list)
    for booking in bookings:
        by_session[id(booking.session)].append(booking)
    for made in by_session.values():
        session = made[0].session
        if len(made) < session.capacity or session.stopped_at is not None:
            continue
        # From the last booking on, until somebody cancels.
        closes = city_time(session.visit_date - ONE_DAY, session.place.rules.next_day_stop_time)
        freed = [booking.changed_at for booking in made if booking.status == "cancelled"]
        first = bisect_right(moments, max(made[-1].booked_at, since))
        last = bisect_left(moments, min([closes, *freed]))
        persons = {booking.person for booking in made}
        for _ in range(random.choice(_ASKED_FOR_FULL) if first < last else 0):
            other = bookings[random.randrange(first, last)]
            at = other.booked_at - timedelta(seconds=random.randint(5, 100))
            if other.person not in persons and at > made[-1].booked_at:
                yield RefusedRequest(other.person, session, Refusal.SOLD_OUT, at)


def _suspended(
    random: Random, past: Past, bookings: Sequence[Booking], moments: Sequence[datetime]
) -> Iterator[RefusedRequest]:
    """Ask, while suspended, for places that others book at that time."""
    missed: dict[int, datetime] = {}
    for booking in bookings:
        if booking.status == "no_show" and booking.excused_at is None:
            missed[booking.person] = max(
                booking.changed_at, missed.get(booking.person, booking.changed_at)
            )
    for person, until in past.suspended.items():
        first = bisect_right(moments, missed[person])
        last = bisect_left(moments, city_time(until, time.min))
        for _ in range(random.choice(_ASKED_SUSPENDED) if first < last else 0):
            other = bookings[random.randrange(first, last)]
            at = other.booked_at - timedelta(seconds=random.randint(1, 3))
            yield RefusedRequest(person, other.session, Refusal.PATIENT_SUSPENDED, at)
