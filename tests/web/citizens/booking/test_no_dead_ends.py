"""No dead end: every refusal leads on, and nothing that it offers is the same refusal again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import time
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest
from tests.city import Clock, change, open_platform
from tests.crowd import open_desk
from tests.supply import Rows, at
from tests.web.citizens.test_pages_booking import Citizen, add_citizen, add_clinic, log_in
from tests.web.site import Site

from guahao.flows.booking.desk import Desk
from guahao.rules.kernel.limits import NEW_CITY, Policy
from guahao.rules.kernel.outcomes import CancelRefusal, Refusal
from guahao.web.app import create_app

# At the foot of every page; no way on from this one.
EVERYWHERE = {"/privacy", "/status", "/demo/outbox"}


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


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


@pytest.fixture
def stage(site: Site, rows: Rows, clock: Clock) -> Stage:
    return Stage(site, rows, clock)


Tried = tuple[Citizen, httpx.Response]
Cause = Callable[[Stage], Awaitable[Tried]]


async def tried(citizen: Citizen, session_id: int, *patients: int) -> Tried:
    """Send the form for the first patient, or for these."""
    choice = ",".join(str(citizen.patient_ids[n]) for n in patients or (0,))
    return citizen, await citizen.submit(session_id, choice)


async def unknown_session(stage: Stage) -> Tried:
    return await tried(await stage.citizen(), 999_999)


async def not_your_patient(stage: Stage) -> Tried:
    citizen, other = await stage.citizen(), await add_citizen(stage.site, 2)
    return citizen, await citizen.submit(stage.session(), other.patient_ids[0])


async def session_stopped(stage: Stage) -> Tried:
    return await tried(await stage.citizen(), stage.session(stopped_at=at("2026-11-30T08:00")))


async def same_day(stage: Stage) -> Tried:
    return await tried(await stage.citizen(), stage.session(0))


async def next_day_closed(stage: Stage) -> Tried:
    stage.clock.now = at("2026-11-30T16:00")
    return await tried(await stage.citizen(), stage.session(1))


async def beyond_horizon(stage: Stage) -> Tried:
    return await tried(await stage.citizen(), stage.session(200))


async def not_released(stage: Stage) -> Tried:
    clinic = add_clinic(stage.rows, cycle_days=10, release_time=time(10))
    clinic.session(5)
    return await tried(await stage.citizen(), clinic.session(10))


async def by_draw(stage: Stage) -> Tried:
    session_id = stage.session(capacity=20, booked=18, held=2, draw_at=at("2026-11-30T12:00"))
    stage.rows.conn.execute(
        "INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at)"
        " VALUES (%s, 2, 'cancelled', %s, %s)",
        (session_id, at("2026-11-30T08:30"), at("2026-11-30T12:00")),
    )
    return await tried(await stage.citizen(), session_id)


async def account_restricted(stage: Stage) -> Tried:
    citizen = await stage.citizen()
    await stage.set("UPDATE accounts SET restricted_until = '2027-01-05'")
    return await tried(citizen, stage.session())


async def document_ended(stage: Stage) -> Tried:
    citizen = await stage.citizen()
    await stage.set("UPDATE patients SET document_ends_on = '2026-12-02'")
    return await tried(citizen, stage.session())


async def person_unchecked(stage: Stage) -> Tried:
    citizen = await stage.citizen()
    await stage.set("UPDATE patients SET checked_at = NULL")
    session_id = stage.session()
    await stage.set("UPDATE hospitals SET checked_only = true")
    return await tried(citizen, session_id)


async def patient_suspended(stage: Stage) -> Tried:
    citizen = await stage.citizen()
    await stage.set("UPDATE patients SET suspended_until = '2027-01-30'")
    return await tried(citizen, stage.session())


async def suspended_beside_another(stage: Stage) -> Tried:
    citizen = await stage.citizen(patients=2)
    await stage.set(
        "UPDATE patients SET suspended_until = '2027-01-30' WHERE id = %s", citizen.patient_ids[0]
    )
    return await tried(citizen, stage.session())


async def duplicate_department(stage: Stage) -> Tried:
    citizen, clinic = await stage.citizen(), add_clinic(stage.rows)
    await citizen.book(clinic.session(period="afternoon"))
    return await tried(citizen, clinic.session())


async def day_limit(stage: Stage) -> Tried:
    return await after(stage, 3, 3)


async def seven_day_limit(stage: Stage) -> Tried:
    return await after(stage, 4, 5, 6)


async def three_month_limit(stage: Stage) -> Tried:
    return await after(stage, 20, 30, 40, 50, 60)


async def after(stage: Stage, *days: int) -> Tried:
    """Book on these days, and then in another department on the third."""
    citizen = await stage.citizen()
    for day in days:
        assert (await citizen.book(stage.session(day))).startswith("/bookings/")
    return await tried(citizen, stage.session())


async def sold_out(stage: Stage) -> Tried:
    return await tried(await stage.citizen(), stage.session(capacity=5, booked=5))


async def sold_out_for_both(stage: Stage) -> Tried:
    return await tried(await stage.citizen(patients=2), stage.session(capacity=1), 0, 1)


async def neither_of_two(stage: Stage) -> Tried:
    citizen = await stage.citizen(patients=2)
    await stage.set(
        "UPDATE patients SET suspended_until = '2027-01-30' WHERE id = %s", citizen.patient_ids[1]
    )
    return await tried(citizen, stage.session(), 0, 1)


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


def test_every_refusal_of_the_law_is_brought_about() -> None:
    assert set(REFUSALS) == set(TITLES) == set(Refusal)


@pytest.mark.parametrize("name", [*REFUSALS, *OTHERS])
async def test_every_way_that_a_refusal_offers_leads_on(stage: Stage, name: str) -> None:
    citizen, answer = await {**REFUSALS, **OTHERS}[name](stage)
    assert answer.status_code >= 400
    assert TITLES.get(Refusal(name), "") in answer.text if name in TITLES else True
    await follow(citizen, answer)


@pytest.mark.parametrize("name", [*REFUSALS, *OTHERS])
async def test_so_does_the_page_that_says_it_before(stage: Stage, name: str) -> None:
    citizen, refused = await {**REFUSALS, **OTHERS}[name](stage)
    answer = await citizen.reader.go(refused.url.raw_path.decode())
    await follow(citizen, answer)


@pytest.mark.parametrize(
    ("name", "offers_call"),
    [
        (Refusal.PATIENT_SUSPENDED, True),
        (Refusal.DAY_LIMIT, True),
        (Refusal.PERSON_UNCHECKED, True),
        (Refusal.SAME_DAY, False),
        (Refusal.SOLD_OUT, False),
    ],
)
async def test_a_call_back_is_offered_where_a_person_can_help(
    stage: Stage, name: Refusal, offers_call: bool
) -> None:
    _, answer = await REFUSALS[name](stage)
    assert ("/call-back" in ways(answer)) is offers_call


def ways(answer: httpx.Response) -> list[str]:
    """The links in the middle of a page."""
    found = re.search(r'<main id="main".*?</main>', answer.text, re.DOTALL)
    assert found, answer.text
    links = re.findall(r'<a [^>]*?href="([^"#]+)', found[0])
    return [link for link in map(unescape, links) if link not in EVERYWHERE]


async def follow(citizen: Citizen, answer: httpx.Response) -> None:
    """Follow each link of the page: none may fail, and none may refuse again."""
    found = ways(answer)
    assert found, answer.text
    for way in found:
        if way.startswith("tel:"):
            continue
        then = await citizen.reader.client.get(way)
        assert then.status_code < 400, f"{way}: {then.status_code}"
        assert 'class="refused"' not in then.text, way
    for action, fields in buttons(answer):
        then = await citizen.reader.client.post(action, data=fields)
        assert then.status_code < 400, f"{action}: {then.status_code} {then.text}"


def buttons(answer: httpx.Response) -> list[tuple[str, dict[str, str]]]:
    """The forms of a refusal's page, as they would be sent; a page of a form is no refusal."""
    if answer.status_code < 400:
        return []
    main = re.search(r'<main id="main".*?</main>', answer.text, re.DOTALL)
    assert main
    return [
        (
            unescape(action),
            {
                name: unescape(value)
                for name, value in re.findall(
                    r'<input type="hidden" name="([^"]+)" value="([^"]*)"', body
                )
            },
        )
        for action, body in re.findall(
            r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', main[0], re.DOTALL
        )
    ]


async def test_before_the_own_moment_the_button_books_when_it_has_come(
    database_url: str, rows: Rows, clock: Clock
) -> None:
    session_id = add_clinic(rows, cycle_days=30, release_time=time(9)).session(30)
    async with (
        open_platform(database_url, clock, policy=NEW_CITY) as platform,
        open_desk(platform) as desk,
    ):
        citizen = await add_citizen(Site(create_app(platform, desk), platform))
        await citizen.reader.go(f"/book/{session_id}")
        assert re.search(r"从09:00:\d\d起可约", citizen.reader.text)
        answer = await citizen.submit(session_id, citizen.patient_ids[0])
        assert answer.status_code == 409
        [button] = buttons(answer)
        for way in ways(answer):
            assert (await citizen.reader.client.get(way)).status_code < 400, way
        clock.forward(seconds=31)
        then = await citizen.reader.client.post(button[0], data=button[1])
        assert then.url.path.startswith("/bookings/")


async def test_a_busy_desk_leads_to_the_booking_by_its_button(
    database_url: str, rows: Rows, clock: Clock
) -> None:
    session_id = add_clinic(rows).session()
    async with open_platform(database_url, clock) as platform, open_desk(platform) as desk:
        busy = Site(create_app(platform, Desk(platform, lanes=1, batch=1, queue=0)), platform)
        citizen, answer = await tried(await add_citizen(busy), session_id)
        assert answer.status_code == 503
        calm = await add_citizen(Site(create_app(platform, desk), platform), 2)
        calm.reader.client.cookies.clear()
        calm.reader.client.cookies.update(citizen.reader.client.cookies)
        await follow(calm, answer)


# Cancelling and applying ------------------------------------------------------------------------


@pytest.fixture
async def self_service(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    policy = Policy(cancel_channels=frozenset({"agent", "patient"}))
    async with (
        open_platform(database_url, clock, policy=policy) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)


async def cancelled(citizen: Citizen, booking: str) -> httpx.Response:
    await citizen.reader.go("/me")
    csrf = citizen.reader.form("/logout").fields["csrf"]
    return await citizen.reader.client.post(f"{booking}/cancel", data={"csrf": csrf})


async def test_cancelling_by_phone_leads_on(stage: Stage) -> None:
    citizen = await stage.citizen()
    booking = await citizen.book(stage.session())
    answer = await cancelled(citizen, booking)
    assert answer.status_code == 403, CancelRefusal.CANCEL_BY_PHONE
    assert "tel:114" in ways(answer)
    await follow(citizen, answer)


@pytest.mark.parametrize("reason", [CancelRefusal.NOT_CANCELLABLE, CancelRefusal.CANCEL_TOO_LATE])
async def test_cancelling_what_cannot_be_cancelled_leads_on(
    self_service: Site, rows: Rows, clock: Clock, reason: CancelRefusal
) -> None:
    citizen = await add_citizen(self_service)
    booking = await citizen.book(add_clinic(rows).session())
    if reason is CancelRefusal.NOT_CANCELLABLE:
        assert (await cancelled(citizen, booking)).status_code == 200
    else:
        clock.now = at("2026-12-03T08:00")
        await log_in(citizen.reader, citizen.account_id)
    answer = await cancelled(citizen, booking)
    assert answer.status_code == 409
    await follow(citizen, answer)


@pytest.mark.parametrize("status", ["no_show", "unverified", "stopped", "cancelled", "picked_up"])
async def test_a_booking_that_is_over_leads_on(stage: Stage, status: str) -> None:
    citizen = await stage.citizen()
    booking = await citizen.book(stage.session())
    await stage.set("UPDATE appointments SET status = %s", status)
    await follow(citizen, await citizen.reader.go(booking))


CAUSES = {
    "patient_suspended": "UPDATE patients SET suspended_until = '2027-01-30'",
    "account_restricted": "UPDATE accounts SET restricted_until = '2027-01-05'",
    "document_ended": "UPDATE patients SET document_ends_on = '2026-12-02'",
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
async def test_a_refused_application_leads_on(stage: Stage, cause: str) -> None:
    citizen, clinic = await stage.citizen(), add_clinic(stage.rows)
    full = clinic.session(capacity=5, booked=5)
    path = f"/departments/{clinic.department}/apply"
    await citizen.reader.go(f"{path}?session={full}")
    form = citizen.reader.form(path)
    await stage.set(cause)
    answer = await citizen.reader.send(form)
    assert answer.status_code >= 400
    await follow_links(citizen, answer)


async def test_applying_twice_leads_to_the_application(stage: Stage) -> None:
    citizen, clinic = await stage.citizen(), add_clinic(stage.rows)
    full = clinic.session(capacity=5, booked=5)
    path = f"/departments/{clinic.department}/apply"
    for _ in range(2):
        await citizen.reader.go(f"{path}?session={full}")
        await citizen.reader.send(citizen.reader.form(path))
    answer = citizen.reader.page
    assert answer.status_code >= 400
    assert "/applications" in ways(answer)
    await follow_links(citizen, answer)


async def follow_links(citizen: Citizen, answer: httpx.Response) -> None:
    """Follow the links of a form that is to be corrected; its button waits for that."""
    found = [way for way in ways(answer) if not way.startswith("tel:")]
    assert found
    for way in found:
        assert (await citizen.reader.client.get(way)).status_code < 400, way
