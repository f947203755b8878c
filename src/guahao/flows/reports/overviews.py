"""Overviews: what each role looks at first. Figures of groups, never of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.flows.reports.reports import reading
from guahao.rules.attendance.unverified import confirmable_since
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules
from guahao.rules.reports.release_hour import Releases, releases
from guahao.rules.reports.scope import ReportScope
from guahao.rules.reports.today import ExpectedBookings
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.rules.supply.releasing import held_together
from guahao.store.attendance import unverified as unverified_store
from guahao.store.fairness import figures as fairness_store
from guahao.store.fairness import swaps as swap_store
from guahao.store.fairness.figures import DrawFigures
from guahao.store.fairness.swaps import Swaps
from guahao.store.reports import bookings as booking_store
from guahao.store.reports import messages as message_store
from guahao.store.reports import overviews as store
from guahao.store.reports import supply as supply_store
from guahao.store.reports.bookings import Statuses
from guahao.store.reports.messages import DeliveryCount
from guahao.store.reports.overviews import Appeals, Expiring, Silence, Stopped
from guahao.store.reports.scope import Basis, Grouping, counting

STOPS_DAYS = 7  # ahead, today included
PERIOD_DAYS = 30  # of the city's figures, today included
SILENT_AFTER = timedelta(days=1)  # without a call of a connected system
UNATTENDED_AFTER = timedelta(days=3)  # without a pick-up, where there are sessions
_COMING_DAYS = 7
KEYS_DAYS = 14  # in which a key that ends is said


@dataclass(frozen=True, slots=True)
class HospitalDay:
    """A hospital's day. `rules`: in force today; `release`: the next, if it releases anything."""

    taken_at: datetime
    rules: HospitalRules
    expected: list[ExpectedBookings]
    stopped: list[Stopped]
    unverified: int
    unverified_since: date | None
    release: Releases | None

    @property
    def today(self) -> date:
        """Return the day in the city."""
        return self.taken_at.date()


async def hospital_day(platform: Platform, by: OfHospital) -> HospitalDay:
    """Return the day of the hospital that is worked for. Raises TooSlowError."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx, counting(tx):
        today = tx.now.date()
        policies = await platform.policies.read(tx)
        held = held_together(
            (await supply_store.rules_held(tx, hospital_id))[hospital_id], policies
        )
        waiting = await unverified_store.sessions(tx, hospital_id, confirmable_since(today))
        return HospitalDay(
            tx.now,
            [one for one in held if one.begins <= today][-1].rules,
            await store.expected(tx, hospital_id, today),
            await store.stopped(tx, hospital_id, today, today + timedelta(days=STOPS_DAYS - 1)),
            sum(session.bookings for session in waiting),
            min((session.visit_date for session in waiting), default=None),
            releases({hospital_id: held}, tx.now),
        )


@dataclass(frozen=True, slots=True)
class CityFigures:
    """The city's last thirty days, and what needs somebody.

    `made`: bookings by the day on which they were made; `visits`: by status, of the visit dates
    until yesterday; `messages`: of the last day. `coming`: the next seven days, whose places were
    released long ago: how soon they went says what a release is like.
    """

    taken_at: datetime
    hospitals: int
    made: list[Statuses]
    channels: list[Statuses]
    visits: list[Statuses]
    messages: list[DeliveryCount]
    draws: list[DrawFigures]
    swaps: list[Swaps]
    silences: list[Silence]
    keys: list[Expiring]
    appeals: Appeals
    coming: ReportScope

    @property
    def silent(self) -> list[Silence]:
        """Return the hospitals whose connected system has not called for a day."""
        return [
            one
            for one in self.silences
            if one.is_connected
            and (one.called_at is None or one.called_at < self.taken_at - SILENT_AFTER)
        ]

    @property
    def unattended(self) -> list[Silence]:
        """Return the hospitals with sessions but without a pick-up for three days."""
        since = (self.taken_at - UNATTENDED_AFTER).date()
        return [
            one for one in self.silences if one.picked_up_on is None or one.picked_up_on < since
        ]


async def city_figures(platform: Platform, by: Staff) -> CityFigures:
    """Count the city's figures, for its own staff. Raises TooSlowError."""
    assert by.hospital_id is None
    async with reading(platform, by) as tx:
        now = tx.now
        today = now.date()
        period = ReportScope(today - timedelta(days=PERIOD_DAYS - 1), today)
        before_today = ReportScope(today - timedelta(days=PERIOD_DAYS), today - ONE_DAY)
        silences = await store.silences(tx, today)
        return CityFigures(
            now,
            len(silences),
            await booking_store.by_status(tx, period, Basis.MADE, Grouping.DAY),
            await booking_store.by_status(tx, period, Basis.MADE, Grouping.CHANNEL),
            await booking_store.by_status(tx, before_today, Basis.VISIT, Grouping.DAY),
            await message_store.by_state(tx, ReportScope(today - ONE_DAY, today), Grouping.KIND),
            await fairness_store.of_draws(tx, period),
            await swap_store.count(tx, period, Grouping.DAY),
            silences,
            await store.expiring_keys(tx, now + timedelta(days=KEYS_DAYS)),
            await store.appeals(tx, period.moments[0]),
            ReportScope(today + ONE_DAY, today + timedelta(days=_COMING_DAYS)),
        )
