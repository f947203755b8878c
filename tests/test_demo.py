"""The demo city: plausible, invented, and as lawful as anything that was booked by hand."""

import io
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from rich.console import Console
from tests.city import Clock, open_platform
from tests.rules.reading import verify
from tests.supply import Rows, at
from tests.web.staff_site import add_member

from guahao.flows.fairness.drawn import proof_file
from guahao.flows.kernel.platform import Platform
from guahao.flows.policy import policy_trials
from guahao.flows.staff.trail import verify_trail
from guahao.rules.attendance.penalties import suspended_until, suspensions
from guahao.rules.kernel.limits import Policy, add_months
from guahao.rules.kernel.policies import DatedPolicy
from guahao.rules.people.identity import valid_document, valid_phone
from guahao.rules.staff.staff import Role
from guahao.rules.supply.releasing import date_refusal
from guahao.settings import Settings
from guahao.store.hospitals import directory
from guahao.store.kernel.views import SessionView
from guahao.store.people.patients import person_index
from guahao.store.supply import sessions
from guahao.tools.audit.audit import audit
from guahao.tools.demo import city
from guahao.tools.demo.draws import add_draws
from guahao.tools.demo.past import Place, TimetableLine, draw
from guahao.tools.demo.people import people
from guahao.tools.demo.seed import LOGINS, DemoError, is_empty, seed, shown

HOSPITALS, DAYS, PATIENTS = 3, 12, 400
COUNTED = "status IN ('booked', 'picked_up', 'no_show', 'unverified')"


@pytest.fixture
def clock() -> Clock:
    return Clock(at("2026-11-23T10:00"))


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


# The city as drawn --------------------------------------------------------------


def test_no_two_hospitals_share_a_name_or_a_code() -> None:
    hospitals = city.hospitals(146 + 2 * 112)  # also past the city's usual size
    for name in ("code", "name", "name_en", "phone"):
        assert max(Counter(getattr(one, name) for one in hospitals).values()) == 1
    assert all(one.name.startswith("安澜市") for one in hospitals)
    assert all("虚构" in one.notice for one in hospitals)


def test_the_city_has_sixteen_districts_and_hospitals_that_differ_in_their_rules() -> None:
    hospitals = city.hospitals(146)
    assert len({one.district for one in hospitals}) == 16
    assert {one.grade for one in hospitals} >= {"三级甲等", "三级", "二级甲等", "二级"}
    assert {one.rules.cycle_days for one in hospitals} == {None, 7, 14, 28, 60, 90}
    rules = [one.rules for one in hospitals]
    assert len({one.release_time for one in rules}) > 3
    assert len({one.next_day_stop_time for one in rules}) > 3
    assert len({(one.cancel_days_before, one.cancel_time) for one in rules}) > 3
    assert len({one.pickup_until_morning for one in rules}) > 1


def test_every_hospital_has_departments_that_can_be_booked_each_with_a_clinic() -> None:
    names = city.parents()
    for hospital in city.hospitals(146):
        departments = city.departments(hospital)
        assert len({one.code for one in departments}) == len(departments)
        on_platform = [one for one in departments if one.on_platform]
        assert on_platform
        for department in on_platform:
            assert department.code.startswith(f"{department.parent_code}.")
            assert department.parent_code in names
            assert next(city.timetable(hospital, department), None) is not None


def test_the_same_hospital_keeps_the_same_hours_every_time() -> None:
    (hospital,) = city.hospitals(1)
    (department, *_) = city.departments(hospital)
    first, second = (list(city.timetable(hospital, department)) for _ in range(2))
    assert first == second


def test_titles_cost_what_they_usually_cost() -> None:
    fees = defaultdict(set)
    for hospital in city.hospitals(20):
        for department in city.departments(hospital):
            for clinic in city.timetable(hospital, department):
                fees[clinic.title].add(clinic.fee_fen)
    assert fees.keys() == {"普通门诊", "主治医师", "副主任医师", "主任医师", "知名专家"}
    assert max(fees["普通门诊"]) < min(fees["主任医师"]) < min(fees["知名专家"])


def test_invented_people_pass_every_check_and_are_nobody() -> None:
    today = date(2026, 11, 23)
    crowd = list(people(3000))
    assert len({one.id_no for one in crowd}) == len(crowd)
    for one in crowd:
        assert valid_document("01", one.id_no, today) is not None
        assert one.id_no.startswith("1199")  # no prefecture of the country
        assert "示例" in one.name


# The city in the database -------------------------------------------------------


@pytest.mark.parametrize("now", ["2026-11-23T10:00", "2027-01-02T16:30", "2028-02-29T00:00"])
async def test_the_whole_city_keeps_the_law(
    platform: Platform, rows: Rows, clock: Clock, now: str
) -> None:
    clock.now = at(now)
    made = await seed(platform, HOSPITALS, DAYS, PATIENTS)
    assert rows.one("SELECT count(*) FROM clinic_sessions WHERE timetable_id IS NOT NULL") == (
        made.clinic_sessions,
    )
    assert rows.one("SELECT count(*) FROM appointments") == (made.appointments,)
    assert made.appointments > 0.3 * PATIENTS
    _check_counters(rows)
    _check_limits(rows)
    _check_places(rows)
    await _check_moments(platform, rows, clock.now)


async def test_who_has_come_today_waits_in_a_queue_or_was_called(
    platform: Platform, rows: Rows
) -> None:
    await seed(platform, HOSPITALS, DAYS, PATIENTS)
    came = rows.one(
        "SELECT count(*) FROM appointments WHERE status = 'picked_up' AND visit_date = '2026-11-23'"
    )
    assert came > (0,)
    assert came == rows.one(
        "SELECT count(*) FROM queue_entries q JOIN appointments a ON a.id = q.appointment_id"
        " WHERE q.state <> 'expected' AND a.status = 'picked_up'"
    )
    assert rows.one("SELECT count(*) FROM queue_entries WHERE state = 'waiting'") > (0,)
    assert rows.one("SELECT count(*) FROM queue_entries WHERE state = 'called'") > (0,)


def _check_counters(rows: Rows) -> None:
    wrong = rows.all(
        "SELECT s.id FROM clinic_sessions s WHERE s.booked <> (SELECT count(*)"
        f" FROM appointments a WHERE a.clinic_session_id = s.id AND a.{COUNTED})"
    )
    assert wrong == []


def _check_limits(rows: Rows) -> None:
    """S12 by brute force: every window that starts at a visit."""
    dates: defaultdict[int, list[date]] = defaultdict(list)
    for patient_id, visit_date in rows.all(
        f"SELECT patient_id, visit_date FROM appointments WHERE {COUNTED}"
    ):
        dates[patient_id].append(visit_date)
    for visits in dates.values():
        for first in visits:
            assert visits.count(first) <= 2
            assert sum(first <= day < first + timedelta(days=7) for day in visits) <= 3
            assert sum(first <= day < add_months(first, 3) for day in visits) <= 5


def _check_places(rows: Rows) -> None:
    """What an appointment copies of its session is the session's."""
    wrong = rows.all(
        "SELECT a.id FROM appointments a JOIN clinic_sessions s ON s.id = a.clinic_session_id"
        " WHERE (a.hospital_id, a.department_id, a.visit_date)"
        " <> (s.hospital_id, s.department_id, s.visit_date)"
        " OR (a.status = 'stopped') <> (s.stopped_at IS NOT NULL)"
    )
    assert wrong == []


async def _check_moments(platform: Platform, rows: Rows, now: datetime) -> None:
    """Everything yet to come was booked at a moment at which it could be."""
    booked = rows.all(
        "SELECT hospital_id, visit_date, booked_at, changed_at FROM appointments"
        " WHERE status IN ('booked', 'stopped')"
    )
    async with platform.db.transaction() as tx:
        hospitals = {h: await directory.hospital(tx, h) for h in {row[0] for row in booked}}
    for hospital_id, visit_date, booked_at, changed_at in booked:
        hospital = hospitals[hospital_id]
        assert hospital is not None
        moment = booked_at.astimezone(now.tzinfo)
        assert moment <= changed_at <= now
        assert (
            date_refusal(visit_date, moment, hospital.rules, platform.policies.known.first) is None
        )


async def test_some_sessions_are_full_some_half_full_some_stopped(
    platform: Platform, rows: Rows
) -> None:
    await seed(platform, HOSPITALS, DAYS, 2000)
    full, half, stopped, told = rows.one(
        "SELECT count(*) FILTER (WHERE booked = capacity),"
        " count(*) FILTER (WHERE booked = capacity / 2 AND booked > 0),"
        " count(*) FILTER (WHERE stopped_at IS NOT NULL),"
        " (SELECT count(*) FROM appointments WHERE status = 'stopped') FROM clinic_sessions"
    )
    assert full > 10
    assert half > 10
    assert stopped > 3
    assert told > 3


async def test_sealed_people_open_and_are_found_again(platform: Platform, rows: Rows) -> None:
    await seed(platform, 1, DAYS, PATIENTS)
    vault = platform.vault
    found = rows.all(
        "SELECT id, id_type, name_enc, id_no_enc, id_no_index, person_index FROM patients"
    )
    assert len(found) == PATIENTS + 4
    for id_, id_type, name_enc, id_no_enc, id_no_index, person in found:
        assert "示例" in vault.open("patients", "name", id_, name_enc)
        id_no = vault.open("patients", "id_no", id_, id_no_enc)
        assert valid_document(id_type, id_no, date(2026, 11, 23)) is not None
        assert id_no_index == vault.index("id_no", id_no)
        assert person == person_index(vault, id_no)
    for id_, phone_enc, phone_index in rows.all("SELECT id, phone_enc, phone_index FROM accounts"):
        number = vault.open("accounts", "phone", id_, phone_enc)
        assert valid_phone(number) == number
        assert phone_index == vault.index("phone", number)


@pytest.mark.parametrize("now", ["2026-11-23T10:00", "2027-01-02T16:30"])
async def test_demo_logins_show_what_they_promise(
    platform: Platform, rows: Rows, clock: Clock, now: str
) -> None:
    clock.now = at(now)
    await seed(platform, HOSPITALS, DAYS, 0)
    first, second, third = [_of_phone(platform, rows, login.phone) for login in LOGINS]
    assert first == [Counter(picked_up=1, no_show=1, booked=1), Counter()]
    assert second == [Counter(booked=3)]
    assert third == [Counter(no_show=3)]
    spread = rows.one(
        "SELECT max(n) FROM (SELECT max(visit_date) - min(visit_date) AS n FROM appointments"
        " WHERE status = 'booked' GROUP BY patient_id) spans"
    )
    assert spread < (7,)
    _check_suspensions(platform, rows, clock.now.date())


def test_demo_logins_are_phones_that_can_be_proven() -> None:
    assert len({login.phone for login in LOGINS}) == len(LOGINS)
    for login in LOGINS:
        assert valid_phone(login.phone) == login.phone


def _of_phone(platform: Platform, rows: Rows, phone: str) -> list[Counter[str]]:
    """The statuses of each patient's appointments, in the order of registration."""
    found = rows.conn.execute(
        "SELECT p.id, array_remove(array_agg(a.status), NULL) FROM accounts"
        " JOIN patients p ON p.account_id = accounts.id"
        " LEFT JOIN appointments a ON a.patient_id = p.id WHERE phone_index = %s"
        " GROUP BY p.id ORDER BY p.id",
        (platform.vault.index("phone", phone),),
    )
    return [Counter(statuses) for _, statuses in found]


def _check_suspensions(platform: Platform, rows: Rows, today: date) -> None:
    kept = rows.all(
        "SELECT p.suspended_until, array_agg(a.visit_date ORDER BY a.visit_date)"
        " FROM patients p JOIN appointments a ON a.patient_id = p.id AND a.status = 'no_show'"
        " GROUP BY p.id ORDER BY count(*)"
    )
    assert [len(days) for _, days in kept] == [1, 3]
    for until, days in kept:
        assert until == suspended_until(days, platform.policies.known.first)
        assert all(earlier < later for earlier, later in pairwise(days))
    assert kept[1][0] > today
    unsettled = rows.all(
        "SELECT s.id FROM clinic_sessions s JOIN appointments a ON a.clinic_session_id = s.id"
        " WHERE a.status = 'no_show'"
        " AND (s.settled_at IS NULL OR s.attendance_known_at IS NULL)"
    )
    assert unsettled == []


# The city's past ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "patients"),
    [("2026-11-23T10:00", PATIENTS), ("2027-01-02T00:00", PATIENTS), ("2026-11-23T10:00", 5)],
)
async def test_a_year_of_past_is_clean_and_its_trail_holds(
    platform: Platform, clock: Clock, now: str, patients: int
) -> None:
    clock.now = at(now)
    await seed(platform, HOSPITALS, DAYS, patients)
    findings = (await audit(platform)).findings
    assert [one.name for one in findings if one.disagreements] == []
    verdict = await verify_trail(platform)
    assert verdict.holds
    assert verdict.entries > patients


async def test_every_list_and_report_has_something_to_show(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    await seed(platform, HOSPITALS, DAYS, PATIENTS)
    months, statuses, channels = rows.one(
        "SELECT count(DISTINCT date_trunc('month', visit_date)), count(DISTINCT status),"
        " count(DISTINCT channel) FROM appointments"
    )
    assert months >= 12
    assert statuses == 6
    assert channels >= 4
    for table in (
        *("calls", "call_questions", "call_tasks", "stops", "stop_sessions", "stop_bookings"),
        *("no_show_excuses", "supply_imports", "hospital_imports", "reconciliations"),
        *("hospital_webhooks", "hospital_deliveries"),
    ):
        assert rows.one(f"SELECT count(*) FROM {table}") > (0,), table
    states = rows.all("SELECT DISTINCT state FROM messages ORDER BY 1")
    assert states == [("delivered",), ("expired",), ("failed",), ("unknown",)]
    kinds = {row[0] for row in rows.all("SELECT DISTINCT kind FROM messages")}
    assert kinds >= {"otp", "booked", "cancelled", "stopped", "no_show", "suspended", "reminder"}
    refusals = rows.one("SELECT count(DISTINCT outcome) FROM booking_requests")
    assert refusals > (5,)
    actions = {row[0] for row in rows.all("SELECT DISTINCT action FROM audit_trail")}
    assert actions >= {"book_appointment", "cancel_appointment", "hand_out_number", "stop_sessions"}
    earlier_with_a_later_number = (
        "SELECT FROM calls a JOIN calls b"
        " ON b.id > a.id AND b.opened_at < a.opened_at - interval '5 minutes'"
    )
    assert rows.all(earlier_with_a_later_number) == []
    [latest] = rows.one("SELECT max(greatest(booked_at, changed_at)) FROM appointments")
    assert latest <= clock.now


async def test_the_city_has_draws_behind_it_and_before_it(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    await seed(platform, 6, 20, 1500, past_days=20)  # large enough for sessions that are full
    await add_draws(platform, lambda *_: None)
    states = dict(rows.all("SELECT state, count(*) FROM draws GROUP BY 1"))
    assert states["done"] >= 2
    assert states["open"] >= 2
    assert rows.one("SELECT bool_and(NOT is_sensitive) FROM draws WHERE state = 'done'") == (True,)
    for (draw_id,) in rows.all("SELECT id FROM draws WHERE state = 'done'"):
        file = await proof_file(platform, draw_id)
        assert file is not None
        verify(file.encode())
    [next_draw] = rows.one("SELECT min(draw_at) FROM clinic_sessions WHERE held > 0")
    assert clock.now < next_draw <= clock.now + timedelta(hours=3)
    assert rows.one("SELECT count(*) FROM applications WHERE state = 'live'") > (20,)
    assert rows.one("SELECT count(*) FROM release_modes") > (0,)
    findings = (await audit(platform)).findings
    assert [one.name for one in findings if one.disagreements] == []


async def test_the_rules_give_the_answers_of_the_past_again(platform: Platform) -> None:
    await seed(platform, 6, 20, 3000)
    by = await add_member(platform, Role.ADMINISTRATOR)
    policy = platform.policies.known.first
    new = DatedPolicy(date(2027, 9, 1), policy)
    trial_id = await policy_trials.start(platform, by, new, policy_trials.DAYS)
    await policy_trials.carry_out(platform, trial_id)
    found = await policy_trials.view(platform, trial_id)
    assert found is not None
    assert found.outcome is not None
    compared = found.outcome.comparison
    answered = {word: counts[0] for word, counts in compared.outcomes.items() if counts[0] > 5}
    assert answered.keys() >= {
        *("booked", "sold_out", "not_released", "beyond_horizon", "next_day_closed"),
        *("duplicate_department", "session_stopped", "patient_suspended"),
    }
    assert compared.agreeing >= 0.95 * compared.requests, compared.disagreements


async def test_nobody_in_the_past_booked_while_suspended(platform: Platform, rows: Rows) -> None:
    await seed(platform, HOSPITALS, DAYS, 2000)
    found = rows.all(
        "SELECT patient_id, visit_date, (booked_at AT TIME ZONE 'Asia/Shanghai')::date,"
        " status = 'no_show' AND NOT EXISTS (SELECT FROM no_show_excuses e"
        "                                    WHERE e.appointment_id = a.id)"
        " FROM appointments a"
    )
    missed: defaultdict[int, list[date]] = defaultdict(list)
    for patient_id, visit_date, _, no_show in found:
        if no_show:
            missed[patient_id].append(visit_date)
    spans = {
        patient_id: suspensions(days, platform.policies.known.first)
        for patient_id, days in missed.items()
    }
    assert sum(map(len, spans.values())) > 5
    # Those of the demo login were booked before its visits.
    broken = [
        (patient_id, booked_on)
        for patient_id, _, booked_on, _ in found
        for span in spans.get(patient_id, ())
        if span.start <= booked_on < span.end and booked_on > span.start
    ]
    assert broken == []


async def test_the_same_day_and_size_give_the_same_past() -> None:
    now, policy = at("2026-11-23T10:00"), Policy()
    (hospital,) = city.hospitals(1)
    lines = [
        TimetableLine(number, department.popular, *_columns(clinic))
        for number, department in enumerate(city.departments(hospital))
        for clinic in city.timetable(hospital, department)
    ]
    place = Place(1, hospital.rules, lines)
    first, second = (
        draw([place], 300, now.date() - timedelta(days=200), now, policy, []) for _ in range(2)
    )
    assert [booking[1:] for booking in first.bookings] == [
        booking[1:] for booking in second.bookings
    ]
    assert len(first.bookings) > 300


def _columns(clinic: city.Clinic) -> tuple[Any, ...]:
    return (
        *(clinic.title, clinic.specialty, clinic.iso_weekday, clinic.period, clinic.starts_at),
        *(clinic.ends_at, clinic.fee_fen, clinic.capacity),
    )


async def test_a_city_without_a_past_has_neither_staff_nor_trail(
    platform: Platform, rows: Rows
) -> None:
    await seed(platform, 1, 7, 100, past_days=0)
    assert rows.one("SELECT count(*) FROM staff") == (0,)
    assert rows.one("SELECT count(*) FROM audit_trail") == (0,)
    assert rows.one("SELECT count(*) FROM messages") == (0,)
    earlier = "SELECT count(*) FROM clinic_sessions WHERE visit_date < '2026-11-23'"
    assert rows.one(earlier) == (5,)  # of the demo logins


async def test_a_departments_whole_horizon_is_there(platform: Platform, clock: Clock) -> None:
    await seed(platform, 1, 90, 0)
    today = clock.now.date()
    async with platform.db.transaction() as tx:
        (hospital,) = await directory.search(tx, None, None, None, 0, 2)
        department = next(
            one for one in await directory.departments(tx, hospital.id) if one.parent_id
        )
        listed: list[SessionView] = await sessions.in_department(
            tx, hospital.id, department.id, today, None, None, None
        )
    days = {one.visit_date for one in listed}
    assert all(day in days for day in _weekdays(today, today + timedelta(days=90)))


def _weekdays(first: date, last: date) -> list[date]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.isoweekday() < 6]


async def test_a_city_is_made_once(platform: Platform, rows: Rows) -> None:
    assert await is_empty(platform)
    await seed(platform, 1, 7, 10)
    assert not await is_empty(platform)
    before = rows.one("SELECT count(*) FROM clinic_sessions")
    with pytest.raises(DemoError, match="already"):
        await seed(platform, 1, 7, 10)
    assert rows.one("SELECT count(*) FROM clinic_sessions") == before


async def test_production_gets_no_demo_city(database_url: str, clock: Clock, rows: Rows) -> None:
    async with open_platform(
        database_url, clock, settings=Settings(mode="production")
    ) as production:
        with pytest.raises(DemoError, match="production"):
            await seed(production, 1, 7, 10)
    assert rows.all("SELECT id FROM hospitals") == []


async def test_a_city_that_was_not_finished_leaves_nothing(platform: Platform, rows: Rows) -> None:
    def break_off(stage: str, done: int, total: int) -> None:
        if stage == "people" and done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await seed(platform, 1, 7, 10, break_off)
    assert rows.all("SELECT id FROM hospitals") == []
    assert (await seed(platform, 1, 7, 10)).hospitals == 1


@pytest.mark.parametrize("terminal", [True, False])
async def test_progress_is_shown_on_a_terminal_and_off_it(
    platform: Platform, terminal: bool
) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    with shown(console) as progress:
        await seed(platform, 2, 7, 10, progress)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for stage in ("hospitals", "timetables", "rolled out", "people", "bookings"):
        assert stage in text
    assert ("\x1b[" in text) == terminal
