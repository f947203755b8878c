"""Apply for places of a department (登记候补): the form, filled in by what was tapped."""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import assert_never
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.fairness import applications as flows
from guahao.flows.fairness.applications import ApplicationRequest, ApplicationTerms
from guahao.flows.fairness.drawn import next_draw
from guahao.flows.people.accounts import account
from guahao.flows.supply.schedules import one_session
from guahao.rules.fairness.applying import (
    ISO_WEEKDAYS,
    NOTICE_HOURS,
    Wishes,
    served_until,
)
from guahao.rules.kernel.facts import PERIODS, Actor
from guahao.rules.kernel.limits import PATIENTS_PER_PHONE
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.kernel.text import prose
from guahao.store.fairness.applications import ApplicationView
from guahao.store.kernel.views import PatientView, SessionView
from guahao.web.citizens.fairness.refusals import HelpLink, offers
from guahao.web.citizens.page import LoginNeededError, Page, Route
from guahao.web.framework.application_words import soon_text, weekday
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id

CHANNEL = "web"
_PATH = "/departments/{department_id}/apply"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
_TWO_WEEKS = timedelta(days=13)
_FIELD_MAX = 80
_CONFLICT = 409
_UNPROCESSABLE = 422


def apply_pages() -> list[Route]:
    """Return GET and POST /departments/{department_id}/apply."""
    return [Route("GET", _PATH, _ask), Route("POST", _PATH, _apply)]


class _Form:
    """What the form offers and what stands in it: typed before, or what was tapped."""

    def __init__(
        self,
        page: Page,
        terms: ApplicationTerms,
        session: SessionView | None,
        patients: list[PatientView],
    ) -> None:
        self.terms = terms
        self.session = session
        self.day = _day(page.query("day"))
        if self.day is not None and not terms.first_date <= self.day <= terms.last_date:
            self.day = None
        if session is not None:
            self.day = session.visit_date
        self.groups: dict[str, tuple[PatientView, ...]] = {
            str(patient.id): (patient,) for patient in patients
        }
        if len(patients) == PATIENTS_PER_PHONE:
            self.groups[" ".join(self.groups)] = tuple(patients)
        self.until = min(terms.first_date + _TWO_WEEKS, terms.last_date)
        self.policy = page.services.platform.policy_today
        self._now = page.now

    def begun(self, page: Page) -> dict[str, str]:
        """Return the fields as the form is first shown."""
        patient = page.query("patient")
        if patient not in self.groups:  # nobody is chosen where there are two
            patient = next(iter(self.groups)) if len(self.groups) == 1 else ""
        given = {
            "patients": patient,
            "when": "session" if self.session else "day" if self.day else "two_weeks",
            "first_date": (self.day or self.terms.first_date).isoformat(),
            "last_date": (self.day or self.until).isoformat(),
            "title": page.query("title")[:_FIELD_MAX],
            "specialty": page.query("specialty")[:_FIELD_MAX],
            **{f"period_{period}": "yes" for period in PERIODS},
            **{f"weekday_{number}": "yes" for number in ISO_WEEKDAYS},
            "notice": str(NOTICE_HOURS),
        }
        wishes = self.wishes(given)
        if wishes is not None and not self._is_served(wishes):
            # Soon before the visit no draw leaves a day for second thoughts.
            given["notice"] = "0"
        return given

    def _is_served(self, wishes: Wishes) -> bool:
        until = served_until(wishes, self.terms.rules, self.policy)
        return until is not None and self._now <= until

    def wishes(self, given: Mapping[str, str]) -> Wishes | None:
        """Return what the fields ask for; None where a date is missing or is none."""
        when = given.get("when")
        notice = NOTICE_HOURS if given.get("notice") == str(NOTICE_HOURS) else 0
        if when == "session" and self.session is not None:
            day = self.session.visit_date
            return Wishes(day, day, ranked_sessions=(self.session.id,), notice_hours=notice)
        first, last = self._dates(given, when)
        if first is None or last is None or first > last:
            return None
        return Wishes(
            first,
            last,
            title=prose(given.get("title", ""))[:_FIELD_MAX] or None,
            specialty=prose(given.get("specialty", ""))[:_FIELD_MAX] or None,
            periods=tuple(p for p in PERIODS if given.get(f"period_{p}")),
            iso_weekdays=tuple(n for n in ISO_WEEKDAYS if given.get(f"weekday_{n}")),
            notice_hours=notice,
        )

    def _dates(self, given: Mapping[str, str], when: str | None) -> tuple[date | None, date | None]:
        if when == "day" and self.day is not None:
            return self.day, self.day
        if when == "two_weeks":
            return self.terms.first_date, self.until
        return _day(given.get("first_date", "")), _day(given.get("last_date", ""))


async def _ask(page: Page) -> ASGIApp:
    form = await _form(page)
    return await _show(page, form, page.kept or form.begun(page))


async def _form(page: Page) -> _Form:
    platform = page.services.platform
    found = await account(platform, page.owner)
    if found is None:
        raise LoginNeededError
    department_id = read_id(page.request, "department_id", "not_found")
    terms = await flows.terms(platform, department_id)
    if terms is None:
        raise ProblemError("not_found")
    session_id = as_id(page.query("session"))
    tapped = None if session_id is None else await one_session(platform, session_id)
    session = None if tapped is None else tapped[0]
    if session is not None and session.department_id != department_id:
        session = None
    return _Form(page, terms, session, found.patients)


async def _show(
    page: Page,
    form: _Form,
    given: Mapping[str, str],
    *,
    key: str = "",
    refused: tuple[str, str] | None = None,
    helps: Sequence[HelpLink] = (),
    status: int = 200,
) -> Answer:
    wishes = form.wishes(given)
    platform, terms = page.services.platform, form.terms
    coming = None if wishes is None else await next_draw(platform, terms.department.id, wishes)
    kept = page.kept.get("key", "")
    return page.render(
        "apply.html",
        status,
        form=form,
        terms=terms,
        given=defaultdict(str, given),
        names=page.names,
        periods=PERIODS,
        weekdays={number: weekday(page, number) for number in ISO_WEEKDAYS},
        when=partial(soon_text, page),
        coming=coming,
        add_path=f"/patients/new?{urlencode({'next': page.here})}",
        back=_back(form),
        # A form saved when the login expired keeps its key, so that it applies once.
        key=key or (kept if _KEY.fullmatch(kept) else secrets.token_urlsafe(16)),
        notice_hours=NOTICE_HOURS,
        is_narrowed=_is_narrowed(given),
        refused=refused,
        offers=helps,
    )


def _back(form: _Form) -> str:
    path = f"/departments/{form.terms.department.id}"
    return path if form.day is None else f"{path}?{urlencode({'day': form.day.isoformat()})}"


def _is_narrowed(given: Mapping[str, str]) -> bool:
    """Return whether the fields ask for anything in particular, besides the dates."""
    parts = [f"period_{period}" for period in PERIODS]
    parts += [f"weekday_{number}" for number in ISO_WEEKDAYS]
    return bool(
        given.get("title") or given.get("specialty") or any(not given.get(p) for p in parts)
    )


async def _apply(page: Page) -> ASGIApp:
    """Apply; the same form again, by a double tap or the back button, is the same application."""
    owner = page.owner
    form, given, key = await _form(page), page.form, page.form.get("key", "")
    group = form.groups.get(given.get("patients", ""))
    wishes = form.wishes(given)
    if group is None or wishes is None or not _KEY.fullmatch(key):
        unchosen = (page.say("还没有选择就诊人"), page.say("请选择为谁登记，再点确认。"))
        undated = (page.say("日期有误"), page.say("请填写从哪天到哪天，先后不要颠倒。"))
        refused = unchosen if group is None else undated
        return await _show(page, form, given, refused=refused, status=_UNPROCESSABLE)
    ids = tuple(patient.id for patient in group)
    request = ApplicationRequest(
        Actor("account", owner),
        key,
        ids,
        form.terms.department.id,
        replace(wishes, may_split=len(ids) > 1 and bool(given.get("may_split"))),
        CHANNEL,
    )
    outcome = await flows.apply(page.services.platform, request)
    match outcome:
        case ApplicationView():
            return page.redirect(f"/applications/{outcome.id}?applied=1")
        case KeyMismatch():
            said = (
                page.say("这张表已经提交过"),
                page.say("已经用这张表登记过。请在“我的候补”里查看；要再登记，请核对后重新提交。"),
            )
            helps = [HelpLink("/applications", page.say("我的候补"))]
            return await _show(page, form, given, refused=said, helps=helps, status=_CONFLICT)
        case Refused(reason):
            problem = page.services.replies.application_refused(outcome, page.language)
            helps = offers(page, reason, form.terms.department.id)
            return await _show(
                page,
                form,
                given,
                key=key,
                refused=(problem.title, problem.detail),
                helps=helps,
                status=problem.status,
            )
        case never:
            assert_never(never)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
