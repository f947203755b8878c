"""Booking a place: the confirmation, then the booking or a refusal with alternatives (S7, S12)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import assert_never
from urllib.parse import urlencode

from litestar.types import ASGIApp
from psycopg import OperationalError

from guahao import security_log
from guahao.flows.booking.alternatives import alternatives
from guahao.flows.booking.appointments import list_appointments
from guahao.flows.booking.checking import BookingCheck, PatientCheck, check
from guahao.flows.booking.desk import Busy, NotBooked, NotDecided, OutcomeUnknown, TooFast
from guahao.flows.booking.together import PairBooked, PairNotBooked, PairRequest, WantedPlace
from guahao.flows.supply.schedules import one_session
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import PATIENTS_PER_PHONE
from guahao.rules.kernel.outcomes import BeforeOwnMoment, KeyMismatch, Refusal, Refused
from guahao.rules.people.consent import NOTICE_VERSION
from guahao.rules.people.logins import AccountLoginRefusal, LoginRefused
from guahao.store.kernel.views import AppointmentView, PatientView, SessionView
from guahao.web.citizens.account.account import PATIENT_FIELDS
from guahao.web.citizens.booking.check_words import line
from guahao.web.citizens.booking.ways import WAYS
from guahao.web.citizens.help import help_path
from guahao.web.citizens.page import ConfirmNeededError, LoginNeededError, Page, Route
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.http.tokens import Claims
from guahao.web.words.replies import Problem
from guahao.words.dates import format_second

CHANNEL = "web"
_UNAVAILABLE = 503
_TRIES_MAX = 30  # automatic retries of a page, for a minute or two
_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")


def book_pages() -> list[Route]:
    """Return GET and POST /book/{session_id}."""
    return [
        Route("GET", "/book/{session_id}", _confirm),
        Route("POST", "/book/{session_id}", _book, asks_desk=True),
    ]


async def _confirm(page: Page) -> ASGIApp:
    """Show patients, session and rules, and for each patient what the desk would answer.

    Where it would refuse them all: why, and what can be done instead. Where the place is theirs
    already: the booking.
    """
    found = await _check(page, page.owner, _session_id(page))
    held = [line.booked for line in found.patients if line.booked is not None]
    if len(held) == PATIENTS_PER_PHONE:
        return page.redirect("/bookings?booked=both-already")
    if held and not any(line.may_book for line in found.patients):
        return page.redirect(f"/bookings/{held[0].id}?booked=already")
    if any(line.may_book for line in found.patients):
        return _form(page, found)
    first = next((line.refused for line in found.patients if line.refused is not None), None)
    refused = found.refused or first
    if refused is not None:
        wanted = [
            line.patient.id for line in found.patients if str(line.patient.id) == _wanted(page)
        ]
        ids = wanted or [line.patient.id for line in found.patients]
        return await _refusal(page, found, ids, refused, tried=False)
    return _form(page, found)


def _session_id(page: Page) -> int:
    return read_id(page.request, "session_id", Refusal.UNKNOWN_SESSION)


async def _check(page: Page, account_id: int, session_id: int) -> BookingCheck:
    """Return what the desk would answer for each patient of the account."""
    found = await check(page.services.platform, account_id, session_id, CHANNEL)
    if found is None:
        raise ProblemError(Refusal.UNKNOWN_SESSION)
    return found


def _chosen(page: Page, lines: Sequence[PatientCheck]) -> PatientView | None:
    """Return the patient chosen before the login or on an earlier page, or the only one."""
    patients = [line.patient for line in lines if line.may_book]
    only = patients[0] if len(lines) == 1 and patients else None
    return next((patient for patient in patients if str(patient.id) == _wanted(page)), only)


def _wanted(page: Page) -> str:
    return page.kept.get("patient_id") or page.query("patient")


def _choice(patient_ids: Sequence[int]) -> str:
    """Return the form's value for these patients."""
    return ",".join(map(str, patient_ids))


def _chosen_ids(choice: str) -> tuple[int, int | None] | None:
    """Return the patient of a form, or both; None where none is chosen."""
    first, is_pair, second = choice.partition(",")
    patient_id, other_id = as_id(first), as_id(second)
    if patient_id is None or (is_pair and other_id is None):
        return None
    return patient_id, other_id


def _form(page: Page, found: BookingCheck, *, unchosen: bool = False) -> Answer:
    kept, policy, session = (
        page.kept.get("key", ""),
        page.services.platform.policy_today,
        found.session,
    )
    patients = [line.patient for line in found.patients]
    both = (
        _choice([patient.id for patient in patients]) if len(patients) == PATIENTS_PER_PHONE else ""
    )
    return page.render(
        "confirm.html",
        session=session,
        names=page.names,
        lines=[line(page, session, one) for one in found.patients],
        chosen=_chosen(page, found.patients),
        both=both,
        both_chosen=both and both == _wanted(page),
        both_why=_both_why(page, found) if both else "",
        may_add=len(patients) < PATIENTS_PER_PHONE,
        add_path=f"/patients/new?{urlencode({'next': page.path})}",
        # A form saved when the login expired keeps its key, so that it books once.
        key=kept if _KEY.fullmatch(kept) else secrets.token_urlsafe(16),
        unchosen=unchosen,
        cancel_until=cancel_deadline(session.visit_date, session.rules),
        pickup_until=pickup_deadline(session.visit_date, session.period, session.rules),
        policy=policy,
        self_service="patient" in policy.cancel_channels,
        # For the form of a first patient, where the account has none yet.
        typed=dict.fromkeys(PATIENT_FIELDS, ""),
        notice_version=NOTICE_VERSION,
        problems={},
    )


def _both_why(page: Page, found: BookingCheck) -> str:
    """Return why both cannot be booked together; empty where they can."""
    if found.session.remaining < PATIENTS_PER_PHONE:
        return page.say("只剩1个号，不够两位")
    refused = found.pair
    if refused is None or isinstance(refused.refused, BeforeOwnMoment):
        return ""
    names = [line.patient.name for line in found.of(refused.patient_ids)]
    joined = (" and " if page.language == "en" else "、").join(names)
    return page.say("{names}现在不能约这个号", names=joined)


async def _book(page: Page) -> ASGIApp:
    """Book; the same form again, by a double tap or the back button, is the same booking.

    So is a fresh form for a place that the patient already holds: who went back and
    confirmed again wants to see the booking, not a refusal.
    """
    claims = page.claims
    if claims is None:
        raise LoginNeededError
    id = _session_id(page)
    chosen, nonce = _chosen_ids(page.form.get("patient_id", "")), page.form.get("key", "")
    if chosen is None or not _KEY.fullmatch(nonce):
        await page.identify()
        return _form(page, await _check(page, page.owner, id), unchosen=True)
    patient_id, other_id = chosen
    if other_id is not None:
        return await _book_both(page, claims, (patient_id, other_id), nonce, id)
    # The form was shown for one session; for each patient it books once.
    key = f"{nonce}-{patient_id}"
    actor, caller = (
        Actor("account", claims.account_id),
        page.services.callers.of(page.request.scope),
    )
    answer = await page.services.desk.book(
        actor, key, patient_id, id, CHANNEL, caller, login_id=claims.login_id
    )
    match answer:
        case AppointmentView():
            return page.redirect(f"/bookings/{answer.id}?booked=1")
        case Refused():
            await page.identify()
            return await _refused(page, answer, patient_id, nonce, id)
        case LoginRefused(reason):
            is_over = reason is AccountLoginRefusal.ENDED
            raise LoginNeededError if is_over else ConfirmNeededError
        case Busy() | NotBooked() | TooFast() | OutcomeUnknown():
            return await _undecided(page, answer, [patient_id], nonce, id)
        case KeyMismatch():
            await page.identify()
            return page.redirect(page.path)  # the form was for another session
        case never:
            assert_never(never)


async def _book_both(
    page: Page, claims: Claims, patient_ids: tuple[int, int], nonce: str, session_id: int
) -> ASGIApp:
    """Book both patients of the account, or neither; the same form again is the same booking."""
    first, second = patient_ids
    answer = await page.services.desk.book_together(
        PairRequest(
            Actor("account", claims.account_id),
            f"{nonce}-both",
            (WantedPlace(first, session_id), WantedPlace(second, session_id)),
            CHANNEL,
            claims.login_id,
        ),
        page.services.callers.of(page.request.scope),
    )
    match answer:
        case PairBooked():
            return page.redirect("/bookings?booked=both")
        case LoginRefused(reason):
            is_over = reason is AccountLoginRefusal.ENDED
            raise LoginNeededError if is_over else ConfirmNeededError
        case Busy() | NotBooked() | TooFast() | OutcomeUnknown():
            return await _undecided(page, answer, patient_ids, nonce, session_id)
        case PairNotBooked():
            await page.identify()
            return await _both_refused(page, answer, patient_ids, nonce, session_id)
        case KeyMismatch() | Refused():
            return page.redirect(page.path)  # the form was for others
        case never:
            assert_never(never)


async def _both_refused(
    page: Page,
    answer: PairNotBooked,
    patient_ids: tuple[int, int],
    nonce: str,
    session_id: int,
) -> ASGIApp:
    refused = answer.refused
    if refused.reason is Refusal.UNKNOWN_SESSION:
        raise ProblemError(refused.reason)
    if isinstance(refused, BeforeOwnMoment):
        return await _own_moment(page, refused, patient_ids, nonce)
    held = {booking.patient.id for booking in await _held(page, session_id)}
    if held.issuperset(patient_ids):
        return page.redirect("/bookings?booked=both-already")
    said = page.services.replies.pair_refused(
        refused, answer.patient_ids, answer.names, page.language
    )
    found = await _check(page, page.owner, session_id)
    return await _refusal(page, found, patient_ids, refused, said)


async def _refused(
    page: Page, answer: Refused[Refusal], patient_id: int, nonce: str, session_id: int
) -> ASGIApp:
    if answer.reason is Refusal.UNKNOWN_SESSION:
        raise ProblemError(answer.reason)
    if isinstance(answer, BeforeOwnMoment):
        return await _own_moment(page, answer, [patient_id], nonce)
    for booking in await _held(page, session_id):
        if booking.patient.id == patient_id:
            return page.redirect(f"/bookings/{booking.id}?booked=already")
    found = await _check(page, page.owner, session_id)
    return await _refusal(page, found, [patient_id], answer)


async def _own_moment(
    page: Page, refused: BeforeOwnMoment, patient_ids: Sequence[int], nonce: str
) -> ASGIApp:
    """Show when the patient can be booked for; the same form books from then on."""
    moment = refused.retry_from
    assert moment is not None
    found = await _check(page, page.owner, _session_id(page))
    return page.render(
        "own_moment.html",
        page.services.replies.refused(refused, page.language).status,
        session=found.session,
        names=page.names,
        moment=format_second(moment),
        # A duration, so that the browser's clock does not have to be right.
        milliseconds=max(ceil((moment - page.now) / timedelta(milliseconds=1)), 0),
        patient_id=_choice(patient_ids),
        key=nonce,
    )


async def _held(page: Page, session_id: int) -> list[AppointmentView]:
    """Return the account's live bookings of this session."""
    current = await list_appointments(page.services.platform, page.owner, "current")
    return [
        booking
        for booking in current
        if booking.session.id == session_id and booking.status == "booked"
    ]


async def _refusal(
    page: Page,
    found: BookingCheck,
    patient_ids: Sequence[int],
    refused: Refused[Refusal],
    said: Problem | None = None,
    *,
    tried: bool = True,
) -> Answer:
    """Show what happened, why, and what can be done now.

    `said`: other words than the usual. `tried`: a booking was asked for and refused; otherwise
    the page says so before anybody asks.
    """
    session, ways = found.session, WAYS[refused.reason]
    offered: list[SessionView] = []
    if patient_ids and ways.sessions:
        platform, owner = page.services.platform, page.owner
        others = [await alternatives(platform, owner, id, session.id) for id in patient_ids]
        if tried:
            offered = [
                other
                for other in others[0]
                if other.remaining >= len(patient_ids)
                and all(other.id in {one.id for one in also} for also in others[1:])
            ]
        else:
            offered = next(filter(None, others), [])  # for any of them: nobody is chosen yet
    refused_lines = (
        [
            line(page, session, one)
            for one in found.of(patient_ids)
            if one.refused is not None and not one.may_book
        ]
        if ways.of_patient
        else []
    )
    said = said or page.services.replies.refused(refused, page.language)
    return page.render(
        "refused.html",
        said.status,
        session=session,
        names=page.names,
        said=said,
        tried=tried,
        lines=refused_lines,
        ways=ways,
        offered=offered,
        patient_id=_choice(patient_ids) if tried or len(patient_ids) == 1 else "",
        others=found.refused is None
        and any(one.may_book for one in found.patients if one.patient.id not in patient_ids),
        may_add=len(found.patients) < PATIENTS_PER_PHONE,
        rule_path=help_path(refused.reason.value),
        apply_path=_apply_path(page, session, patient_ids, refused.reason),
    )


def _apply_path(
    page: Page, session: SessionView, patient_ids: Sequence[int], reason: Refusal
) -> str | None:
    """Return where to apply for a session whose places come by draws only; else None."""
    returns_by_draw = page.services.platform.policy_today.draw_returned_places
    waits = session.held > 0 and reason in (Refusal.NOT_RELEASED, Refusal.BEYOND_HORIZON)
    sold_out = reason is Refusal.SOLD_OUT and returns_by_draw
    if not (waits or sold_out or reason is Refusal.BY_DRAW):
        return None
    fields = {"session": session.id}
    if len(patient_ids) == 1:
        fields["patient"] = patient_ids[0]
    return f"/departments/{session.department_id}/apply?{urlencode(fields)}"


async def _undecided(
    page: Page, answer: NotDecided, patient_ids: Sequence[int], nonce: str, session_id: int
) -> Answer:
    """Show that the outcome is open; the same form is sent again, by script where there is one."""
    page.add_header("retry-after", str(answer.retry_after_seconds))
    status = _UNAVAILABLE
    tries = as_id(page.form.get("tries", "")) or 0
    match answer:
        case TooFast():
            problem = page.services.replies.problem(
                answer.code, page.language, retry_after_seconds=answer.retry_after_seconds
            )
            security_log.refused(page.request.scope, answer.code)
            status, title, detail = problem.status, problem.title, problem.detail
            tries = _TRIES_MAX
        case Busy():
            title = page.say("现在预约的人太多")
            detail = page.say("这次没有预约成功，您填写的内容还在。请稍等几秒，再试一次。")
        case NotBooked():
            title = page.say("暂时不能预约")
            detail = page.say(
                "系统暂时不能办理预约。这次没有约上，也没有占用号源；您填写的内容还在，可以再试。"
            )
        case OutcomeUnknown():
            title = page.say("还不能确定是否约上")
            detail = page.say(
                "系统暂时没有收到结果。请再试一次：同一张表单只会预约一次，不会重复。"
            )
        case never:
            assert_never(never)
    return page.render(
        "undecided.html",
        status,
        session=await _session_if_readable(page, session_id),
        names=page.names,
        title=title,
        detail=detail,
        patient_id=_choice(patient_ids),
        key=nonce,
        tries=tries + 1,
        again_seconds=answer.retry_after_seconds if tries < _TRIES_MAX else None,
    )


async def _session_if_readable(page: Page, id: int) -> SessionView | None:
    """Return the session, if it can be read; the form can be sent again without it."""
    try:
        found = await one_session(page.services.platform, id)
    except OperationalError:
        return None
    return None if found is None else found[0]
