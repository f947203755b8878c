"""A checked registration displaces an unchecked one; nobody learns who is registered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.city import (
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    open_platform,
    resident_id,
)
from tests.crowd import open_desk, pick_up

from guahao.flows.attendance.standing import standings
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.patients import register_in, register_patient
from guahao.identity_check.gateway import Verdict
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import CITY_TIME, add_months
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.rules.people.consent import NOTICE_VERSION, Consent
from guahao.rules.people.identity import Document
from guahao.rules.people.registering import PatientRefusal
from guahao.store.kernel.views import AppointmentView, PatientView

NUMBER = resident_id(1)


class Registry:
    """An authority that knows one person by name and number."""

    name = "registry"

    async def check(self, person_name: str, document: Document) -> Verdict:
        if document.number != NUMBER:
            return Verdict.UNKNOWN
        return Verdict.MATCH if person_name == "张三" else Verdict.MISMATCH


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


def verifying(platform: Platform) -> Platform:
    return replace(platform, verifier=Registry())


async def book(platform: Platform, account_id: int, patient_id: int, session_id: int) -> object:
    async with open_desk(platform) as desk:
        key = f"{account_id}-{patient_id}-{session_id}"
        return await desk.book(Actor("account", account_id), key, patient_id, session_id, "api")


async def test_a_checked_registration_takes_the_identity_over(platform: Platform) -> None:
    squatter, owner = await add_account(platform, 1), await add_account(platform, 2)
    taken = await add_patient(platform, squatter)
    session_id = await add_session(platform)
    booked = await book(platform, squatter, taken.id, session_id)
    assert isinstance(booked, AppointmentView)

    mine = await register_patient(verifying(platform), owner, "张三", "01", NUMBER)

    assert isinstance(mine, PatientView)
    assert mine.id != taken.id
    assert await ask(platform, "SELECT status FROM appointments") == [("cancelled",)]
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(0,)]
    [(account_id, at)] = await ask(
        platform, "SELECT account_id, displaced_at FROM patients WHERE id = %s", taken.id
    )
    assert account_id is None
    assert at is not None
    assert await ask(
        platform, "SELECT account_id, displaced_by, checked_by FROM displaced_registrations"
    ) == [(squatter, mine.id, "registry")]
    told = "SELECT account_id FROM messages WHERE kind = 'displaced'"
    assert await ask(platform, told) == [(squatter,)]
    # The squatter books no more, the person does.
    refused = await book(platform, squatter, taken.id, await add_session(platform))
    assert refused == Refused(Refusal.NOT_YOUR_PATIENT)
    assert isinstance(await book(platform, owner, mine.id, session_id), AppointmentView)


@pytest.mark.parametrize(("hour", "status"), [(8, "cancelled"), (12, "booked")])
async def test_a_displaced_booking_is_cancelled_until_its_pick_up_is_over(
    platform: Platform, clock: Clock, hour: int, status: str
) -> None:
    """Also after the deadline of cancelling: the hospital must not expect the person."""
    squatter, owner = await add_account(platform, 1), await add_account(platform, 2)
    taken = await add_patient(platform, squatter)
    session_id = await add_session(platform)
    booked = await book(platform, squatter, taken.id, session_id)
    assert isinstance(booked, AppointmentView)
    clock.now = datetime(2026, 12, 3, hour, 0, tzinfo=CITY_TIME)  # the visit day
    mine = await register_patient(verifying(platform), owner, "张三", "01", NUMBER)
    assert isinstance(mine, PatientView)
    assert await ask(platform, "SELECT patient_id, status FROM appointments") == [
        (taken.id, status)
    ]
    events = "SELECT kind FROM hospital_events ORDER BY id DESC LIMIT 1"
    assert await ask(platform, events) == [(status,)]


async def test_what_was_merged_into_a_displaced_registration_goes_with_it(
    platform: Platform,
) -> None:
    """The bookings of another account, made before the upgrade found them to be one person."""
    squatter, other, owner = [await add_account(platform, number) for number in (1, 2, 3)]
    taken = await add_patient(platform, squatter)
    merged = await add_patient(platform, other, 2)
    session_id = await add_session(platform)
    assert isinstance(await book(platform, other, merged.id, session_id), AppointmentView)
    async with platform.db.transaction() as tx:
        await tx.do(
            "UPDATE patients SET merged_into = %s, phone_slot = NULL, person_index ="
            " (SELECT person_index FROM patients WHERE id = %s) WHERE id = %s",
            (taken.id, taken.id, merged.id),
        )
    mine = await register_patient(verifying(platform), owner, "张三", "01", NUMBER)
    assert isinstance(mine, PatientView)
    assert await ask(platform, "SELECT status FROM appointments") == [("cancelled",)]
    gone = """
        SELECT patient_id, account_id, cancelled_bookings FROM displaced_registrations
        ORDER BY patient_id
    """
    assert await ask(platform, gone) == [(taken.id, squatter, 1), (merged.id, other, 0)]
    told = "SELECT account_id FROM messages WHERE kind = 'displaced' ORDER BY account_id"
    assert await ask(platform, told) == [(squatter,), (other,)]


async def test_a_full_account_hears_the_same_of_every_name_and_number(platform: Platform) -> None:
    """Else it would ask the verifier for the name that goes with a number."""
    checked = verifying(platform)
    full = await add_account(platform, 1)
    await add_patient(platform, full, 2)
    await add_patient(platform, full, 3)
    await add_patient(platform, await add_account(platform, 4), 4)
    for name, number in (("张三", NUMBER), ("李四", NUMBER), ("王五", resident_id(4))):
        answer = await register_patient(checked, full, name, "01", number)
        assert answer == Refused(PatientRefusal.PHONE_LIMIT)


async def test_an_own_patient_by_another_name_is_not_registered_silently(
    platform: Platform,
) -> None:
    """However the number is written; nothing of strangers is in the answer."""
    account_id = await add_account(platform)
    own = await add_patient(platform, account_id)
    await add_patient(platform, account_id, 2)
    old_digits = NUMBER[:6] + NUMBER[8:17]
    answer = await register_patient(platform, account_id, "张珊", "02", old_digits)
    assert answer == Refused(PatientRefusal.OTHER_NAME)
    again = await register_patient(platform, account_id, own.name, "03", old_digits)
    assert isinstance(again, PatientView)
    assert again.id == own.id


async def test_a_checked_person_is_not_displaced(platform: Platform) -> None:
    first, second = await add_account(platform, 1), await add_account(platform, 2)
    checked = verifying(platform)
    mine = await register_patient(checked, first, "张三", "01", NUMBER)
    assert isinstance(mine, PatientView)
    answer = await register_patient(checked, second, "张三", "01", NUMBER)
    assert answer == Refused(PatientRefusal.NOT_REGISTERED)
    assert await ask(platform, "SELECT id, account_id FROM patients") == [(mine.id, first)]


async def test_the_same_account_is_checked_in_place(platform: Platform) -> None:
    account_id = await add_account(platform)
    before = await add_patient(platform, account_id, name="张王三")
    after = await register_patient(verifying(platform), account_id, "张三", "01", NUMBER)
    assert isinstance(after, PatientView)
    assert (after.id, after.name) == (before.id, "张三")
    assert await ask(platform, "SELECT checked_by FROM patients") == [("registry",)]


async def test_taken_and_mismatching_are_one_answer(platform: Platform) -> None:
    checked = verifying(platform)
    assert isinstance(
        await register_patient(checked, await add_account(platform, 1), "张三", "01", NUMBER),
        PatientView,
    )
    stranger = await add_account(platform, 2)
    taken = await register_patient(checked, stranger, "张三", "01", NUMBER)
    mismatch = await register_patient(checked, stranger, "李四", "01", NUMBER)
    assert taken == mismatch == Refused(PatientRefusal.NOT_REGISTERED)


async def test_a_checked_adult_registers_a_newborn_until_the_first_birthday(
    platform: Platform,
) -> None:
    account_id = await add_account(platform)
    await add_patient(platform, account_id)
    today = platform.db.clock().date()
    newborn = ("小宝", "99", "A123456789")
    guardian = Consent(NOTICE_VERSION, "web", by_guardian=True)
    no_date = await register_patient(platform, account_id, *newborn)
    assert no_date == Refused(PatientRefusal.BIRTH_DATE_INVALID)
    for wrong in (today + timedelta(days=1), add_months(today, -12)):
        answer = await register_patient(platform, account_id, *newborn, wrong)
        assert answer == Refused(PatientRefusal.BIRTH_DATE_INVALID)
    answer = await register_patient(platform, account_id, *newborn, today, consent=guardian)
    assert answer == Refused(PatientRefusal.GUARDIAN_NEEDED)
    async with platform.db.transaction() as tx:
        await tx.do("UPDATE patients SET checked_at = now(), checked_by = 'staff'")
    born = add_months(today, -12) + timedelta(days=10)
    child = await register_patient(platform, account_id, *newborn, born, consent=guardian)
    assert isinstance(child, PatientView)
    ends_on = add_months(born, 12)
    assert await ask(platform, "SELECT document_ends_on FROM patients WHERE id = %s", child.id) == [
        (ends_on,)
    ]
    before = await add_session(platform, ends_on - timedelta(days=1))
    on_birthday = await add_session(platform, ends_on)
    assert isinstance(await book(platform, account_id, child.id, before), AppointmentView)
    refused = await book(platform, account_id, child.id, on_birthday)
    assert refused == Refused(Refusal.DOCUMENT_ENDED)


async def test_other_documents_are_registered_at_a_counter_only(platform: Platform) -> None:
    account_id = await add_account(platform)
    answer = await register_patient(platform, account_id, "张三", "99", "ABC-123/45.6")
    assert answer == Refused(PatientRefusal.COUNTER_ONLY)
    async with platform.db.transaction() as tx:
        document = Document("99", "ABC-123/45.6")
        added = await register_in(tx, platform, account_id, "张三", document, in_hand=True)
    assert isinstance(added, PatientView)
    assert await ask(platform, "SELECT checked_by FROM patients") == [("staff",)]


async def test_who_was_removed_from_an_account_goes_on_at_another(platform: Platform) -> None:
    first, second = await add_account(platform, 1), await add_account(platform, 2)
    old = await add_patient(platform, first)
    async with platform.db.transaction() as tx:
        await tx.do(
            "UPDATE patients SET account_id = NULL, phone_slot = NULL,"
            " suspended_until = '2027-02-01'"
        )
    new = await register_patient(platform, second, "张三", "01", NUMBER)
    assert isinstance(new, PatientView)
    assert new.suspended_until is not None
    rows = await ask(platform, "SELECT patient_id, survivor_id, why FROM person_merges")
    assert rows == [(old.id, new.id, "registered_again")]
    session_id = await add_session(platform)
    refused = await book(platform, second, new.id, session_id)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.PATIENT_SUSPENDED


@pytest.mark.parametrize("erased", [False, True])
async def test_no_shows_of_a_stranger_who_removed_the_person_do_not_count(
    platform: Platform, *, erased: bool
) -> None:
    squatter, real = await add_account(platform, 1), await add_account(platform, 2)
    old = await add_patient(platform, squatter)
    missed = await add_appointment(platform, old.id, await add_session(platform))
    async with platform.db.transaction() as tx:
        await tx.do("UPDATE appointments SET status = 'no_show' WHERE id = %s", (missed,))
        await tx.do(
            "UPDATE patients SET account_id = NULL, phone_slot = NULL, erased_at = %s",
            (tx.now if erased else None,),
        )
    new = await register_patient(verifying(platform), real, "张三", "01", NUMBER)
    assert isinstance(new, PatientView)
    [standing] = await standings(platform, real)
    assert (standing.patient.id, standing.no_shows) == (new.id, [])
    displaced = "SELECT patient_id, account_id, displaced_by FROM displaced_registrations"
    assert await ask(platform, displaced) == [(old.id, None, new.id)]


async def test_a_pick_up_in_person_checks_the_person(platform: Platform, clock: Clock) -> None:
    account_id = await add_account(platform)
    patient = await add_patient(platform, account_id)
    booked = await book(platform, account_id, patient.id, await add_session(platform))
    assert isinstance(booked, AppointmentView)
    clock.now = datetime(2026, 12, 3, 8, 0, tzinfo=CITY_TIME)
    picked = await pick_up(platform, booked.session.hospital_id, booked.code, NUMBER)
    assert isinstance(picked, AppointmentView)
    assert await ask(platform, "SELECT checked_by FROM patients") == [("pickup",)]


@pytest.mark.parametrize("checked", [False, True])
async def test_registrations_of_one_person_at_once_leave_one(
    platform: Platform, *, checked: bool
) -> None:
    """Checked ones among them displace the unchecked one that was there, and only it."""
    squatter = await add_account(platform, 1)
    if checked:
        await add_patient(platform, squatter)
    accounts = [await add_account(platform, number) for number in range(2, 8)]
    at = verifying(platform) if checked else platform
    # The control: nobody goes on before all six are in their transactions; without a squatter
    # each of them has looked and found nobody when it waits to insert.
    async with platform.db.transaction() as tx:
        await tx.do(f"LOCK TABLE patients IN {'EXCLUSIVE' if checked else 'SHARE'} MODE")
        under_way = [
            asyncio.create_task(register_patient(at, account_id, "张三", "01", NUMBER))
            for account_id in accounts
        ]
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'patients'::regclass"
        )
        async with asyncio.timeout(20):
            while await tx.rows(waiting) != [(6,)]:  # noqa: ASYNC110 - a lock sends no event
                await asyncio.sleep(0.01)
    answers = await asyncio.gather(*under_way)
    assert sum(isinstance(answer, PatientView) for answer in answers) == 1
    assert answers.count(Refused(PatientRefusal.NOT_REGISTERED)) == 5
    current = "SELECT count(*) FROM patients WHERE displaced_at IS NULL AND merged_into IS NULL"
    assert await ask(platform, current) == [(1,)]
    displaced = await ask(platform, "SELECT count(*) FROM displaced_registrations")
    assert displaced == [(1 if checked else 0,)]
