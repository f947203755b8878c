"""Accounts that book or cancel more than most: found, decided on, restricted (S17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.city import THURSDAY, Clock, add_session, ask, change
from tests.web.site import Site, add_citizen, booked, problem
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.people.account_reviews import (
    find_accounts_to_review,
    let_be,
    lift,
    list_reviews,
    restrict,
)
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.account_reviews import ReviewRefusal
from guahao.rules.staff.staff import Role, Staff

PATH = "/staff/account-reviews"


async def cancelled_often(site: Site, patient_id: int, times: int, channel: str = "web") -> None:
    """So many bookings of the patient's, all cancelled."""
    session_id = await add_session(site.platform)
    await change(
        site.platform,
        """
        INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                  visit_date, channel, booked_at, changed_at, status,
                                  code_enc, code_index, code_live)
        SELECT %s, s.id, s.hospital_id, s.department_id, s.visit_date, %s, %s, %s, 'cancelled',
               a.code_enc, a.code_index, false
        FROM clinic_sessions s, generate_series(1, %s),
             (SELECT code_enc, code_index FROM appointments LIMIT 1) a
        WHERE s.id = %s
        """,
        patient_id,
        channel,
        site.platform.db.clock(),
        site.platform.db.clock(),
        times,
        session_id,
    )


@pytest.fixture
async def supervisor(site: Site) -> Staff:
    return await add_member(site.platform, Role.SUPERVISOR)


async def open_review(site: Site) -> int:
    """The one open review's id."""
    await find_accounts_to_review(site.platform)
    [review] = (await list_reviews(site.platform)).open
    return review.id


async def test_sixteen_cancellations_are_reviewed_and_fifteen_are_not(site: Site) -> None:
    citizen, other, called = [await add_citizen(site, number) for number in (1, 2, 3)]
    await booked(site, citizen)
    await cancelled_often(site, citizen.patient_id, 16)
    await cancelled_often(site, other.patient_id, 15)
    await cancelled_often(site, called.patient_id, 16, channel="phone")
    for _ in range(2):
        await find_accounts_to_review(site.platform)
        [review] = (await list_reviews(site.platform)).open
        assert review.account_id == citizen.account_id
        assert (review.bookings, review.cancellations) == (17, 16)


async def test_what_was_found_fine_counts_anew(site: Site, clock: Clock, supervisor: Staff) -> None:
    citizen = await add_citizen(site)
    await booked(site, citizen)
    await cancelled_often(site, citizen.patient_id, 16)
    review_id = await open_review(site)
    assert await let_be(site.platform, supervisor, review_id, " ") == Refused(
        ReviewRefusal.REASON_NEEDED
    )
    decided = await let_be(site.platform, supervisor, review_id, "照顾两位老人")
    assert not isinstance(decided, Refused)
    again = await let_be(site.platform, supervisor, review_id, "照顾两位老人")
    assert again == Refused(ReviewRefusal.NOT_OPEN)
    clock.forward(minutes=1)
    await find_accounts_to_review(site.platform)
    assert (await list_reviews(site.platform)).open == []
    [review] = (await list_reviews(site.platform)).decided
    assert review.reason(site.platform.vault) == "照顾两位老人"
    [[action]] = await ask(
        site.platform, "SELECT action FROM audit_trail WHERE action = 'review_account'"
    )
    assert action == "review_account"


async def test_a_restricted_account_books_by_phone_only_until_the_day(
    site: Site, clock: Clock, supervisor: Staff
) -> None:
    citizen = await add_citizen(site)
    await booked(site, citizen)
    await cancelled_often(site, citizen.patient_id, 16)
    review_id = await open_review(site)
    today = clock().date()
    for wrong in (None, today, today + timedelta(days=181)):
        refused = await restrict(site.platform, supervisor, review_id, wrong, "倒号嫌疑")
        assert refused == Refused(ReviewRefusal.DATE_INVALID)
    await restrict(site.platform, supervisor, review_id, today + timedelta(days=1), "倒号嫌疑")
    session_id = await add_session(site.platform, THURSDAY + timedelta(days=7))
    detail = problem(await site.book(citizen, session_id), 409, "account_restricted")
    assert "114" in detail
    clock.forward(days=1)
    tomorrow = replace(citizen, token=await site.log_in(citizen.account_id))
    assert (await site.book(tomorrow, session_id)).status_code == 201
    assert await lift(site.platform, supervisor, review_id, "已核实") is not None


async def test_a_restriction_is_lifted_early(site: Site, clock: Clock, supervisor: Staff) -> None:
    citizen = await add_citizen(site)
    await booked(site, citizen)
    await cancelled_often(site, citizen.patient_id, 16)
    review_id = await open_review(site)
    assert await lift(site.platform, supervisor, review_id, "误判") == Refused(
        ReviewRefusal.NOT_RESTRICTED
    )
    until = clock().date() + timedelta(days=30)
    await restrict(site.platform, supervisor, review_id, until, "倒号嫌疑")
    assert not isinstance(await lift(site.platform, supervisor, review_id, "误判"), Refused)
    session_id = await add_session(site.platform, THURSDAY + timedelta(days=7))
    assert (await site.book(citizen, session_id)).status_code == 201


async def test_a_supervisor_decides_on_the_page(site: Site) -> None:
    citizen = await add_citizen(site)
    await booked(site, citizen)
    await cancelled_often(site, citizen.patient_id, 16)
    await find_accounts_to_review(site.platform)
    for language, word in (("zh", "退号16次"), ("en", "cancellations: 16")):
        reader = await at_the_desk(site, Role.SUPERVISOR, language=language)
        assert word in (await reader.go(PATH)).text
    auditor = await at_the_desk(site, Role.AUDITOR)
    assert "/restrict" not in (await auditor.go(PATH)).text
