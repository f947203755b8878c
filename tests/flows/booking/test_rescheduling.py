"""A booking is given up for another place: both happen or neither, whoever else acts at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count as numbers
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.city import (
    LOOPBACK,
    THURSDAY,
    Clock,
    ask,
    cancel_for_caller,
    change,
    open_platform,
    reasons,
    stop_session,
)
from tests.crowd import (
    Person,
    add_clinic,
    add_crowd,
    book,
    booked,
    count,
    open_desk,
    pick_up,
)

from guahao.flows.booking.desk import DeskRescheduleAnswer, TooFast
from guahao.flows.booking.rescheduling import (
    ByAgent,
    Rescheduled,
    ReschedulePlaces,
    RescheduleRequest,
    places_instead,
    rescheduled_of,
)
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.rescheduling import NotRescheduled, RescheduleRefusal
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import NEW_CITY, Policy
from guahao.rules.kernel.outcomes import BeforeOwnMoment, KeyMismatch, Refusal, Refused
from guahao.rules.staff.staff import Who
from guahao.store.booking import appointments, booking
from guahao.store.kernel.views import AppointmentView
from guahao.tools.audit.audit import audit

FRIDAY = THURSDAY + timedelta(days=1)
_keys = numbers(1)
AGENT = ByAgent(Who("staff", 7, "agent"), 3, "家里有事")
SELF_SERVICE = Policy(cancel_channels=frozenset({"agent", "patient"}))


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as platform:
        yield platform


def by_agent(
    view: AppointmentView, person: Person, session_id: int, key: str = ""
) -> RescheduleRequest:
    key = key or f"key-{next(_keys)}"
    actor = Actor("staff", 7)
    return RescheduleRequest(
        actor, key, person.account_id, view.id, session_id, "phone", agent=AGENT
    )


def by_patient(
    view: AppointmentView, person: Person, session_id: int, key: str = ""
) -> RescheduleRequest:
    key = key or f"key-{next(_keys)}"
    return RescheduleRequest(person.actor, key, person.account_id, view.id, session_id, "api")


async def ask_desk(platform: Platform, request: RescheduleRequest) -> DeskRescheduleAnswer:
    async with open_desk(platform) as desk:
        return await desk.reschedule(request, LOOPBACK)


async def places(platform: Platform) -> list[tuple[int, int]]:
    """Bookings counted by each session, and places that wait for a draw."""
    rows = await ask(platform, "SELECT booked, held FROM clinic_sessions ORDER BY id")
    return [(row[0], row[1]) for row in rows]


async def agrees(platform: Platform) -> bool:
    findings = (await audit(platform)).findings
    return [finding.name for finding in findings if finding.disagreements] == []


async def test_the_new_place_is_booked_and_the_old_one_returns(platform: Platform) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    answer = await ask_desk(platform, by_agent(view, person, new))
    assert isinstance(answer, Rescheduled)
    assert (answer.booking.session.id, answer.booking.status) == (new, "booked")
    assert (answer.replaced.id, answer.replaced.status) == (view.id, "cancelled")
    assert answer.booking.code != view.code
    assert await places(platform) == [(0, 0), (1, 0)]
    told = "SELECT kind, appointment_id FROM messages ORDER BY id"
    assert await ask(platform, told) == [("booked", view.id), ("rescheduled", answer.booking.id)]
    assert await reasons(platform, "reschedule_appointment") == [
        ("reschedule_appointment", "家里有事")
    ]
    found = await rescheduled_of(platform, person.account_id, answer.booking.id)
    assert found[0] is not None
    assert (found[0].id, found[1]) == (view.id, None)
    assert await agrees(platform)


async def test_another_period_of_the_same_day_and_department(platform: Platform) -> None:
    """The limit of one a department and day counts the old booking as gone."""
    morning, other = await add_clinic(platform, [THURSDAY, THURSDAY])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, morning)
    assert isinstance(await ask_desk(platform, by_agent(view, person, other)), Rescheduled)
    assert await places(platform) == [(0, 0), (1, 0)]


async def test_the_place_of_a_full_session_waits_for_the_next_draw(platform: Platform) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY], capacity=1)
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    assert isinstance(await ask_desk(platform, by_agent(view, person, new)), Rescheduled)
    assert await places(platform) == [(0, 1), (1, 0)]
    assert await agrees(platform)


async def test_nothing_changes_where_the_new_place_cannot_be_had(platform: Platform) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY], capacity=1)
    person, other = await add_crowd(platform, 2)
    view = await booked(platform, person, old)
    await booked(platform, other, new)
    answer = await ask_desk(platform, by_agent(view, person, new, key="key"))
    assert answer == Refused(Refusal.SOLD_OUT)
    assert await places(platform) == [(1, 0), (1, 0)]
    assert await count(platform, "appointments", "status = 'booked'") == 2
    assert await count(platform, "messages", "kind = 'rescheduled'") == 0
    assert await reasons(platform, "reschedule_appointment") == []
    # The key keeps its answer; another key asks anew.
    await change(platform, "UPDATE clinic_sessions SET capacity = 2")
    assert await ask_desk(platform, by_agent(view, person, new, key="key")) == answer
    assert isinstance(await ask_desk(platform, by_agent(view, person, new)), Rescheduled)


async def test_a_place_that_a_draw_gives_out_is_not_had_by_rescheduling(
    platform: Platform,
) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY], capacity=1)
    person, other = await add_crowd(platform, 2)
    view, gone = await booked(platform, person, old), await booked(platform, other, new)
    assert isinstance(await cancel_for_caller(platform, gone.id), AppointmentView)
    answer = await ask_desk(platform, by_agent(view, person, new))
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.BY_DRAW


@pytest.mark.parametrize("self_service", [False, True])
async def test_the_patient_only_where_the_operator_lets_them_cancel(
    database_url: str, *, self_service: bool
) -> None:
    policy = SELF_SERVICE if self_service else Policy()
    async with open_platform(database_url, Clock(), policy=policy) as platform:
        old, new = await add_clinic(platform, [THURSDAY, FRIDAY])
        [person] = await add_crowd(platform, 1)
        view = await booked(platform, person, old)
        possible = await places_instead(platform, person.account_id, view.id, "patient")
        answer = await ask_desk(platform, by_patient(view, person, new))
        if self_service:
            assert isinstance(possible, ReschedulePlaces)
            assert [session.id for _, day in possible.days for session in day] == [new]
            assert isinstance(answer, Rescheduled)
        else:
            assert (
                possible
                == answer
                == NotRescheduled(RescheduleRefusal.BY_PHONE, until=view.cancel_until)
            )
            assert await places(platform) == [(1, 0), (0, 0)]


async def test_too_late_even_for_the_agent(platform: Platform) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    assert isinstance(platform.db.clock, Clock)
    platform.db.clock.now = view.cancel_until
    answer = await ask_desk(platform, by_agent(view, person, new))
    assert answer == NotRescheduled(RescheduleRefusal.TOO_LATE, until=view.cancel_until)


async def test_what_is_not_the_accounts_or_no_change(platform: Platform) -> None:
    [session_id] = await add_clinic(platform)
    person, other = await add_crowd(platform, 2)
    view = await booked(platform, person, session_id)
    unknown = NotRescheduled(RescheduleRefusal.UNKNOWN)
    assert await ask_desk(platform, by_agent(view, other, session_id)) == unknown
    missing = by_agent(replace(view, id=view.id + 100), person, session_id)
    assert await ask_desk(platform, missing) == unknown
    same = NotRescheduled(RescheduleRefusal.SAME_SESSION)
    assert await ask_desk(platform, by_agent(view, person, session_id)) == same
    nowhere = await ask_desk(platform, by_agent(view, person, session_id + 1000))
    assert nowhere == Refused(Refusal.UNKNOWN_SESSION)


async def test_a_suspended_patient_keeps_the_booking_as_it_is(platform: Platform) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    await change(platform, "UPDATE patients SET suspended_until = '2027-01-01'")
    answer = await ask_desk(platform, by_agent(view, person, new))
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.PATIENT_SUSPENDED


async def test_before_the_own_moment_the_key_stays_unused(database_url: str) -> None:
    clock = Clock()
    async with open_platform(database_url, clock, policy=NEW_CITY) as platform:
        clock.now = clock.now.replace(hour=7)
        old, new = await add_clinic(platform, [THURSDAY, date(2026, 12, 30)])
        await change(platform, "UPDATE hospitals SET cycle_days = 30, release_time = '07:00'")
        [person] = await add_crowd(platform, 1)
        view = await booked(platform, person, old)
        request = by_agent(view, person, new)
        early = await ask_desk(platform, request)
        assert isinstance(early, BeforeOwnMoment)
        assert early.retry_from is not None
        clock.now = early.retry_from
        assert isinstance(await ask_desk(platform, request), Rescheduled)


async def test_who_asks_again_before_the_own_moment_costs_the_database_nothing(
    database_url: str,
) -> None:
    clock = Clock()
    async with open_platform(
        database_url, clock, policy=replace(NEW_CITY, cancel_channels=SELF_SERVICE.cancel_channels)
    ) as platform:
        clock.now = clock.now.replace(hour=7)
        old, new = await add_clinic(platform, [THURSDAY, date(2026, 12, 30)])
        await change(platform, "UPDATE hospitals SET cycle_days = 30, release_time = '07:00'")
        [person] = await add_crowd(platform, 1)
        view = await booked(platform, person, old)
        limited = replace(LOOPBACK, limited=True)
        async with open_desk(platform) as desk:
            early = await desk.reschedule(by_patient(view, person, new), limited)
            assert isinstance(early, BeforeOwnMoment)
            # From here on the desk would refuse the session, if it were asked.
            await change(
                platform, "UPDATE clinic_sessions SET stopped_at = now() WHERE id = %s", new
            )
            assert await desk.reschedule(by_patient(view, person, new), limited) == early
            await change(platform, "UPDATE clinic_sessions SET stopped_at = NULL")
            assert early.retry_from is not None
            clock.now = early.retry_from
            answer = await desk.reschedule(by_patient(view, person, new), limited)
            assert isinstance(answer, Rescheduled)


# Keys ---------------------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_answer_once(platform: Platform) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    async with open_desk(platform) as one, open_desk(platform) as other:
        answers = await asyncio.gather(
            *(desk.reschedule(by_agent(view, person, new, "key")) for desk in (one, other) * 4)
        )
    found = [answer for answer in answers if isinstance(answer, Rescheduled)]
    assert len(found) == 8
    assert len({(each.booking.id, each.booking.code, each.replaced.id) for each in found}) == 1
    assert await count(platform, "appointments") == 2
    assert await count(platform, "messages", "kind = 'rescheduled'") == 1


async def test_the_key_for_another_body_is_refused(platform: Platform) -> None:
    old, new, third = await add_clinic(platform, [THURSDAY, FRIDAY, FRIDAY + timedelta(days=1)])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    actor = Actor("staff", 7)
    assert isinstance(await ask_desk(platform, by_agent(view, person, new, "k")), Rescheduled)
    assert await ask_desk(platform, by_agent(view, person, third, "k")) == KeyMismatch()
    async with open_desk(platform) as desk:
        plain = await desk.book(actor, "k", person.patient_id, new, "phone")
        assert plain == KeyMismatch()
        again = await desk.book(actor, "plain", person.patient_id, third, "phone")
        assert isinstance(again, AppointmentView)
        swapped = by_agent(view, person, third, "plain")
        assert await desk.reschedule(swapped) == KeyMismatch()


async def test_attempts_are_counted_like_bookings(database_url: str) -> None:
    async with open_platform(database_url, Clock(), policy=SELF_SERVICE) as platform:
        old, full = await add_clinic(platform, [THURSDAY, FRIDAY])
        await change(platform, "UPDATE clinic_sessions SET capacity = 0 WHERE id = %s", full)
        [person] = await add_crowd(platform, 1)
        view = await booked(platform, person, old)
        limited = replace(LOOPBACK, limited=True)
        async with open_desk(platform) as desk:
            answers = [
                await desk.reschedule(by_patient(view, person, full), limited) for _ in range(30)
            ]
        assert isinstance(answers[-1], TooFast)


# Who is told --------------------------------------------------------------------------------


async def test_a_hospital_hears_of_a_cancelled_and_a_new_booking(platform: Platform) -> None:
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    [[last]] = await ask(platform, "SELECT max(id) FROM hospital_events")
    answer = await ask_desk(platform, by_agent(view, person, new))
    assert isinstance(answer, Rescheduled)
    events = await ask(
        platform,
        "SELECT kind, appointment_id FROM hospital_events WHERE id > %s ORDER BY id",
        last,
    )
    assert events == [
        ("cancelled", view.id),
        ("booked", answer.booking.id),
    ]


# Everybody at once -------------------------------------------------------------------------


async def two_at_once(platform: Platform) -> list[DeskRescheduleAnswer]:
    """Two desks are asked to move one booking to two different sessions."""
    old, *new = await add_clinic(platform, [THURSDAY, FRIDAY, FRIDAY + timedelta(days=1)])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    async with open_desk(platform) as one, open_desk(platform) as other:
        return list(
            await asyncio.gather(
                *(
                    desk.reschedule(by_agent(view, person, session_id))
                    for desk, session_id in zip((one, other), new, strict=True)
                )
            )
        )


async def test_of_two_at_once_one_moves_the_booking(platform: Platform) -> None:
    answers = await two_at_once(platform)
    assert sorted(type(answer).__name__ for answer in answers) == ["NotRescheduled", "Rescheduled"]
    assert await count(platform, "appointments", "status = 'booked'") == 1
    assert sum(taken for taken, _ in await places(platform)) == 1
    assert await agrees(platform)


async def test_without_the_locks_both_would_move_it(
    platform: Platform, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control of the test above: both read before either writes."""
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE reschedules DROP CONSTRAINT reschedules_replaced_id_key")
        for (name,) in owner.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'clinic_sessions'::regclass"
            " AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%booked%'"
        ).fetchall():
            owner.execute(f"ALTER TABLE clinic_sessions DROP CONSTRAINT {name}")
    for module, names in (
        (appointments, ("_LOCK_PATIENTS", "_LOCK_SESSIONS", "_LOCKED_MANY")),
        (booking, ("_LOCK_PATIENTS", "_LOCK_SESSIONS")),
    ):
        for name in names:
            sql = re.sub(r"FOR NO KEY UPDATE( OF \w+)?", "", getattr(module, name))
            monkeypatch.setattr(module, name, sql)
    lock, both_have_read = appointments.lock_appointments, asyncio.Barrier(2)

    async def read_and_wait(*args: Any) -> Any:
        found = await lock(*args)
        await both_have_read.wait()
        return found

    monkeypatch.setattr(appointments, "lock_appointments", read_and_wait)
    answers = await two_at_once(platform)
    assert [type(answer).__name__ for answer in answers] == ["Rescheduled"] * 2
    assert await count(platform, "appointments", "status = 'booked'") == 2


async def raced(platform: Platform, other: str) -> tuple[DeskRescheduleAnswer, Any]:
    """A booking is moved while it is cancelled, or its old or new session is stopped."""
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)

    async def act() -> object:
        if other == "cancel":
            return await cancel_for_caller(platform, view.id)
        return await stop_session(platform, old if other == "stop old" else new)

    async with open_desk(platform) as desk:
        answer, outcome = await asyncio.gather(desk.reschedule(by_agent(view, person, new)), act())
    return answer, outcome


@pytest.mark.parametrize("other", ["cancel", "stop old", "stop new"])
async def test_against_what_ends_the_booking_or_the_place(platform: Platform, other: str) -> None:
    answer, _ = await raced(platform, other)
    statuses = [
        row[0] for row in await ask(platform, "SELECT status FROM appointments ORDER BY id")
    ]
    if isinstance(answer, Rescheduled):
        assert statuses[0] == "cancelled"
        assert statuses[1] == ("stopped" if other == "stop new" else "booked")
    elif other == "stop new":
        assert isinstance(answer, Refused)
        assert statuses == ["booked"]
    else:
        assert isinstance(answer, NotRescheduled)
        assert answer.reason is RescheduleRefusal.NOT_LIVE
        assert statuses == ["cancelled" if other == "cancel" else "stopped"]
    live = await count(platform, "appointments", "status = 'booked'")
    assert sum(taken for taken, _ in await places(platform)) == live
    assert await agrees(platform)


async def test_against_pick_up_on_the_visit_day(platform: Platform) -> None:
    """Whom a substitute sees may give the place up until the visit: or takes the number."""
    old, new = await add_clinic(platform, [THURSDAY, FRIDAY + timedelta(days=3)])
    [person] = await add_crowd(platform, 1)
    view = await booked(platform, person, old)
    await change(platform, "UPDATE appointments SET substituted_at = booked_at")
    assert isinstance(platform.db.clock, Clock)
    platform.db.clock.now = platform.db.clock.now.replace(month=12, day=3, hour=8)
    async with open_desk(platform) as desk:
        answer, taken = await asyncio.gather(
            desk.reschedule(by_agent(view, person, new)),
            pick_up(platform, view.session.hospital_id, view.code, person.id_no),
        )
    assert isinstance(answer, Rescheduled) != isinstance(taken, AppointmentView)
    statuses = [
        row[0] for row in await ask(platform, "SELECT status FROM appointments ORDER BY id")
    ]
    assert statuses in (["cancelled", "booked"], ["picked_up"])


# Any sequence ----------------------------------------------------------------------------------

PEOPLE, SESSIONS = 3, 4
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["book", "reschedule", "cancel"]),
        st.integers(0, PEOPLE - 1),
        st.integers(0, SESSIONS - 1),
    ),
    min_size=4,
    max_size=12,
)
LIVE = """
    SELECT s.capacity, s.booked + s.held, s.booked, count(a.id) FILTER (WHERE a.status = 'booked')
    FROM clinic_sessions s LEFT JOIN appointments a ON a.clinic_session_id = s.id
    WHERE s.id = ANY(%s) GROUP BY s.id
"""
OF_A_DAY = """
    SELECT coalesce(max(bookings), 0) FROM (
        SELECT count(*) AS bookings FROM appointments
        WHERE status = 'booked' AND clinic_session_id = ANY(%s) GROUP BY patient_id, visit_date) d
"""


@pytest.mark.no_draws
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
async def test_no_sequence_leads_beyond_the_places_or_the_limits(
    platform: Platform, steps: list[tuple[str, int, int]]
) -> None:
    """Each example has a department, patients and sessions of its own."""
    clinic = await add_clinic(platform, [THURSDAY, THURSDAY, FRIDAY, FRIDAY], capacity=2)
    people = await add_crowd(platform, PEOPLE)
    live: dict[int, AppointmentView] = {}
    async with open_desk(platform) as desk:
        for step, (action, who, where) in enumerate(steps):
            person, session_id = people[who], clinic[where]
            key = f"{clinic[0]}-{step}"
            view = live.get(who)
            if action == "cancel" and view is not None:
                assert isinstance(await cancel_for_caller(platform, view.id), AppointmentView)
                del live[who]
            elif action == "book":
                answers = [await book(desk, person, session_id, key) for _ in range(2)]
                assert outcome(answers[0]) == outcome(answers[1])
                if isinstance(answers[0], AppointmentView):
                    live[who] = answers[0]
            elif action == "reschedule" and view is not None:
                request = by_agent(view, person, session_id, key)
                moves = [await desk.reschedule(request, LOOPBACK) for _ in range(2)]
                assert outcome(moves[0]) == outcome(moves[1])
                if isinstance(moves[0], Rescheduled):
                    live[who] = moves[0].booking
            for capacity, taken, counted, there in await ask(platform, LIVE, clinic):
                assert taken <= capacity
                assert counted == there
            [[most]] = await ask(platform, OF_A_DAY, clinic)
            assert most <= 1


def outcome(answer: object) -> object:
    """Return what a repeated request must answer again."""
    match answer:
        case AppointmentView():
            return answer.id
        case Rescheduled():
            return answer.booking.id, answer.replaced.id
        case Refused():
            return answer.reason
        case _:
            return answer
