"""Several weekly timetables from a single form, such as Monday to Friday in the mornings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.rolling_out import roll_out
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Staff
from guahao.rules.supply.calendar import CalendarDay, is_held
from guahao.rules.supply.changes import Clinic
from guahao.rules.supply.planning import ROLLED_DAYS, PlanRefusal, timetable_refusals
from guahao.store.hospitals import titles
from guahao.store.kernel.db import Tx
from guahao.store.supply import calendars, feeding, fees
from guahao.store.supply import timetables as store
from guahao.store.supply.timetables import PlannedSession, Timetable

PREVIEW_DAYS = 35


@dataclass(frozen=True, slots=True)
class WeeklyPlan:
    """Clinics that are held on several weekdays, from a date until a date, both included."""

    department_id: int
    weekdays: tuple[int, ...]
    span: tuple[date, date]
    clinics: tuple[Clinic, ...]
    on_holidays: bool


@dataclass(frozen=True, slots=True)
class PlannedClinic:
    """A timetable to be added; `exists`: the department has the same at that time already."""

    weekday: int
    clinic: Clinic
    exists: bool


@dataclass(frozen=True, slots=True)
class WeeklyPreview:
    """The timetables to be added, and the first weeks with what is held there already."""

    plan: WeeklyPlan
    lines: list[PlannedClinic]
    days: list[CalendarDay]
    sessions: list[PlannedSession]

    def new_on(self, day: CalendarDay) -> list[Clinic]:
        """Return the clinics that the plan adds on a date."""
        first, last = self.plan.span
        if not first <= day.day <= last:
            return []
        return [
            line.clinic
            for line in self.lines
            if not line.exists and is_held(day, line.weekday, on_holidays=self.plan.on_holidays)
        ]


@dataclass(frozen=True, slots=True)
class Added:
    """What was added; `skipped`: timetables that were there already."""

    timetables: int
    sessions: int
    skipped: int


@dataclass(frozen=True, slots=True)
class PlanRefused(Refused[PlanRefusal]):
    """Why nothing is added: every reason, with the period that it is about."""

    faults: tuple[tuple[str, PlanRefusal], ...] = ()


async def preview(platform: Platform, by: Staff, plan: WeeklyPlan) -> WeeklyPreview | PlanRefused:
    """Return what a plan would add; nothing is changed."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        lines = await _decide(tx, hospital_id, plan)
        if isinstance(lines, PlanRefused):
            return lines
        monday = plan.span[0] - timedelta(days=plan.span[0].weekday())
        last = monday + timedelta(days=PREVIEW_DAYS - 1)
        return WeeklyPreview(
            plan,
            lines,
            await calendars.between(tx, hospital_id, monday, last),
            await store.sessions_between(tx, plan.department_id, monday, last),
        )


async def add(platform: Platform, by: Staff, plan: WeeklyPlan) -> Added | PlanRefused:
    """Add the timetables and make their sessions, all or nothing; the same again adds nothing."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await feeding.lock_feed(act.tx, hospital_id)
        lines = await _decide(act.tx, hospital_id, plan)
        if isinstance(lines, PlanRefused):
            return lines
        new = [line for line in lines if not line.exists]
        listed = await fees.on_day(act.tx, hospital_id, plan.span[0])
        made: list[tuple[int, PlannedClinic]] = []
        for line in new:
            fee_fen = listed.get(line.clinic.title)
            timetable_id = await store.add(
                act.tx,
                hospital_id,
                plan.department_id,
                line.weekday,
                plan.span,
                line.clinic,
                fee_is_own=fee_fen is not None and fee_fen != line.clinic.fee_fen,
                on_holidays=plan.on_holidays,
            )
            made.append((timetable_id, line))
        today = act.now.date()
        last = today + timedelta(days=ROLLED_DAYS)
        sessions = await roll_out(act.tx, platform, hospital_id, today, last)
        for timetable_id, line in made:
            detail = {
                "weekday": line.weekday,
                "from": plan.span[0],
                "until": plan.span[1],
                "after": asdict(line.clinic),
            }
            await act.record("add_timetable", ("timetable", timetable_id), detail=detail)
        return Added(len(new), sessions, len(lines) - len(new))


async def _decide(tx: Tx, hospital_id: int, plan: WeeklyPlan) -> list[PlannedClinic] | PlanRefused:
    """Return the timetables of a plan, or every reason against it, by period."""
    today = tx.now.date()
    has_department = await store.has_department(tx, hospital_id, plan.department_id)
    faults: dict[tuple[str, PlanRefusal], None] = {}
    for clinic in plan.clinics:
        is_offered = await titles.is_offered(tx, clinic.title)
        for weekday in plan.weekdays:
            against = timetable_refusals(
                clinic,
                weekday,
                plan.span,
                today,
                has_department=has_department,
                is_offered=is_offered,
            )
            faults |= dict.fromkeys((clinic.period, reason) for reason in against)
    if faults:
        return PlanRefused(next(iter(faults))[1], faults=tuple(faults))
    if not plan.weekdays or not plan.clinics:
        return PlanRefused(PlanRefusal.DATES)
    known = await store.of_department(tx, plan.department_id, today)
    return [
        PlannedClinic(weekday, clinic, _has_same(known, weekday, plan.span, clinic))
        for clinic in plan.clinics
        for weekday in plan.weekdays
    ]


def _has_same(
    known: list[Timetable], weekday: int, span: tuple[date, date], clinic: Clinic
) -> bool:
    """Return whether a timetable holds the same clinic at the same time on some of the days."""
    return any(
        timetable.iso_weekday == weekday
        and timetable.clinic.title == clinic.title
        and timetable.clinic.specialty == clinic.specialty
        and timetable.clinic.period == clinic.period
        and timetable.clinic.starts_at == clinic.starts_at
        and timetable.valid_from <= span[1]
        and span[0] <= timetable.valid_until
        for timetable in known
    )
