"""Replacement for a stopped clinic: offering places, accepting, declining, letting them lapse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from tests.city import THURSDAY, Clock, ask, change, open_platform
from tests.crowd import WAITING, Person, add_clinic, add_crowd, book, open_desk
from tests.supply import at

from guahao.flows.call_centre.call_tasks import make_call_tasks
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import replacing, stops
from guahao.flows.supply.replacing import Offered, accept, decline, lapse, offer, own_offers
from guahao.flows.supply.stops import GRACE, carry_on
from guahao.flows.supply.timetables import change_session
from guahao.rules.booking.replacing import OfferRefusal, PlacesOffered, ReplacementRefusal
from guahao.rules.kernel.outcomes import DONE, Refusal, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.changes import SessionRefusal, SessionRefused
from guahao.store.booking.appointments import lock_sessions
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.stops import StopScope
from guahao.tools.audit.audit import audit

NEXT_THURSDAY = THURSDAY + timedelta(days=7)
FRIDAY_AFTER = THURSDAY + timedelta(days=8)
UNTIL = at("2026-12-04T18:00")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@dataclass
class City:
    """A department whose Thursday clinic was stopped, with clinics a week later."""

    platform: Platform
    by: Staff
    stopped_session: int
    later: list[int]
    people: list[Person]
    bookings: list[int]
    stop_id: int

    async def offer(
        self, *places: PlacesOffered, until: datetime = UNTIL
    ) -> Offered | Refused[OfferRefusal] | None:
        return await offer(self.platform, self.by, self.stop_id, places, until)

    async def counters(self, session_id: int) -> tuple[int, int, int, int]:
        [row] = await ask(
            self.platform,
            "SELECT capacity, booked, held, reserved FROM clinic_sessions WHERE id = %s",
            session_id,
        )
        return tuple(row)

    async def offers(self) -> list[tuple[int, int, str]]:
        return [
            tuple(row)
            for row in await ask(
                self.platform,
                "SELECT stopped_appointment_id, clinic_session_id, state"
                " FROM replacement_offers ORDER BY id",
            )
        ]

    async def messages(self) -> list[tuple[str, int]]:
        return [
            (kind, id)
            for kind, id in await ask(
                self.platform,
                "SELECT kind, appointment_id FROM messages WHERE kind <> 'booked' ORDER BY id",
            )
        ]


async def city(
    platform: Platform, people: int = 3, dates: tuple[date, ...] = (NEXT_THURSDAY,)
) -> City:
    [first, *later] = await add_clinic(platform, (THURSDAY, *dates), 5)
    [[hospital_id]] = await ask(
        platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", first
    )
    by = Staff(7, "scheduler", Role.SCHEDULER, hospital_id)
    crowd = await add_crowd(platform, people)
    bookings = []
    async with open_desk(platform) as desk:
        for person in crowd:
            booked = await book(desk, person, first)
            assert isinstance(booked, AppointmentView)
            bookings.append(booked.id)
    stop_id = await stops.stop(platform, by, StopScope(THURSDAY, THURSDAY), "医生外出")
    assert isinstance(stop_id, int)
    return City(platform, by, first, later, crowd, bookings, stop_id)


async def assert_audit_clean(platform: Platform) -> None:
    assert [one.name for one in (await audit(platform)).findings if one.disagreements] == []


async def test_added_places_are_offered_in_the_order_of_booking_and_reserved(
    platform: Platform, clock: Clock
) -> None:
    it = await city(platform)
    assert await it.offer(PlacesOffered(it.later[0], 2, 0)) == Offered(2, 1)
    assert await it.counters(it.later[0]) == (7, 0, 0, 2)
    assert await it.offers() == [
        (it.bookings[0], it.later[0], "open"),
        (it.bookings[1], it.later[0], "open"),
    ]
    assert await it.messages() == []  # with the stop's own
    clock.now += GRACE
    await carry_on(platform)
    assert await it.messages() == [
        ("stopped", it.bookings[2]),
        ("replacement_offered", it.bookings[0]),
        ("replacement_offered", it.bookings[1]),
    ]
    await assert_audit_clean(platform)


async def test_only_as_many_places_are_added_as_patients_are_offered(platform: Platform) -> None:
    it = await city(platform, people=2)
    assert await it.offer(PlacesOffered(it.later[0], 5, 3)) == Offered(2, 0)
    assert await it.counters(it.later[0]) == (7, 0, 0, 2)


async def test_free_places_are_offered_where_nothing_is_added(platform: Platform) -> None:
    it = await city(platform)
    assert await it.offer(PlacesOffered(it.later[0], 1, 2)) == Offered(3, 0)
    assert await it.counters(it.later[0]) == (6, 0, 0, 3)


async def test_a_patient_is_notified_at_once_where_the_stop_was_announced(
    platform: Platform, clock: Clock
) -> None:
    it = await city(platform, people=1)
    clock.now += GRACE
    await carry_on(platform)
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    assert await it.messages() == [
        ("stopped", it.bookings[0]),
        ("replacement_offered", it.bookings[0]),
    ]


async def test_nobody_is_offered_what_the_desk_would_refuse(platform: Platform) -> None:
    it = await city(platform, people=2)
    async with open_desk(platform) as desk:
        # The first has booked the same department on that day since.
        await book(desk, it.people[0], it.later[0])
    assert await it.offer(PlacesOffered(it.later[0], 1, 0)) == Offered(1, 1)
    assert await it.offers() == [(it.bookings[1], it.later[0], "open")]


async def test_an_accepted_place_is_booked_with_a_code_and_a_message(platform: Platform) -> None:
    it = await city(platform, people=1)
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    person = it.people[0]
    [seen] = (await own_offers(platform, person.account_id)).values()
    assert (seen.session.id, seen.state) == (it.later[0], "open")
    booked = await accept(platform, person.account_id, it.bookings[0], "web")
    assert isinstance(booked, AppointmentView)
    assert (booked.session.id, booked.status, booked.channel) == (it.later[0], "booked", "web")
    assert len(booked.code) == 8
    assert await it.counters(it.later[0]) == (6, 1, 0, 0)
    assert await ask(
        platform, "SELECT kind FROM messages WHERE appointment_id = %s", booked.id
    ) == [("booked",)]
    # A second tap shows the same booking.
    assert await accept(platform, person.account_id, it.bookings[0], "wechat") == booked
    assert await decline(platform, person.account_id, it.bookings[0]) == Refused(
        ReplacementRefusal.ACCEPTED
    )
    await assert_audit_clean(platform)


async def test_many_taps_at_once_book_once(platform: Platform) -> None:
    it = await city(platform, people=1)
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    account_id = it.people[0].account_id
    answers = await asyncio.gather(
        *(accept(platform, account_id, it.bookings[0], "web") for _ in range(6))
    )
    assert len({one.id for one in answers if isinstance(one, AppointmentView)}) == 1
    assert await it.counters(it.later[0]) == (6, 1, 0, 0)
    await assert_audit_clean(platform)


async def test_accepting_and_lapsing_at_once_end_in_one_of_them(
    platform: Platform, clock: Clock
) -> None:
    it = await city(platform, people=5)
    await it.offer(PlacesOffered(it.later[0], 5, 0))
    clock.now = UNTIL - timedelta(seconds=1)

    async def late() -> int:
        clock.now = UNTIL
        return await lapse(platform)

    answers = await asyncio.gather(
        *(
            accept(platform, person.account_id, id, "web")
            for person, id in zip(it.people, it.bookings, strict=True)
        ),
        late(),
        lapse(platform),
    )
    booked = sum(isinstance(one, AppointmentView) for one in answers)
    states = [state for _, _, state in await it.offers()]
    assert (states.count("accepted"), states.count("lapsed")) == (booked, 5 - booked)
    _, counted, _, reserved = await it.counters(it.later[0])
    assert (counted, reserved) == (booked, 0)
    await assert_audit_clean(platform)


async def test_who_accepts_just_behind_the_lapse_gets_no_place(
    platform: Platform, clock: Clock
) -> None:
    """Both have seen the offer open, and wait for its session; the lapse is the first.

    Control: without the second look under the locks a place is taken that is not reserved.
    """
    it = await city(platform, people=1)
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    clock.now = UNTIL
    async with platform.db.transaction() as tx:
        await lock_sessions(tx, it.later)
        lapsing = asyncio.create_task(lapse(platform))
        await until_waiting(platform, 1)
        clock.now = UNTIL - timedelta(seconds=1)  # a process whose clock is behind
        accepting = asyncio.create_task(
            accept(platform, it.people[0].account_id, it.bookings[0], "web")
        )
        await until_waiting(platform, 2)
    assert await lapsing == 1
    assert await accepting == Refused(ReplacementRefusal.LAPSED)
    assert await it.counters(it.later[0]) == (6, 0, 0, 0)
    await assert_audit_clean(platform)


async def until_waiting(platform: Platform, sessions: int) -> None:
    while (await ask(platform, WAITING))[0][0] < sessions:  # noqa: ASYNC110 - in PostgreSQL
        await asyncio.sleep(0.01)


async def test_another_accounts_offer_is_unknown(platform: Platform) -> None:
    it = await city(platform, people=2)
    await it.offer(PlacesOffered(it.later[0], 2, 0))
    stranger = it.people[1].account_id
    unknown = Refused(ReplacementRefusal.UNKNOWN)
    assert await accept(platform, stranger, it.bookings[0], "web") == unknown
    assert await decline(platform, stranger, it.bookings[0]) == unknown
    assert await accept(platform, stranger, 12345, "web") == unknown
    assert it.bookings[0] not in await own_offers(platform, stranger)


async def test_the_rules_are_asked_again_when_a_place_is_accepted(platform: Platform) -> None:
    it = await city(platform, people=1)
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    async with open_desk(platform) as desk:
        await book(desk, it.people[0], it.later[0])
    outcome = await accept(platform, it.people[0].account_id, it.bookings[0], "web")
    assert isinstance(outcome, Refused)
    assert outcome.reason is Refusal.DUPLICATE_DEPARTMENT
    assert await it.counters(it.later[0]) == (6, 1, 0, 1)  # it stays open


async def test_a_declined_place_of_a_full_session_waits_for_a_draw(platform: Platform) -> None:
    it = await city(platform, people=1)
    await change(platform, "UPDATE clinic_sessions SET capacity = 0 WHERE id = %s", it.later[0])
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    account_id = it.people[0].account_id
    assert await decline(platform, account_id, it.bookings[0]) == DONE
    assert await decline(platform, account_id, it.bookings[0]) == DONE
    assert await it.counters(it.later[0]) == (1, 0, 1, 0)
    assert await ask(platform, "SELECT cause, places FROM held_places") == [("offer_lapsed", 1)]
    assert await accept(platform, account_id, it.bookings[0], "web") == Refused(
        ReplacementRefusal.DECLINED
    )
    await assert_audit_clean(platform)


async def test_what_is_not_accepted_lapses_once_and_its_patient_is_notified(
    platform: Platform, clock: Clock
) -> None:
    it = await city(platform, people=2)
    await change(platform, "UPDATE clinic_sessions SET capacity = 0 WHERE id = %s", it.later[0])
    await it.offer(PlacesOffered(it.later[0], 2, 0))
    clock.now += GRACE
    await carry_on(platform)
    await accept(platform, it.people[0].account_id, it.bookings[0], "web")
    clock.now = UNTIL
    assert await accept(platform, it.people[1].account_id, it.bookings[1], "web") == Refused(
        ReplacementRefusal.LAPSED
    )
    assert await lapse(platform) == 1
    assert await lapse(platform) == 0
    assert await it.counters(it.later[0]) == (2, 1, 1, 0)
    assert (await it.messages())[-1] == ("replacement_lapsed", it.bookings[1])
    assert [state for _, _, state in await it.offers()] == ["accepted", "lapsed"]
    await assert_audit_clean(platform)


async def test_who_let_a_place_lapse_may_be_offered_another(
    platform: Platform, clock: Clock
) -> None:
    it = await city(platform, people=1, dates=(NEXT_THURSDAY, FRIDAY_AFTER))
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    clock.now = UNTIL
    await lapse(platform)
    again = await it.offer(PlacesOffered(it.later[1], 1, 0), until=UNTIL + timedelta(days=2))
    assert again == Offered(1, 0)
    assert await it.offers() == [(it.bookings[0], it.later[1], "open")]


async def test_undoing_a_stop_withdraws_its_offers(platform: Platform) -> None:
    it = await city(platform, people=2)
    await it.offer(PlacesOffered(it.later[0], 2, 0))
    await stops.undo(platform, it.by, it.stop_id)
    assert [state for _, _, state in await it.offers()] == ["lapsed", "lapsed"]
    _, booked, _, reserved = await it.counters(it.later[0])
    assert (booked, reserved) == (0, 0)
    assert await it.messages() == []
    assert await it.offer(PlacesOffered(it.later[0], 1, 0)) == Refused(OfferRefusal.UNDONE)
    await assert_audit_clean(platform)


async def test_stopping_the_other_clinic_too_ends_its_offers(platform: Platform) -> None:
    it = await city(platform, people=1)
    await it.offer(PlacesOffered(it.later[0], 1, 0))
    await stops.stop(platform, it.by, StopScope(NEXT_THURSDAY, NEXT_THURSDAY), "设备检修")
    assert [state for _, _, state in await it.offers()] == ["lapsed"]
    assert await it.messages() == [("replacement_lapsed", it.bookings[0])]
    await assert_audit_clean(platform)


async def test_fewer_places_than_are_offered_are_refused(platform: Platform) -> None:
    it = await city(platform, people=2)
    await it.offer(PlacesOffered(it.later[0], 2, 0))
    refused = await change_session(platform, it.by, it.later[0], 1, None)
    assert isinstance(refused, SessionRefused)
    assert refused.reason is SessionRefusal.BELOW_BOOKED
    assert not isinstance(
        await change_session(platform, it.by, it.later[0], 2, None), SessionRefused
    )
    assert await it.counters(it.later[0]) == (2, 0, 0, 2)
    await assert_audit_clean(platform)


async def test_the_counters_list_gives_way_to_fewer_places_and_the_offers_do_not(
    platform: Platform,
) -> None:
    it = await city(platform, people=2)
    await it.offer(PlacesOffered(it.later[0], 2, 0))
    for _ in range(2):
        await change(
            platform,
            "INSERT INTO held_places (clinic_session_id, places, cause, held_at)"
            " VALUES (%s, 1, 'referral', now())",
            it.later[0],
        )
    await change(platform, "UPDATE clinic_sessions SET reserved = 4 WHERE id = %s", it.later[0])
    await change_session(platform, it.by, it.later[0], 3, None)
    assert await it.counters(it.later[0]) == (3, 0, 0, 3)
    await assert_audit_clean(platform)


async def test_a_patient_whom_no_message_reached_becomes_a_call_task(
    platform: Platform, clock: Clock
) -> None:
    it = await city(platform, people=2)
    await it.offer(PlacesOffered(it.later[0], 2, 0))
    clock.now += GRACE
    await carry_on(platform)
    await change(platform, "UPDATE messages SET state = 'failed' WHERE kind LIKE 'replacement_%%'")
    assert await make_call_tasks(platform) == 2
    await accept(platform, it.people[0].account_id, it.bookings[0], "phone")
    await make_call_tasks(platform)
    assert await ask(platform, "SELECT appointment_id FROM call_tasks WHERE closed_at IS NULL") == [
        (it.bookings[1],)
    ]


@pytest.mark.parametrize(
    ("places", "until", "refused"),
    [
        ((0, 0), UNTIL, OfferRefusal.NO_PLACES),
        ((1, -1), UNTIL, OfferRefusal.NO_PLACES),
        ((1, 0), at("2026-11-30T10:59"), OfferRefusal.TOO_SOON),
        ((0, 6), UNTIL, OfferRefusal.NOT_FREE),
        ((996, 0), UNTIL, OfferRefusal.TOO_MANY),
    ],
)
async def test_what_is_not_offered(
    platform: Platform, places: tuple[int, int], until: datetime, refused: OfferRefusal
) -> None:
    it = await city(platform, people=1)
    before = await it.counters(it.later[0])
    outcome = await it.offer(PlacesOffered(it.later[0], *places), until=until)
    assert outcome == Refused(refused)
    assert await it.counters(it.later[0]) == before


async def test_other_clinics_are_no_replacement(platform: Platform, clock: Clock) -> None:
    it = await city(platform, people=1, dates=(NEXT_THURSDAY, FRIDAY_AFTER))
    other = await city(platform, people=1)
    outcome = await it.offer(PlacesOffered(other.later[0], 1, 0))
    assert outcome == Refused(OfferRefusal.OTHER_CLINIC)
    unknown = await offer(platform, other.by, it.stop_id, [], UNTIL)
    assert unknown == Refused(OfferRefusal.UNKNOWN)
    assert await replacing.replacement(platform, other.by, it.stop_id) is None
    await change(platform, "UPDATE clinic_sessions SET title = '医师' WHERE id = %s", it.later[0])
    assert await it.offer(PlacesOffered(it.later[0], 1, 0)) == Refused(OfferRefusal.OTHER_CLINIC)
    clock.now = at("2026-12-10T14:00")
    assert await it.offer(
        PlacesOffered(it.later[1], 1, 0), until=at("2026-12-11T08:00")
    ) == Refused(OfferRefusal.DATE_CLOSED)


async def test_the_scheduler_sees_who_waits_and_what_can_be_offered(platform: Platform) -> None:
    it = await city(platform, people=3)
    before = await replacing.replacement(platform, it.by, it.stop_id)
    assert before is not None
    assert [(one.title, one.patients) for one in before.waiting] == [("主任医师", 3)]
    assert [session.id for session in before.candidates] == it.later
    await it.offer(PlacesOffered(it.later[0], 2, 0))
    after = await replacing.replacement(platform, it.by, it.stop_id)
    assert after is not None
    assert [one.patients for one in after.waiting] == [1]
    assert (after.counts.open, after.counts.offered) == (2, 2)
