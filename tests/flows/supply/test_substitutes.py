"""A substitute in the same hours: bookings stay, and nobody is punished for not coming."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.city import (
    THURSDAY,
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
)
from tests.crowd import count
from tests.flows.supply.replaced import UNTIL, stop_clinic
from tests.supply import at

from guahao.flows.attendance.attendance import AttendanceReport, Reported, report
from guahao.flows.attendance.penalties import sweep
from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.attendance.unverified import confirm, waiting_sessions
from guahao.flows.attendance.window import close_session
from guahao.flows.booking.cancelling import NotCancelled, cancel
from guahao.flows.call_centre.call_tasks import make_call_tasks
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import stops
from guahao.flows.supply.replacing import offer
from guahao.flows.supply.stops import GRACE, carry_on, stop, undo
from guahao.rules.booking.replacing import OfferRefusal, PlacesOffered
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import CancelRefusal, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.stops import StopRefusal
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.stops import StopScope
from guahao.tools.audit.audit import audit

WHOLE_DAY = StopScope(THURSDAY, THURSDAY)
SELF_SERVICE = Policy(draw_returned_places=False, cancel_channels=frozenset({"agent", "patient"}))
EVENING = at("2026-12-03T18:00")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=SELF_SERVICE) as opened:
        yield opened


@dataclass
class Clinic:
    """A session at 8:30 with a patient who booked it, and the hospital's staff."""

    platform: Platform
    session_id: int
    hospital_id: int
    account_id: int
    booking_id: int

    @property
    def by(self) -> Staff:
        return Staff(7, "scheduler", Role.SCHEDULER, self.hospital_id)

    async def substitute(self) -> int:
        stop_id = await stop(self.platform, self.by, WHOLE_DAY, "医生外出", substitute=True)
        assert isinstance(stop_id, int), stop_id
        return stop_id

    async def book(self, number: int, *, status: str = "booked") -> int:
        patient = await add_patient(self.platform, await add_account(self.platform, number), number)
        id = await add_appointment(self.platform, patient.id, self.session_id, f"{number:08d}")
        await change(self.platform, "UPDATE appointments SET status = %s WHERE id = %s", status, id)
        await change(self.platform, "UPDATE clinic_sessions SET booked = booked + 1")
        return id

    async def status(self, id: int | None = None) -> str:
        [[found]] = await ask(
            self.platform,
            "SELECT status FROM appointments WHERE id = %s",
            self.booking_id if id is None else id,
        )
        return str(found)


@pytest.fixture
async def clinic(platform: Platform) -> Clinic:
    account_id = await add_account(platform)
    patient = await add_patient(platform, account_id)
    session_id = await add_session(platform)
    id = await add_appointment(platform, patient.id, session_id)
    await change(platform, "UPDATE clinic_sessions SET booked = 1")
    [[hospital_id]] = await ask(platform, "SELECT hospital_id FROM clinic_sessions")
    return Clinic(platform, session_id, hospital_id, account_id, id)


async def assert_audit_clean(platform: Platform) -> None:
    assert [one.name for one in (await audit(platform)).findings if one.disagreements] == []


async def test_bookings_stay_and_their_patients_are_notified_after_the_grace(
    clinic: Clinic, clock: Clock
) -> None:
    stop_id = await clinic.substitute()
    assert await clinic.status() == "booked"
    sessions = "SELECT booked, stopped_at FROM clinic_sessions"
    assert await ask(clinic.platform, sessions) == [(1, None)]
    assert await count(clinic.platform, "messages") == 0
    clock.now += GRACE
    await carry_on(clinic.platform)
    await carry_on(clinic.platform)
    told = "SELECT kind, appointment_id FROM messages"
    assert await ask(clinic.platform, told) == [("substituted", clinic.booking_id)]
    assert await undo(clinic.platform, clinic.by, stop_id) == Refused(StopRefusal.TOLD)
    found = await stops.report(clinic.platform, clinic.by, stop_id)
    assert found is not None
    assert (found.progress.sessions, found.progress.bookings) == (1, 1)
    await assert_audit_clean(clinic.platform)


async def test_who_books_afterwards_knows_the_doctor(clinic: Clinic, clock: Clock) -> None:
    await clinic.substitute()
    later = await clinic.book(2)
    await clinic.book(3, status="picked_up")
    clock.now = EVENING
    await sweep(clinic.platform)
    assert await clinic.status() == "unverified"
    assert await clinic.status(later) == "no_show"
    no_shows = "SELECT appointment_id FROM messages WHERE kind = 'no_show'"
    assert await ask(clinic.platform, no_shows) == [(later,)]


async def test_undone_before_anybody_was_told_all_is_as_it_was(
    clinic: Clinic, clock: Clock
) -> None:
    stop_id = await clinic.substitute()
    undone = await undo(clinic.platform, clinic.by, stop_id)
    assert not isinstance(undone, Refused)
    clock.now += GRACE
    await carry_on(clinic.platform)
    assert await count(clinic.platform, "messages") == 0
    await clinic.book(3, status="picked_up")
    clock.now = EVENING
    await sweep(clinic.platform)
    assert await clinic.status() == "no_show"
    await assert_audit_clean(clinic.platform)


async def test_what_a_crash_left_is_carried_on_once(clinic: Clinic, clock: Clock) -> None:
    stop_id = await clinic.substitute()
    # As if the process had died before the first chunk.
    await change(clinic.platform, "UPDATE stops SET done_at = NULL")
    await change(clinic.platform, "DELETE FROM stop_bookings")
    await change(clinic.platform, "DELETE FROM stop_sessions")
    await change(clinic.platform, "UPDATE appointments SET substituted_at = NULL")
    clock.now += GRACE
    await carry_on(clinic.platform)
    await carry_on(clinic.platform)
    assert await count(clinic.platform, "messages", "kind = 'substituted'") == 1
    assert await count(clinic.platform, "stop_sessions", f"stop_id = {stop_id}") == 1
    assert await count(clinic.platform, "appointments", "substituted_at IS NOT NULL") == 1


# Attendance: wherever a no-show is decided ------------------------------------------------


async def test_the_hospitals_report_makes_no_no_show(clinic: Clinic, clock: Clock) -> None:
    await clinic.substitute()
    clock.now = EVENING
    absent, came = (
        AttendanceReport(clinic.booking_id, seen=False),
        AttendanceReport(clinic.booking_id, seen=True),
    )
    first = await report(clinic.platform, clinic.by, [absent])
    assert first == [Reported("unverified", changed=True)]
    assert await report(clinic.platform, clinic.by, [absent]) == [
        Reported("unverified", changed=False)
    ]
    assert await report_attendance(clinic.platform, [], [clinic.booking_id]) == 0
    assert await report(clinic.platform, clinic.by, [came]) == [Reported("picked_up", changed=True)]


async def test_closing_and_confirming_make_no_no_show(clinic: Clinic, clock: Clock) -> None:
    await clinic.substitute()
    other = await clinic.book(2)
    clock.now = EVENING
    closed = await close_session(clinic.platform, clinic.by, clinic.session_id)
    assert not isinstance(closed, Refused)
    assert closed.no_shows == 1
    assert (await clinic.status(), await clinic.status(other)) == ("unverified", "no_show")


async def test_nothing_waits_to_be_confirmed_of_a_substitutes_patients(
    clinic: Clinic, clock: Clock
) -> None:
    await clinic.substitute()
    clock.now = EVENING
    await sweep(clinic.platform)
    assert await clinic.status() == "unverified"
    assert await waiting_sessions(clinic.platform, clinic.by) == []
    await confirm(clinic.platform, clinic.by, clinic.session_id, [], "名单在窗口", nobody_came=True)
    assert await clinic.status() == "unverified"
    assert await count(clinic.platform, "messages", "kind = 'no_show'") == 0


# Cancelling until the visit -----------------------------------------------------------------


async def test_a_substitutes_patient_cancels_on_the_visit_day_until_the_visit(
    clinic: Clinic, clock: Clock
) -> None:
    await clinic.substitute()
    later = await clinic.book(2)
    [[other_account]] = await ask(
        clinic.platform,
        "SELECT p.account_id FROM appointments a JOIN patients p ON p.id = a.patient_id"
        " WHERE a.id = %s",
        later,
    )
    clock.now = at("2026-12-03T08:29")
    refused = await cancel(clinic.platform, other_account, later)
    assert isinstance(refused, NotCancelled)
    assert refused.reason is CancelRefusal.CANCEL_TOO_LATE
    cancelled = await cancel(clinic.platform, clinic.account_id, clinic.booking_id)
    assert isinstance(cancelled, AppointmentView), cancelled
    assert cancelled.status == "cancelled"
    await assert_audit_clean(clinic.platform)


async def test_from_the_visit_on_it_is_too_late(clinic: Clinic, clock: Clock) -> None:
    await clinic.substitute()
    clock.now = at("2026-12-03T08:30")
    refused = await cancel(clinic.platform, clinic.account_id, clinic.booking_id)
    assert isinstance(refused, NotCancelled)
    assert refused.reason is CancelRefusal.CANCEL_TOO_LATE


# Others ---------------------------------------------------------------------------------------


async def test_a_patient_whom_no_message_reached_becomes_a_call_task(
    clinic: Clinic, clock: Clock
) -> None:
    await clinic.substitute()
    clock.now += GRACE
    await carry_on(clinic.platform)
    await change(clinic.platform, "UPDATE messages SET state = 'failed'")
    await make_call_tasks(clinic.platform)
    tasks = "SELECT kind, appointment_id FROM call_tasks"
    assert await ask(clinic.platform, tasks) == [("substituted", clinic.booking_id)]


async def test_who_keeps_the_booking_is_offered_no_replacement(clinic: Clinic) -> None:
    stop_id = await clinic.substitute()
    places = [PlacesOffered(clinic.session_id, 1, 0)]
    offered = await offer(clinic.platform, clinic.by, stop_id, places, at("2026-12-01T18:00"))
    assert isinstance(offered, Refused)
    assert offered.reason in (OfferRefusal.NOBODY, OfferRefusal.OTHER_CLINIC)


async def test_a_clinic_with_a_substitute_can_still_be_stopped(
    clinic: Clinic, clock: Clock
) -> None:
    first = await clinic.substitute()
    second = await stop(clinic.platform, clinic.by, WHOLE_DAY, "都不在")
    assert isinstance(second, int)
    assert await clinic.status() == "stopped"
    clock.now += GRACE
    await carry_on(clinic.platform)
    kinds = "SELECT kind, state FROM messages ORDER BY id"
    assert [kind for kind, _ in await ask(clinic.platform, kinds)] == ["substituted", "stopped"]
    assert first != second
    await assert_audit_clean(clinic.platform)


async def test_places_of_a_later_stop_are_not_the_substitutes(clinic: Clinic) -> None:
    first = await clinic.substitute()
    later = await stop_clinic(clinic.platform, clinic.session_id)
    places = [PlacesOffered(later.session_id, 1, 0)]
    offered = await offer(clinic.platform, clinic.by, first, places, UNTIL)
    assert offered == Refused(OfferRefusal.NOBODY)
    await later.offer()
    undone = await undo(clinic.platform, clinic.by, first)
    assert not isinstance(undone, Refused)
    assert await ask(clinic.platform, "SELECT state FROM replacement_offers") == [("open",)]
    await assert_audit_clean(clinic.platform)


async def test_undone_for_a_session_it_holds_where_the_whole_day_has_a_substitute(
    clinic: Clinic, clock: Clock
) -> None:
    one_session = StopScope(THURSDAY, THURSDAY, session_id=clinic.session_id)
    first = await stop(clinic.platform, clinic.by, one_session, "医生外出", substitute=True)
    assert isinstance(first, int)
    second = await clinic.substitute()
    assert not isinstance(await undo(clinic.platform, clinic.by, first), Refused)
    assert await count(clinic.platform, "appointments", "substituted_at IS NOT NULL") == 1
    clock.now += GRACE
    await carry_on(clinic.platform)
    told = "SELECT kind, appointment_id FROM messages"
    assert await ask(clinic.platform, told) == [("substituted", clinic.booking_id)]
    found = await stops.report(clinic.platform, clinic.by, second)
    assert found is not None
    assert (found.progress.bookings, found.progress.waiting) == (1, 0)
    await assert_audit_clean(clinic.platform)
