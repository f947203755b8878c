"""The audit: silent over a city that grew by the platform's own doing, and for each check one
thing made wrong behind the platform's back, which that check finds, and no other."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from tests.city import (
    Clock,
    add_account,
    add_booking,
    add_patient,
    ask,
    cancel_for_caller,
    change,
    draw_codes,
    open_platform,
    stop_session,
)
from tests.crowd import add_clinic, open_desk, pick_up
from tests.databases import ReusedDatabase, execute, with_database
from tests.flows.fairness.fair_city import Clinic, applied, hold_until
from tests.tools.relay import beacon_with, relaying, with_relays
from tests.web.staff_site import add_member

from guahao.flows.attendance.penalties import retire_codes, sweep
from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.retention import delete_old
from guahao.flows.supply.stops import carry_on, undo
from guahao.flows.supply.timetables import SessionChange, change_session
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.store.booking.appointments import appointments_by_id
from guahao.store.kernel.db import DatabaseReadOnlyError
from guahao.store.kernel.views import AppointmentView
from guahao.store.people.patients import person_index
from guahao.store.staff import trail
from guahao.tools.audit import audit as tool
from guahao.tools.audit import queries as store
from guahao.tools.audit.audit import audit, run

DECEMBER = [date(2026, 12, 1) + timedelta(days=n) for n in range(31)]
LATER = [date(2027, 1, 5), date(2027, 1, 25), date(2027, 2, 15), date(2027, 3, 6), date(2027, 3, 7)]
DATES = [*DECEMBER, *LATER]
DRAND_KEY = 20_261_126  # of all members together


@dataclass
class City:
    """A platform with a past, and the ids of what it holds."""

    platform: Platform
    clock: Clock
    owner_url: str
    accounts: list[int] = field(default_factory=list)
    patients: dict[str, int] = field(default_factory=dict)
    clinics: list[dict[date, int]] = field(default_factory=list)
    bookings: dict[str, AppointmentView] = field(default_factory=dict)

    def session(self, clinic: int, day: int) -> int:
        """A session of December 2026."""
        return self.clinics[clinic][date(2026, 12, day)]

    async def book(self, name: str, who: str, clinic: int, day: int) -> None:
        """Through the desk, by the account of the patient."""
        actor = Actor("account", self.accounts[0 if who in "ab" else 1])
        session_id = self.session(clinic, day)
        async with open_desk(self.platform) as desk:
            answer = await desk.book(actor, name, self.patients[who], session_id, "web")
        assert isinstance(answer, AppointmentView), answer
        self.bookings[name] = answer

    def ids(self) -> dict[str, int]:
        """What the statements of a corruption may name."""
        return {
            **{f"booking_{name}": view.id for name, view in self.bookings.items()},
            **{f"session_{name}": view.session.id for name, view in self.bookings.items()},
            **{f"patient_{name}": id for name, id in self.patients.items()},
            **{f"account_{n}": id for n, id in enumerate(self.accounts)},
            "policy_days": 1,
            "first": 1,
        }

    def corrupt(self, *statements: str) -> None:
        """As the owner of the tables, behind the platform's back."""
        with psycopg.connect(self.owner_url) as conn:
            for statement in statements:
                conn.execute(statement, self.ids())

    async def disagreeing(self) -> dict[str, list[int]]:
        """The checks that do not hold, each with the ids it names."""
        found = (await audit(self.platform)).findings
        assert all(len(one.ids) == min(one.disagreements, store.IDS_SHOWN) for one in found)
        return {one.name: one.ids for one in found if one.disagreements}


@pytest.fixture(scope="module")
def grown(server_url: str, template_database: str) -> Iterator[tuple[City, ReusedDatabase]]:
    """A city that has grown, and a database that is as it was then at each `clean`."""
    name = f"guahao_grown_{uuid4().hex}"
    execute(server_url, "CREATE DATABASE {} TEMPLATE {}", name, template_database)
    database = ReusedDatabase(server_url, name)
    try:
        yield asyncio.run(_grown(with_database(server_url, name))), database
    finally:
        database.drop()
        execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
async def city(grown: tuple[City, ReusedDatabase]) -> AsyncIterator[City]:
    made, database = grown
    clock, url = Clock(made.clock.now), database.clean()
    async with open_platform(url, clock) as platform:
        yield replace(
            made, platform=platform, clock=clock, owner_url=url, bookings={**made.bookings}
        )


async def _grown(database_url: str) -> City:
    clock = Clock()
    async with open_platform(database_url, clock) as platform:
        made = City(platform, clock, database_url)
        await _grow(made)
        return made


async def _grow(city: City) -> None:
    """A week in which everything happens: picked up, missed, voided, cancelled, stopped."""
    platform = city.platform
    city.accounts = [await add_account(platform, number) for number in (1, 2, 3)]
    for number, who in enumerate("abcde"):
        account = city.accounts[number // 2]
        city.patients[who] = (await add_patient(platform, account, number + 1)).id
    for _ in range(3):
        city.clinics.append(dict(zip(DATES, await add_clinic(platform, DATES), strict=True)))
    for name, who, clinic, day in [
        ("came", "a", 0, 2),
        *[(f"missed{day}", "b", 0, day) for day in (3, 4, 5)],
        ("restored", "a", 2, 9),
        ("unknown", "c", 1, 3),
        ("cancelled", "c", 1, 11),
        ("stopped", "c", 1, 12),
        ("coming", "c", 0, 10),
    ]:
        await city.book(name, who, clinic, day)
    await _refuse(city)
    await _book_by_phone(city)
    await _win_what_was_returned(city)
    await cancel_for_caller(platform, city.bookings["cancelled"].id)
    await stop_session(platform, city.bookings["stopped"].session.id)
    await _change_places(city)
    await _live_the_week(city)


async def _win_what_was_returned(city: City) -> None:
    """The only place of a session comes back and is drawn, by a value of drand."""
    beacon = beacon_with(DRAND_KEY, city.clock.now - timedelta(days=1))
    session_id = city.session(2, 13)
    await change(city.platform, "UPDATE clinic_sessions SET capacity = 1 WHERE id = %s", session_id)
    await city.book("returned", "d", 2, 13)
    session = city.bookings["returned"].session
    await cancel_for_caller(city.platform, city.bookings["returned"].id)
    clinic = Clinic(session.id, session.department_id)
    await applied(city.platform, city.accounts[2], (city.patients["e"],), clinic)
    with relaying(beacon, DRAND_KEY, city.clock) as relay:
        platform = with_relays(city.platform, beacon, relay.url)
        await hold_until(platform, city.clock, city.clock.now + timedelta(hours=1))
    [[won]] = await ask(platform, "SELECT appointment_id FROM wins")
    async with platform.db.transaction() as tx:
        found = await appointments_by_id(tx, platform.vault, [won])
    city.bookings["won"] = found[won]


async def _change_places(city: City) -> None:
    """A session has more places now; the stop of another is undone, and its booking lives."""
    platform, session = city.platform, city.bookings["restored"].session
    by = Staff(7, "scheduler", Role.SCHEDULER, session.hospital_id)
    raised = await change_session(platform, by, city.session(2, 10), 21, None)
    assert isinstance(raised, SessionChange)
    stop_id = await stop_session(platform, session.id)
    assert isinstance(stop_id, int)
    await carry_on(platform)
    assert not isinstance(await undo(platform, by, stop_id), Refused)
    await carry_on(platform)


async def _refuse(city: City) -> None:
    async with open_desk(city.platform) as desk:
        actor = Actor("account", city.accounts[1])
        answer = await desk.book(actor, "no", city.patients["c"], city.session(0, 10), "web")
    assert isinstance(answer, Refused)


async def _book_by_phone(city: City) -> None:
    """An agent books for a caller, and the trail tells of it."""
    platform = city.platform
    agent = await add_member(platform, Role.AGENT)
    async with open_desk(platform) as desk:
        actor = Actor("staff", agent.id)
        answer = await desk.book(actor, "call", city.patients["a"], city.session(1, 12), "phone")
    assert isinstance(answer, AppointmentView)
    city.bookings["called"] = answer
    async with platform.db.transaction() as tx:
        subject = ("appointment", answer.id)
        await trail.record(tx, platform.vault, agent.who, "book_appointment", subject)


async def _live_the_week(city: City) -> None:
    platform, came = city.platform, city.bookings["came"]
    city.clock.now = datetime(2026, 12, 2, 9, tzinfo=CITY_TIME)
    taken = await pick_up(platform, came.session.hospital_id, came.code, came.patient.id_no)
    assert isinstance(taken, AppointmentView)
    city.clock.now = datetime(2026, 12, 5, 21, tzinfo=CITY_TIME)
    missed = [view.id for name, view in city.bookings.items() if name.startswith("missed")]
    assert await report_attendance(platform, [], missed) == 3
    assert await sweep(platform) == 1
    city.clock.now = datetime(2026, 12, 6, 9, tzinfo=CITY_TIME)


# Clean -----------------------------------------------------------------------------------------


async def test_a_city_that_grew_by_the_platforms_own_doing_is_clean(city: City) -> None:
    statuses = await ask(city.platform, "SELECT DISTINCT status FROM appointments ORDER BY 1")
    assert [status for (status,) in statuses] == [
        "booked",
        "cancelled",
        "no_show",
        "picked_up",
        "stopped",
        "unverified",
    ]
    suspended = "SELECT id FROM patients WHERE suspended_until = '2027-03-05'"
    assert await ask(city.platform, suspended) == [(city.patients["b"],)]
    result = await audit(city.platform)
    assert await city.disagreeing() == {}
    assert result.clean


async def test_every_check_has_looked_at_something(city: City) -> None:
    examined = {one.name: one.examined for one in (await audit(city.platform)).findings}
    assert [name for name, count in examined.items() if not count] == []
    assert examined["session_counters"] == 3 * len(DATES)
    assert examined["copies"] == len(city.bookings)
    assert examined["seven_day_limit"] == 4  # persons with counted bookings
    assert (examined["patients_open"], examined["accounts_open"]) == (5, 3)


async def test_an_empty_platform_is_clean(database_url: str) -> None:
    async with open_platform(database_url, Clock()) as platform:
        result = await audit(platform)
    assert result.clean
    # Retention looks at each kind of record that it deletes.
    assert {one.name: one.examined for one in result.findings if one.examined} == {"retention": 6}


# Retention -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grow_old",
    [
        (
            "UPDATE messages SET state = 'delivered', changed_at = now() - interval '2000 days'"
            " WHERE id = (SELECT min(id) FROM messages)"
        ),
        (
            "INSERT INTO outbox (key, kind, to_enc, to_index, text_enc, sent_at)"
            " VALUES ('old', 'otp', '', '', '', now() - interval '2000 days')"
        ),
        (
            "INSERT INTO calls (staff_id, account_id, opened_at)"
            " SELECT s.id, a.id, now() - interval '2000 days' FROM staff s, accounts a LIMIT 1"
        ),
        (
            "UPDATE patients SET account_id = NULL, phone_slot = NULL, name_index = NULL,"
            " suspended_until = NULL, erased_at = now() - interval '2000 days'"
            " WHERE id = (SELECT id FROM patients p WHERE NOT EXISTS"
            " (SELECT FROM appointments a WHERE a.patient_id = p.id) ORDER BY id LIMIT 1)"
        ),
    ],
    ids=["messages", "outbox", "calls", "erased persons"],
)
async def test_what_is_kept_too_long_is_found_until_the_nightly_job_has_run(
    database_url: str, grow_old: str
) -> None:
    async with open_platform(database_url, Clock()) as platform:
        await add_member(platform, Role.AGENT)
        await add_booking(platform)
        await add_patient(platform, await add_account(platform, 2), 2)
        await change(platform, grow_old)

        async def overdue() -> int:
            found = {one.name: one.disagreements for one in (await audit(platform)).findings}
            return found["retention"]

        assert await overdue() == 1
        await delete_old(platform)
        assert await overdue() == 0


# One thing made wrong --------------------------------------------------------------------------

SHIFT = "UPDATE clinic_sessions SET {} WHERE id = %(session_coming)s"
BOOKED_AT = "UPDATE appointments SET booked_at = '{}' WHERE id = %(booking_coming)s"
COPY_REQUEST = """
    INSERT INTO booking_requests
    SELECT actor_kind, actor_id, {}, patient_id, clinic_session_id, outcome, appointment_id,
           retry_from, visit_from, decided_at
    FROM booking_requests WHERE idempotency_key = '{}'
"""
FORGET_MESSAGES = "DELETE FROM messages WHERE appointment_id = %(booking_coming)s"
SUSPENDED = "UPDATE patients SET suspended_until = {} WHERE id = %({})s"

CORRUPTIONS = [
    ("places_counted", "session_coming", [SHIFT.format("held = 1, draw_at = now()")]),
    ("places_counted", "session_coming", [SHIFT.format("reserved = 1")]),
    (
        "returns_recorded",
        "booking_cancelled",
        [
            """
            UPDATE held_places SET held_at = held_at - interval '1 second',
                                   released_at = released_at - interval '1 second'
            WHERE clinic_session_id = %(session_cancelled)s
            """
        ],
    ),
    (
        "returned_places_waited",
        "first",
        ["UPDATE held_places SET released_at = held_at WHERE id = 1"],
    ),
    ("returned_places_waited", "first", ["UPDATE held_places SET free_before = 1 WHERE id = 1"]),
    (
        "undone_stops_recorded",
        "session_restored",
        [
            """
            UPDATE stop_bookings SET restored_at = NULL
            WHERE appointment_id = %(booking_restored)s
            """
        ],
    ),
    (
        "draws_are_to_come",
        "session_coming",
        [
            SHIFT.format("held = 1, draw_at = '2026-12-06 06:00+08'"),
            """
            INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at)
            VALUES (%(session_coming)s, 1, 'cancelled', '2026-12-05 09:00+08',
                    '2026-12-06 06:00+08')
            """,
        ],
    ),
    ("applications_stand", "first", ["UPDATE application_patients SET is_live = true"]),
    (
        "applications_stand",
        "first",
        ["UPDATE application_patients SET department_id = department_id + 1"],
    ),
    (
        "applications_stand",
        "first",
        [
            "UPDATE application_patients SET is_live = true",
            "UPDATE applications SET state = 'live', account_id = %(account_0)s",
        ],
    ),
    (
        "wins_booked",
        "booking_won",
        ["UPDATE wins SET patient_id = %(patient_a)s"],
    ),
    ("draws_verify", "first", ["UPDATE draws SET proof_sha256 = '\\x00'"]),
    ("draws_verify", "first", ["UPDATE draw_entries SET lost = 5"]),
    ("session_counters", "session_coming", [SHIFT.format("booked = booked + 1")]),
    ("session_counters", "session_coming", [SHIFT.format("booked = 0")]),
    (
        "never_oversold",
        "session_coming",
        [
            "ALTER TABLE clinic_sessions DROP CONSTRAINT clinic_sessions_never_oversold",
            SHIFT.format("capacity = 0"),
        ],
    ),
    *[
        (
            "copies",
            "booking_cancelled",
            [f"UPDATE appointments SET {copy} WHERE id = %(booking_cancelled)s"],
        )
        for copy in ("department_id = 99", "visit_date = visit_date + 1")
    ],
    *[
        ("bookable_dates", "booking_coming", [BOOKED_AT.format(at)])
        for at in ("2026-12-10 00:00+08", "2026-12-09 15:00+08", "2026-09-09 23:59:59+08")
    ],
    (
        "bookable_dates",
        "booking_coming",
        [
            "UPDATE hospitals SET release_time = '08:30'",
            BOOKED_AT.format("2026-09-10 08:29:59.999999+08"),
        ],
    ),
    (
        "bookable_dates",
        "booking_coming",
        ["UPDATE hospitals SET cycle_days = 13", BOOKED_AT.format("2026-11-26 09:00+08")],
    ),
    (
        "codes_of_eight_digits",
        "booking_coming",
        [
            """
            UPDATE appointments SET code_enc = (SELECT code_enc FROM appointments
                                                WHERE id = %(booking_came)s)
            WHERE id = %(booking_coming)s
            """
        ],
    ),
    (
        "codes_of_eight_digits",
        "booking_coming",
        [
            """
            UPDATE appointments SET code_index = sha256(code_index)
            WHERE id = %(booking_coming)s
            """
        ],
    ),
    (
        "codes_kept_and_retired",
        "booking_came",
        ["UPDATE appointments SET code_live = false WHERE id = %(booking_came)s"],
    ),
    (
        "requests_kept_their_word",
        "booking_coming",
        [
            """
            UPDATE booking_requests SET patient_id = %(patient_d)s
            WHERE appointment_id = %(booking_coming)s
            """
        ],
    ),
    (
        "requests_kept_their_word",
        "booking_coming",
        [
            FORGET_MESSAGES,
            "DELETE FROM hospital_events WHERE appointment_id = %(booking_coming)s",
            "DELETE FROM appointments WHERE id = %(booking_coming)s",
            SHIFT.format("booked = 0"),
        ],
    ),
    ("one_request_a_booking", "booking_coming", [COPY_REQUEST.format("'again'", "coming")]),
    (
        "one_answer_a_key",
        "account_1",
        [
            "ALTER TABLE booking_requests DROP CONSTRAINT booking_requests_pkey",
            COPY_REQUEST.format("idempotency_key", "no"),
        ],
    ),
    ("bookings_told", "booking_coming", [FORGET_MESSAGES]),
    *[
        ("events_agree", "booking_came", [f"{change} WHERE appointment_id = %(booking_came)s"])
        for change in (
            "DELETE FROM hospital_events",
            "UPDATE hospital_events SET kind = 'restored'",
            "UPDATE hospital_events SET hospital_id = hospital_id + 1",
        )
    ],
    (
        "staff_bookings_recorded",
        "booking_called",
        ["SET session_replication_role = replica", "DELETE FROM audit_trail"],
    ),
    (
        "changes_in_their_time",
        "booking_coming",
        [
            """
            UPDATE hospital_events SET at = '2026-12-06 09:02+08'
            WHERE appointment_id = %(booking_coming)s
            """
        ],
    ),
    (
        "sessions_settled_in_their_time",
        "session_cancelled",
        ["UPDATE clinic_sessions SET settled_at = now() WHERE id = %(session_cancelled)s"],
    ),
    (
        "voided_on_their_day",
        "booking_coming",
        ["UPDATE appointments SET status = 'unverified' WHERE id = %(booking_coming)s"],
    ),
    (
        "policy_days_closed_in_their_time",
        "policy_days",
        ["UPDATE policy_days SET closed_until = '2026-12-07'"],
    ),
    ("stopped_sessions_empty", "session_coming", [SHIFT.format("stopped_at = now()")]),
    ("settled_sessions_empty", "session_coming", [SHIFT.format("settled_at = now()")]),
    (
        "substituted_no_no_show",
        "booking_missed4",
        [
            "ALTER TABLE appointments DROP CONSTRAINT appointments_substituted_check",
            "UPDATE appointments SET substituted_at = booked_at WHERE id = %(booking_missed4)s",
        ],
    ),
    (
        "no_shows_known",
        "booking_missed4",
        ["UPDATE clinic_sessions SET attendance_known_at = NULL WHERE id = %(session_missed4)s"],
    ),
    ("suspensions", "patient_b", [SUSPENDED.format("suspended_until + 1", "patient_b")]),
    ("suspensions", "patient_b", [SUSPENDED.format("NULL", "patient_b")]),
    ("suspensions", "patient_d", [SUSPENDED.format("'2026-12-01'", "patient_d")]),
    (
        "patients_a_phone",
        "account_0",
        [
            "ALTER TABLE patients DROP CONSTRAINT patients_phone_slot_check",
            """
            UPDATE patients SET account_id = %(account_0)s, phone_slot = 3
            WHERE id = %(patient_d)s
            """,
        ],
    ),
    *[
        (
            "patients_open",
            "patient_a",
            [
                f"""
                UPDATE patients SET {column} = other.{column} FROM patients other
                WHERE patients.id = %(patient_a)s AND other.id = %(patient_b)s
                """
            ],
        )
        for column in ("name_enc", "id_no_enc")
    ],
    (
        "patients_open",
        "patient_a",
        ["UPDATE patients SET id_no_index = '\\x00' WHERE id = %(patient_a)s"],
    ),
    (
        "patients_open",
        "patient_a",
        ["UPDATE patients SET person_index = '\\x00' WHERE id = %(patient_a)s"],
    ),
    (
        "accounts_open",
        "account_0",
        ["UPDATE accounts SET phone_enc = '\\x01' WHERE id = %(account_0)s"],
    ),
    (
        "accounts_open",
        "account_0",
        ["UPDATE accounts SET phone_index = '\\x00' WHERE id = %(account_0)s"],
    ),
]


@pytest.mark.parametrize(("check", "culprit", "statements"), CORRUPTIONS)
async def test_what_is_wrong_is_found_by_its_check_and_no_other(
    city: City, check: str, culprit: str, statements: Sequence[str]
) -> None:
    city.corrupt(*statements)
    assert await city.disagreeing() == {check: [city.ids()[culprit]]}


async def test_a_raise_without_its_record_is_found(city: City) -> None:
    session_id = city.session(2, 10)
    before = await ask(
        city.platform,
        "SELECT cause FROM held_places WHERE clinic_session_id = %s AND cause = 'capacity_raised'",
        session_id,
    )
    assert len(before) == 1
    city.corrupt(
        "UPDATE held_places SET held_at = held_at + interval '1 second',"
        " released_at = released_at + interval '1 second' WHERE cause = 'capacity_raised'",
    )
    assert await city.disagreeing() == {"raises_recorded": [session_id]}


@pytest.mark.parametrize(
    ("reason", "is_found"),
    [
        ("day_limit", True),
        ("seven_day_limit", True),
        ("three_month_limit", True),
        ("duplicate_department", True),
        ("patient_suspended", True),
        ("session_stopped", True),
        ("withdrawn", True),
        ("application_ended", True),
        ("no_such_reason", True),
        ("document_ended", False),  # not known any more
    ],
)
async def test_a_skip_without_its_reason_is_found(city: City, reason: str, is_found: bool) -> None:
    """An entry that was passed over for a rule, says the draw, whose file was published so."""
    city.corrupt(
        "DELETE FROM wins",
        "UPDATE applications SET state = 'live', changed_at = '2026-12-06 08:00+08'",
        "DELETE FROM appointments WHERE id = %(booking_won)s",
        f"UPDATE draw_entries SET session = NULL, patients = NULL, reasons = ARRAY['{reason}']",
    )
    found = await city.disagreeing()
    assert found.get("skips_have_their_reasons", []) == ([1] if is_found else [])


async def test_a_session_that_was_turned_into_another_alarms_nobody(city: City) -> None:
    """Its department and title draw their places; those of what it was did not."""
    city.corrupt(
        """
        INSERT INTO release_modes (hospital_id, title, mode, holds_from, reason, decided_by,
                                   decided_at)
        SELECT hospital_id, '知名专家', 'draw', '2026-01-01', '', '', '2026-01-01'
        FROM clinic_sessions WHERE id = %(session_cancelled)s
        """,
        "UPDATE clinic_sessions SET title = '知名专家' WHERE id = %(session_cancelled)s",
    )
    assert "returned_places_waited" not in await city.disagreeing()


@pytest.mark.parametrize(
    "statements",
    [
        [BOOKED_AT.format("2026-12-09 14:59:59.999999+08")],
        [BOOKED_AT.format("2026-09-10 00:00+08")],
        [
            "UPDATE hospitals SET release_time = '08:30'",
            BOOKED_AT.format("2026-09-10 08:30+08"),
        ],
        ["UPDATE hospitals SET cycle_days = 14", BOOKED_AT.format("2026-11-26 00:00+08")],
    ],
)
async def test_a_booking_at_the_edge_of_what_is_open_is_right(
    city: City, statements: Sequence[str]
) -> None:
    city.corrupt(*statements)
    assert await city.disagreeing() == {}


async def test_two_bookings_under_one_live_code_are_both_named(city: City) -> None:
    vault, copy = city.platform.vault, city.bookings["coming"].id
    code = city.bookings["came"].code
    city.corrupt("DROP INDEX appointments_live_code")
    await change(
        city.platform,
        "UPDATE appointments SET code_enc = %s, code_index = %s WHERE id = %s",
        vault.seal("appointments", "code", copy, code),
        vault.index("code", code),
        copy,
    )
    pair = sorted(city.bookings[name].id for name in ("came", "coming"))
    assert await city.disagreeing() == {"live_codes_unique": pair}


async def test_a_message_to_the_wrong_patient_is_named(city: City) -> None:
    [[message]] = await ask(
        city.platform,
        "SELECT id FROM messages WHERE kind = 'cancelled' AND appointment_id = %s",
        city.bookings["cancelled"].id,
    )
    city.corrupt(f"UPDATE messages SET patient_id = %(patient_d)s WHERE id = {message}")
    assert await city.disagreeing() == {"messages_tell_of_records": [message]}


async def test_a_person_registered_twice_is_named_twice(city: City) -> None:
    vault, copy = city.platform.vault, city.patients["d"]
    number = city.bookings["came"].patient.id_no
    city.corrupt("DROP INDEX patients_person_current")
    await change(
        city.platform,
        "UPDATE patients SET id_no_enc = %s, id_no_index = %s, person_index = %s WHERE id = %s",
        vault.seal("patients", "id_no", copy, number),
        vault.index("id_no", number),
        person_index(vault, number),
        copy,
    )
    assert await city.disagreeing() == {"person_once": [city.patients["a"], copy]}


async def test_codes_of_visits_long_past_are_to_be_retired(city: City) -> None:
    city.clock.forward(days=45)
    past = sorted(view.id for view in city.bookings.values())
    assert await city.disagreeing() == {"codes_kept_and_retired": past}
    await retire_codes(city.platform)
    assert await city.disagreeing() == {}


# The limits (S12) ------------------------------------------------------------------------------


async def slip_in(city: City, who: str, places: Sequence[tuple[int, date]]) -> None:
    """Appointments past the desk, each booked in time: counted, coded, but never decided."""
    for clinic, day in places:
        session_id = city.clinics[clinic][day]
        await change(
            city.platform,
            """
            INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                      visit_date, channel, code_enc, code_index, booked_at,
                                      changed_at)
            SELECT %s, id, hospital_id, department_id, visit_date, 'phone',
                   '', '', %s, %s
            FROM clinic_sessions WHERE id = %s
            """,
            *(city.patients[who], _in_time(day), min(_in_time(day), city.clock.now), session_id),
        )
        await draw_codes(city.platform)
        await change(
            city.platform,
            "UPDATE clinic_sessions SET booked = booked + 1 WHERE id = %s",
            session_id,
        )


def _in_time(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=CITY_TIME) - timedelta(days=3)


def in_december(*days: int) -> list[tuple[int, date]]:
    return [(0, date(2026, 12, day)) for day in days]


async def test_two_bookings_of_a_person_in_one_department_on_one_date_are_found(
    city: City,
) -> None:
    city.corrupt("DROP INDEX appointments_once_a_department")
    await slip_in(city, "d", in_december(20, 20))
    assert await city.disagreeing() == {"once_a_department": [city.patients["d"]]}


async def test_three_bookings_of_a_person_on_one_date_are_found(city: City) -> None:
    await slip_in(city, "d", [(clinic, date(2026, 12, 20)) for clinic in range(2)])
    assert await city.disagreeing() == {}
    await slip_in(city, "d", [(2, date(2026, 12, 20))])
    assert await city.disagreeing() == {"day_limit": [city.patients["d"]]}


@pytest.mark.parametrize(("days", "found"), [((8, 10, 12, 14), True), ((8, 10, 12, 15), False)])
async def test_four_bookings_of_a_person_in_seven_dates_are_found(
    city: City, days: Sequence[int], found: bool
) -> None:
    await slip_in(city, "d", in_december(*days))
    expected = {"seven_day_limit": [city.patients["d"]]} if found else {}
    assert await city.disagreeing() == expected


@pytest.mark.parametrize(("last", "found"), [(LATER[-2], True), (LATER[-1], False)])
async def test_six_bookings_of_a_person_in_three_months_are_found(
    city: City, last: date, found: bool
) -> None:
    await slip_in(city, "d", [*in_december(7, 20), *[(1, day) for day in LATER[:3]], (1, last)])
    expected = {"three_month_limit": [city.patients["d"]]} if found else {}
    assert await city.disagreeing() == expected


@pytest.mark.parametrize("status", ["cancelled", "stopped"])
async def test_what_was_cancelled_or_stopped_is_not_counted(city: City, status: str) -> None:
    await slip_in(city, "d", in_december(8, 10, 12, 14))
    city.corrupt(
        f"UPDATE appointments SET status = '{status}'"
        " WHERE patient_id = %(patient_d)s AND visit_date = '2026-12-08'",
        "UPDATE clinic_sessions SET booked = booked - 1 WHERE visit_date = '2026-12-08'"
        " AND booked > 0",
        """
        INSERT INTO held_places (clinic_session_id, places, cause, held_at, free_before,
                                 released_at)
        SELECT clinic_session_id, 1, 'cancelled', changed_at, 19, changed_at FROM appointments
        WHERE patient_id = %(patient_d)s AND status = 'cancelled' AND visit_date = '2026-12-08'
        """,
    )
    assert await city.disagreeing() == {}


# One moment ------------------------------------------------------------------------------------


async def test_an_audit_sees_one_moment_while_people_book(city: City) -> None:
    async with city.platform.db.snapshot() as tx:
        before = await store.size(tx, "appointments")
        await city.book("meanwhile", "d", 2, 20)
        assert await store.size(tx, "appointments") == before
    assert await ask(city.platform, "SELECT count(*) FROM appointments") == [(before + 1,)]


async def test_an_audit_can_write_nothing(city: City) -> None:
    with pytest.raises(DatabaseReadOnlyError):
        async with city.platform.db.snapshot() as tx:
            await tx.do("UPDATE patients SET suspended_until = NULL")


# The answer ------------------------------------------------------------------------------------


async def test_a_clean_audit_says_so(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(city.platform)
    printed = capsys.readouterr().out
    assert "Clean: nothing disagrees." in printed
    assert "does not hold" not in printed


async def test_an_audit_that_found_something_names_ids_and_nothing_personal(
    city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    city.corrupt("UPDATE patients SET suspended_until = '2026-12-01'")
    assert not await run(city.platform)
    printed = capsys.readouterr().out
    ids = ", ".join(map(str, city.patients.values()))
    assert f"patient: {ids}\n" in printed
    assert "Not clean." in printed
    came = city.bookings["came"]
    assert not any(text in printed for text in (came.patient.id_no, came.patient.name, came.code))


async def test_the_swap_index_of_the_last_days_is_printed(
    city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    # A session that was full; the other booking of it came three seconds later.
    id = city.bookings["came"].id
    city.corrupt(
        "UPDATE appointments SET status = 'cancelled', changed_at = '2026-12-05 09:00+08'"
        f" WHERE id = {id}"
    )
    city.corrupt(
        "UPDATE clinic_sessions SET booked = 0, capacity = 1 WHERE id ="
        f" (SELECT clinic_session_id FROM appointments WHERE id = {id})"
    )
    await run(city.platform)
    printed = capsys.readouterr().out
    assert re.search(r"Swap index: 0 of 1 returned places", printed), printed


async def test_the_answer_as_json_counts_all_and_names_the_first_twenty(
    city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    city.corrupt("UPDATE clinic_sessions SET booked = booked + 1, capacity = capacity + 1")
    assert not await run(city.platform, as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["clean", "at", "checks", "registrations", "swaps"]
    assert answer["registrations"]["displaced"] == answer["registrations"]["merged"] == []
    assert answer["clean"] is False
    assert answer["at"] == "2026-12-06T09:00:00+08:00"
    [wrong] = [check for check in answer["checks"] if check["disagreements"]]
    assert wrong["name"] == "session_counters"
    assert wrong["examined"] == wrong["disagreements"] == 3 * len(DATES)
    assert wrong["ids"] == sorted(session for c in city.clinics for session in c.values())[:20]


async def test_where_there_are_very_many_persons_a_sample_is_opened(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "SEALED_OPENED", 3)
    found = {one.name: one for one in (await audit(city.platform)).findings}
    assert found["patients_open"].examined in (2, 3)  # of five, every second
    assert found["patients_open"].note.startswith("a sample: every id that is ")
    assert (found["accounts_open"].examined, found["accounts_open"].note) == (3, "")


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        ("changes_in_their_time", "UPDATE hospital_events SET at = at - interval '2 hours'"),
        (
            "sessions_settled_in_their_time",
            "UPDATE clinic_sessions SET settled_recorded_at = settled_at - interval '5 days'",
        ),
    ],
)
async def test_in_production_times_are_those_of_the_databases_clock(
    city: City, check: str, statement: str
) -> None:
    city.corrupt(
        "UPDATE hospital_events SET recorded_at = at",
        "UPDATE clinic_sessions SET settled_recorded_at = settled_at",
    )
    production = replace(city.platform, settings=replace(city.platform.settings, mode="production"))
    assert (await audit(production)).clean
    city.corrupt(statement)
    found = (await audit(production)).findings
    assert [one.name for one in found if one.disagreements] == [check]
