"""Accounts that book or cancel unusually often, and what is decided about them (S17)."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.people import account_reviews as flows
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.account_reviews import RESTRICTED_DAYS_MAX, ReviewRefusal
from guahao.rules.people.identity import masked_phone
from guahao.rules.staff.staff import Role
from guahao.store.people.account_reviews import AccountReview
from guahao.web.http.answers import Answer
from guahao.web.http.reading import as_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.web.staff.reading import read_date

READERS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR})
DECIDERS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
_PATH = "/staff/account-reviews"
_DAYS_OFFERED = 30


def account_review_routes() -> list[StaffRoute]:
    """Return the list and the three decisions."""
    return [
        StaffRoute("GET", _PATH, _listed, READERS),
        StaffRoute("POST", f"{_PATH}/fine", _let_be, DECIDERS),
        StaffRoute("POST", f"{_PATH}/restrict", _restrict, DECIDERS),
        StaffRoute("POST", f"{_PATH}/lift", _lift, DECIDERS),
    ]


async def _listed(page: StaffPage) -> ASGIApp:
    return await _show(page)


async def _show(page: StaffPage, refused: str = "", status: int = 200) -> Answer:
    platform = page.services.platform
    found = await flows.list_reviews(platform)
    return page.show(
        "staff/account_reviews.html",
        status,
        reviews=found,
        phone=lambda review: masked_phone(review.phone(platform.vault)),
        reason_of=lambda review: review.reason(platform.vault),
        may_decide=page.staff.role in DECIDERS,
        policy=platform.policy_today,
        offered=(page.today + timedelta(days=_DAYS_OFFERED)).isoformat(),
        earliest=(page.today + timedelta(days=1)).isoformat(),
        latest=(page.today + timedelta(days=RESTRICTED_DAYS_MAX)).isoformat(),
        refused=refused,
    )


async def _let_be(page: StaffPage) -> ASGIApp:
    outcome = await flows.let_be(
        page.services.platform, page.staff, _review_id(page), page.form.get("reason", "")
    )
    return await _after(page, outcome, page.say("已记为正常，今后的预约和退号重新计数。"))


async def _restrict(page: StaffPage) -> ASGIApp:
    until = read_date(page.form.get("until", ""))
    if until is None:
        return await _after(page, Refused(ReviewRefusal.DATE_INVALID), "")
    reason = confirmed(
        page,
        Act(
            page.say("限制这个账户自己预约，到{day}恢复？", day=page.day(until)),
            [
                page.say("账户不能在网页、微信和接口上预约。"),
                page.say("已有的预约不受影响，客服仍可代为预约。"),
            ],
            page.say("限制预约"),
            _PATH,
            "account_reviews",
        ),
    )
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.restrict(
        page.services.platform, page.staff, _review_id(page), until, reason
    )
    return await _after(page, outcome, page.say("已限制这个账户预约。"))


async def _lift(page: StaffPage) -> ASGIApp:
    outcome = await flows.lift(
        page.services.platform, page.staff, _review_id(page), page.form.get("reason", "")
    )
    return await _after(page, outcome, page.say("已恢复这个账户预约。"))


def _review_id(page: StaffPage) -> int:
    return as_id(page.form.get("review_id", "")) or 0


async def _after(
    page: StaffPage, outcome: AccountReview | Refused[ReviewRefusal], said: str
) -> ASGIApp:
    match outcome:
        case AccountReview():
            page.flash(said)
            return page.redirect(_PATH)
        case Refused():
            return await _show(page, *page.refusal(outcome))
        case never:
            assert_never(never)
