"""What a scheduler's forms hold, read and said."""

from __future__ import annotations

from datetime import date, timedelta

from guahao.rules.hospitals.departments import Department
from guahao.rules.hospitals.titles import Title
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose, typed
from guahao.rules.staff.staff import Role
from guahao.rules.supply.changes import Clinic
from guahao.rules.supply.national_calendar import unknown_within
from guahao.rules.supply.planning import PlanRefusal
from guahao.web.staff import StaffPage
from guahao.web.staff.reading import (
    UnreadableTimeError,
    read_date,
    read_fen,
    read_number,
    read_time,
)

SCHEDULER = frozenset({Role.SCHEDULER})
_DAYS_AWAY_MAX = 400


def near_monday(page: StaffPage, text: str) -> date | None:
    """Return the Monday of a typed date's week; None where it is none, or too far from today.

    A far date has neighbours that no calendar holds.
    """
    day = read_date(text)
    if day is None or abs((day - page.today).days) > _DAYS_AWAY_MAX:
        return None
    return monday_of(day)


def unannounced_within(page: StaffPage, last: date | None) -> date | None:
    """Return from which date the national holidays are not known, if dates until `last` meet it."""
    return None if last is None else unknown_within(page.today, last)


def monday_of(day: date) -> date:
    """Return the Monday of a date's week."""
    return day - timedelta(days=day.weekday())


def chosen_department(page: StaffPage, found: list[Department]) -> Department:
    """Return the department asked for; the first where none is, or where it is not theirs."""
    asked = read_number(page.query("department") or page.form.get("department", ""))
    return next((department for department in found if department.id == asked), found[0])


Offered = list[tuple[Title, int | None]]  # a title, and the fee that the hospital's list has


def read_clinic(form: dict[str, str], offered: Offered) -> Clinic | Refused[PlanRefusal]:
    """Read what is to be held, as it was typed; the flow says what else is wrong with it.

    Where no fee was typed it is the one of the hospital's list.
    """
    title, fee = prose(form.get("title", "")), typed(form.get("fee", ""))
    try:
        starts_at, ends_at = (read_time(form.get(name, "")) for name in ("starts_at", "ends_at"))
    except UnreadableTimeError:
        return Refused(PlanRefusal.TIME)
    listed = {one.name: fee_fen for one, fee_fen in offered if fee_fen is not None}
    return Clinic(
        title,
        prose(form.get("specialty", "")),
        form.get("period", ""),
        starts_at,
        ends_at,
        listed[title] if not fee and title in listed else read_fen(fee),
        read_number(form.get("capacity", "")),
    )
