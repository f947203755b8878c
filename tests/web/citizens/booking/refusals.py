"""Every refusal that a citizen's page can show, brought about in a city of a few departments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import time
from secrets import token_urlsafe
from typing import Any

import httpx
from tests.city import Clock, change
from tests.supply import Rows, at
from tests.web.browsing import Form
from tests.web.citizens.test_pages_booking import Citizen, add_citizen, add_clinic, log_in
from tests.web.site import Site

from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import CancelRefusal, Refusal

# At the foot of every page; no way on from a refusal.
EVERYWHERE = {"/privacy", "/status", "/demo/outbox"}


@dataclass
class Stage:
    """A city in which refusals are brought about; `clock` stands at Monday 09:00."""

    site: Site
    rows: Rows
    clock: Clock

    async def citizen(self, patients: int = 1) -> Citizen:
        return await add_citizen(self.site, patients=patients)

    async def set(self, statement: str, *values: Any) -> None:
        await change(self.site.platform, statement, *values)

    def session(self, days: int = 3, **columns: Any) -> int:
        """A session of a new department, with another place in it a few days later."""
        clinic = add_clinic(self.rows)
        clinic.session(8)
        return clinic.session(days, **columns)


@dataclass(frozen=True)
class Attempt:
    """A form that is refused, however often it is sent."""

    citizen: Citizen
    path: str
    fields: dict[str, str]

    async def send(self) -> httpx.Response:
        """Send the form of a page that was opened before it knew any better."""
        reader = self.citizen.reader
        await reader.go("/me")
        csrf = reader.form("/logout").fields["csrf"]
        return await reader.send(Form(self.path, "post", {"csrf": csrf} | self.fields))


Cause = Callable[[Stage], Awaitable[Attempt]]


def booking_of(citizen: Citizen, session_id: int, *patients: int) -> Attempt:
    """Return the booking's form for the first patient, or for these."""
    choice = ",".join(str(citizen.patient_ids[n]) for n in patients or (0,))
    return attempt_for(citizen, session_id, choice)


def attempt_for(citizen: Citizen, session_id: int, choice: str) -> Attempt:
    fields = {"patient_id": choice, "key": token_urlsafe(16)}
    return Attempt(citizen, f"/book/{session_id}", fields)


async def unknown_session(stage: Stage) -> Attempt:
    return booking_of(await stage.citizen(), 999_999)


async def not_your_patient(stage: Stage) -> Attempt:
    citizen, other = await stage.citizen(), await add_citizen(stage.site, 2)
    return attempt_for(citizen, stage.session(), str(other.patient_ids[0]))


async def session_stopped(stage: Stage) -> Attempt:
    return booking_of(await stage.citizen(), stage.session(stopped_at=at("2026-11-30T08:00")))


async def same_day(stage: Stage) -> Attempt:
    return booking_of(await stage.citizen(), stage.session(0))


async def next_day_closed(stage: Stage) -> Attempt:
    stage.clock.now = at("2026-11-30T16:00")
    return booking_of(await stage.citizen(), stage.session(1))


async def beyond_horizon(stage: Stage) -> Attempt:
    return booking_of(await stage.citizen(), stage.session(200))


async def not_released(stage: Stage) -> Attempt:
    clinic = add_clinic(stage.rows, cycle_days=10, release_time=time(10))
    clinic.session(5)
    return booking_of(await stage.citizen(), clinic.session(10))


async def by_draw(stage: Stage) -> Attempt:
    session_id = stage.session(capacity=20, booked=18, held=2, draw_at=at("2026-11-30T12:00"))
    stage.rows.conn.execute(
        "INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at)"
        " VALUES (%s, 2, 'cancelled', %s, %s)",
        (session_id, at("2026-11-30T08:30"), at("2026-11-30T12:00")),
    )
    return booking_of(await stage.citizen(), session_id)


async def account_restricted(stage: Stage) -> Attempt:
    citizen = await stage.citizen()
    await stage.set("UPDATE accounts SET restricted_until = '2027-01-05'")
    return booking_of(citizen, stage.session())


async def document_ended(stage: Stage) -> Attempt:
    citizen = await stage.citizen()
    await stage.set("UPDATE patients SET document_ends_on = '2026-12-02'")
    return booking_of(citizen, stage.session())


async def person_unchecked(stage: Stage) -> Attempt:
    citizen = await stage.citizen()
    await stage.set("UPDATE patients SET checked_at = NULL")
    session_id = stage.session()
    await stage.set("UPDATE hospitals SET checked_only = true")
    return booking_of(citizen, session_id)


async def patient_suspended(stage: Stage) -> Attempt:
    citizen = await stage.citizen()
    await stage.set("UPDATE patients SET suspended_until = '2027-01-30'")
    return booking_of(citizen, stage.session())


async def suspended_beside_another(stage: Stage) -> Attempt:
    citizen = await stage.citizen(patients=2)
    await stage.set(
        "UPDATE patients SET suspended_until = '2027-01-30' WHERE id = %s", citizen.patient_ids[0]
    )
    return booking_of(citizen, stage.session())


async def duplicate_department(stage: Stage) -> Attempt:
    citizen, clinic = await stage.citizen(), add_clinic(stage.rows)
    await citizen.book(clinic.session(period="afternoon"))
    return booking_of(citizen, clinic.session())


async def day_limit(stage: Stage) -> Attempt:
    return await after(stage, 3, 3)


async def seven_day_limit(stage: Stage) -> Attempt:
    return await after(stage, 4, 5, 6)


async def three_month_limit(stage: Stage) -> Attempt:
    return await after(stage, 20, 30, 40, 50, 60)


async def after(stage: Stage, *days: int) -> Attempt:
    """Book on these days, and then in another department on the third."""
    citizen = await stage.citizen()
    for day in days:
        assert (await citizen.book(stage.session(day))).startswith("/bookings/")
    return booking_of(citizen, stage.session())


async def sold_out(stage: Stage) -> Attempt:
    return booking_of(await stage.citizen(), stage.session(capacity=5, booked=5))


async def sold_out_for_both(stage: Stage) -> Attempt:
    return booking_of(await stage.citizen(patients=2), stage.session(capacity=1), 0, 1)


async def neither_of_two(stage: Stage) -> Attempt:
    citizen = await stage.citizen(patients=2)
    await stage.set(
        "UPDATE patients SET suspended_until = '2027-01-30' WHERE id = %s", citizen.patient_ids[1]
    )
    return booking_of(citizen, stage.session(), 0, 1)


REFUSALS: dict[str, Cause] = {
    Refusal.UNKNOWN_SESSION: unknown_session,
    Refusal.NOT_YOUR_PATIENT: not_your_patient,
    Refusal.SESSION_STOPPED: session_stopped,
    Refusal.SAME_DAY: same_day,
    Refusal.NEXT_DAY_CLOSED: next_day_closed,
    Refusal.BEYOND_HORIZON: beyond_horizon,
    Refusal.NOT_RELEASED: not_released,
    Refusal.BY_DRAW: by_draw,
    Refusal.ACCOUNT_RESTRICTED: account_restricted,
    Refusal.DOCUMENT_ENDED: document_ended,
    Refusal.PERSON_UNCHECKED: person_unchecked,
    Refusal.PATIENT_SUSPENDED: patient_suspended,
    Refusal.DUPLICATE_DEPARTMENT: duplicate_department,
    Refusal.DAY_LIMIT: day_limit,
    Refusal.SEVEN_DAY_LIMIT: seven_day_limit,
    Refusal.THREE_MONTH_LIMIT: three_month_limit,
    Refusal.SOLD_OUT: sold_out,
}
OTHERS: dict[str, Cause] = {
    "suspended_beside_another": suspended_beside_another,
    "sold_out_for_both": sold_out_for_both,
    "neither_of_two": neither_of_two,
}
TITLES = {
    Refusal.UNKNOWN_SESSION: "没有这个号源",
    Refusal.NOT_YOUR_PATIENT: "不是您的就诊人",
    Refusal.SESSION_STOPPED: "已停诊",
    Refusal.SAME_DAY: "不能预约当天",
    Refusal.NEXT_DAY_CLOSED: "次日号源已截止",
    Refusal.BEYOND_HORIZON: "未到预约周期",
    Refusal.NOT_RELEASED: "尚未放号",
    Refusal.BY_DRAW: "这个号抽签放出",
    Refusal.ACCOUNT_RESTRICTED: "账户暂停自助预约",
    Refusal.DOCUMENT_ENDED: "出生医学证明已到期",
    Refusal.PERSON_UNCHECKED: "须先核实身份",
    Refusal.PATIENT_SUSPENDED: "预约资格已暂停",
    Refusal.DUPLICATE_DEPARTMENT: "已约过该科室",
    Refusal.DAY_LIMIT: "当天已约满",
    Refusal.SEVEN_DAY_LIMIT: "七天内已约满",
    Refusal.THREE_MONTH_LIMIT: "三个月内已约满",
    Refusal.SOLD_OUT: "已约满",
}


async def before_own_moment(stage: Stage) -> Attempt:
    """Return the form for what was released just now, in a city with moments (NEW_CITY)."""
    clinic = add_clinic(stage.rows, cycle_days=30, release_time=time(9))
    return booking_of(await stage.citizen(), clinic.session(30))


# Cancelling and applying ------------------------------------------------------------------------

SELF_SERVICE = Policy(cancel_channels=frozenset({"agent", "patient"}))


def cancelling(citizen: Citizen, booking: str) -> Attempt:
    return Attempt(citizen, f"{booking}/cancel", {})


async def cancel_by_phone(stage: Stage) -> Attempt:
    citizen = await stage.citizen()
    return cancelling(citizen, await citizen.book(stage.session()))


async def not_cancellable(stage: Stage) -> Attempt:
    attempt = await cancel_by_phone(stage)
    assert (await attempt.send()).status_code == 200
    return attempt


async def cancel_too_late(stage: Stage) -> Attempt:
    attempt = await cancel_by_phone(stage)
    stage.clock.now = at("2026-12-03T08:00")
    await log_in(attempt.citizen.reader, attempt.citizen.account_id)
    return attempt


CANCELLING: dict[str, Cause] = {
    CancelRefusal.CANCEL_BY_PHONE: cancel_by_phone,
    CancelRefusal.NOT_CANCELLABLE: not_cancellable,
    CancelRefusal.CANCEL_TOO_LATE: cancel_too_late,
}
# Patients may cancel by themselves in the city where these come about.
BY_SELF_SERVICE = (CancelRefusal.NOT_CANCELLABLE, CancelRefusal.CANCEL_TOO_LATE)


async def applying(stage: Stage) -> Attempt:
    """Return the form of an application for a department that is full."""
    citizen, clinic = await stage.citizen(), add_clinic(stage.rows)
    full = clinic.session(capacity=5, booked=5)
    path = f"/departments/{clinic.department}/apply"
    await citizen.reader.go(f"{path}?session={full}")
    fields = citizen.reader.form(path).fields
    return Attempt(citizen, path, {name: fields[name] for name in fields if name != "csrf"})


async def applied_already(stage: Stage) -> Attempt:
    attempt = await applying(stage)
    assert (await attempt.send()).status_code == 200
    return replace(attempt, fields=attempt.fields | {"key": token_urlsafe(16)})


def applying_after(statement: str) -> Cause:
    async def cause(stage: Stage) -> Attempt:
        attempt = await applying(stage)
        await stage.set(statement)
        return attempt

    return cause


APPLYING: dict[str, Cause] = {
    "applying_twice": applied_already,
    "applying_suspended": applying_after("UPDATE patients SET suspended_until = '2027-01-30'"),
    "applying_restricted": applying_after("UPDATE accounts SET restricted_until = '2027-01-05'"),
    "applying_with_an_ended_document": applying_after(
        "UPDATE patients SET document_ends_on = '2026-12-02'"
    ),
}
