"""By a document a person is found however it is typed; a displaced registration is nobody's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from tests.city import (
    LOOPBACK,
    THURSDAY,
    Clock,
    add_account,
    add_session,
    ask,
    open_platform,
    resident_id,
)
from tests.crowd import open_desk, pick_up
from tests.web.staff_site import add_member

from guahao.flows.attendance import window
from guahao.flows.attendance.window import NotHandedOut
from guahao.flows.booking import appointments
from guahao.flows.call_centre import calls
from guahao.flows.integration import hospital_bookings
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.patients import register_patient
from guahao.identity_check.gateway import Verdict
from guahao.rules.call_centre.calls import Question
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import PickupRefusal, Refusal, Refused
from guahao.rules.people.identity import Document
from guahao.rules.staff.staff import Role, Staff
from guahao.store.kernel.views import AppointmentView, PatientView

BORN_1990 = resident_id(1)
OLD_DIGITS = BORN_1990[:6] + BORN_1990[8:17]
WAYS = [
    ("01", BORN_1990, OLD_DIGITS),
    ("01", BORN_1990, f"{BORN_1990[:6]}-{BORN_1990[6:14]}-{BORN_1990[14:]}"),
    ("06", "H1234567801", "h12345678 02"),
    ("07", "12345678", "1234567803(B)"),
    ("03", "E12345678", "Ｅ1234-5678"),
    ("04", "军字第0123456号", "军0123456"),
]


class Registry:
    """An authority to whom every name is right."""

    name = "registry"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        return Verdict.MATCH


@dataclass
class Booked:
    """Somebody's booking on THURSDAY."""

    account_id: int
    patient: PatientView
    view: AppointmentView
    clerk: Staff

    @property
    def hospital_id(self) -> int:
        return self.view.session.hospital_id


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


async def register(platform: Platform, account_id: int, id_type: str, id_no: str) -> PatientView:
    added = await register_patient(platform, account_id, "张三", id_type, id_no)
    assert isinstance(added, PatientView), added
    return added


async def book(
    platform: Platform, account_id: int, patient_id: int, session_id: int, key: str = "key"
) -> object:
    async with open_desk(platform) as desk:
        return await desk.book(Actor("account", account_id), key, patient_id, session_id, "api")


async def booked(platform: Platform, id_type: str, id_no: str) -> Booked:
    account_id = await add_account(platform)
    patient = await register(platform, account_id, id_type, id_no)
    view = await book(platform, account_id, patient.id, await add_session(platform))
    assert isinstance(view, AppointmentView), view
    clerk = await add_member(platform, Role.CLERK, view.session.hospital_id)
    return Booked(account_id, patient, view, clerk)


async def displaced(platform: Platform, clock: Clock) -> tuple[Booked, int]:
    """A squatter's booking on its visit day, and the person's own account."""
    squat = await booked(platform, "01", BORN_1990)
    clock.now = datetime(2026, 12, 3, 8, 0, tzinfo=CITY_TIME)  # too late for a patient to cancel
    owner = await add_account(platform, 2)
    await register(replace(platform, verifier=Registry()), owner, "01", BORN_1990)
    assert await ask(platform, "SELECT status FROM appointments") == [("cancelled",)]
    return squat, owner


@pytest.mark.parametrize(("id_type", "registered", "shown"), WAYS)
async def test_a_booking_is_found_however_the_number_is_typed(
    platform: Platform, clock: Clock, id_type: str, registered: str, shown: str
) -> None:
    made = await booked(platform, id_type, registered)
    code, id = made.view.code, made.view.id
    found = await appointments.look_up(platform, code, shown, LOOPBACK)
    assert isinstance(found, AppointmentView)
    assert found.id == id
    of_hospital = await hospital_bookings.look_up(platform, made.clerk, code, shown)
    assert getattr(of_hospital, "id", None) == id
    agent = await add_member(platform, Role.AGENT)
    hits = (await calls.search(platform, agent, shown)).found
    assert [hit.patient.id for hit in hits] == [made.patient.id]
    clock.now = datetime(2026, 12, 3, 8, 0, tzinfo=CITY_TIME)
    entries = await window.find_in_day(platform, made.clerk, shown)
    assert [entry.appointment_id for entry in entries] == [id]
    number = await window.hand_out(platform, made.clerk, code, shown)
    assert getattr(number, "status", number) == "picked_up"


async def test_a_hospital_hands_out_a_number_for_the_old_digits(
    platform: Platform, clock: Clock
) -> None:
    made = await booked(platform, "01", BORN_1990)
    clock.now = datetime(2026, 12, 3, 8, 0, tzinfo=CITY_TIME)
    answer = await pick_up(platform, made.hospital_id, made.view.code, OLD_DIGITS)
    assert getattr(answer, "status", answer) == "picked_up"


async def test_a_caller_may_say_the_old_digits(platform: Platform) -> None:
    made = await booked(platform, "01", BORN_1990)
    agent = await add_member(platform, Role.AGENT)
    hits = await calls.search(platform, agent, made.view.order_no)
    call_id = await calls.begin_call(platform, agent, hits.found[0].reference)
    assert call_id is not None
    said = {Question.DOCUMENT: OLD_DIGITS, Question.NAME: "张三"}
    assert await calls.verify(platform, agent, call_id, said) is True


async def test_the_displaced_booking_is_shown_to_nobody(platform: Platform, clock: Clock) -> None:
    squat, owner = await displaced(platform, clock)
    code = squat.view.code
    for account_id in (squat.account_id, owner):
        for view in ("current", "history"):
            assert await appointments.list_appointments(platform, account_id, view) == []
        assert await appointments.own_appointment(platform, account_id, squat.view.id) is None
    assert await appointments.look_up(platform, code, BORN_1990, LOOPBACK) is None
    assert await hospital_bookings.look_up(platform, squat.clerk, code, BORN_1990) is None
    assert await window.find_in_day(platform, squat.clerk, BORN_1990) == []
    agent = await add_member(platform, Role.AGENT)
    for text in (code, squat.view.order_no):
        assert (await calls.search(platform, agent, text)).found == []


async def test_nobody_picks_the_displaced_booking_up(platform: Platform, clock: Clock) -> None:
    squat, _ = await displaced(platform, clock)
    answer = await window.hand_out(platform, squat.clerk, squat.view.code, BORN_1990)
    assert answer == NotHandedOut(PickupRefusal.WRONG_PERSON)
    answered = await pick_up(platform, squat.hospital_id, squat.view.code, BORN_1990)
    assert answered is PickupRefusal.WRONG_PERSON
    other = await add_member(platform, Role.CLERK, await another_hospital(platform))
    answer = await window.hand_out(platform, other, squat.view.code, BORN_1990)
    assert answer == NotHandedOut(PickupRefusal.WRONG_PERSON)


async def another_hospital(platform: Platform) -> int:
    [[id]] = await ask(
        platform,
        "SELECT hospital_id FROM clinic_sessions WHERE id = %s",
        await add_session(platform, THURSDAY),
    )
    return int(id)


async def test_an_old_key_answers_only_who_still_has_the_person(
    platform: Platform, clock: Clock
) -> None:
    squat, _ = await displaced(platform, clock)
    again = await book(platform, squat.account_id, squat.patient.id, squat.view.session.id)
    assert again == Refused(Refusal.NOT_YOUR_PATIENT)


async def test_what_waits_to_be_sent_is_not_sent_to_who_lost_the_person(
    platform: Platform, clock: Clock
) -> None:
    await displaced(platform, clock)
    states = await ask(platform, "SELECT kind, state FROM messages ORDER BY id")
    assert states == [("booked", "expired"), ("displaced", "queued")]
