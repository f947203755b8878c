"""Logging in by phone, proof of work and one-time password, and logging out (S2).

On a new device, or after a long time, a patient's document number as well: a phone number may
have got a new holder.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import assert_never
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.people.logins import (
    Device,
    LoggedIn,
    confirm,
    log_in,
    log_out,
    start_over,
)
from guahao.flows.people.one_time_passwords import (
    OtpSent,
    level_for,
    request_otp,
)
from guahao.flows.people.privacy.consent import has_consented
from guahao.rules.kernel.outcomes import Refused, Throttled
from guahao.rules.people.identity import valid_phone
from guahao.rules.people.logins import LEVEL_MAX, AccountLoginRefusal, ProofRequired
from guahao.security_log import SecurityEvent, about, note
from guahao.web.citizens.page import (
    CONFIRM_PATH,
    CONSENT_PATH,
    LOGIN_PATH,
    LoginNeededError,
    Page,
    Route,
)
from guahao.web.framework import cookies
from guahao.web.http.answers import json_answer
from guahao.web.http.devices import label_of
from guahao.web.http.proof import new_challenge, verified
from guahao.web.http.tokens import PAGES_SECONDS
from guahao.web.http.wechat_link import bind_pending, pending_openid
from guahao.web.words.replies import Problem

CODE_PATH = f"{LOGIN_PATH}/code"
CHALLENGE_PATH = f"{LOGIN_PATH}/challenge"
NEW_HOLDER_PATH = f"{LOGIN_PATH}/new-holder"


def login_pages() -> list[Route]:
    """Return the routes of /login, its challenge, code and confirmation, and of /logout."""
    return [
        Route("GET", LOGIN_PATH, _login),
        Route("POST", LOGIN_PATH, _send),
        Route("GET", CHALLENGE_PATH, _challenge),
        Route("GET", CODE_PATH, _code),
        Route("POST", CODE_PATH, _open),
        Route("GET", CONFIRM_PATH, _ask_to_confirm),
        Route("POST", CONFIRM_PATH, _confirm),
        Route("GET", NEW_HOLDER_PATH, _ask_new_holder),
        Route("POST", NEW_HOLDER_PATH, _new_holder),
        Route("POST", "/logout", _log_out),
    ]


async def _login(page: Page) -> ASGIApp:
    """Ask for the phone; visitors whose login has expired learn that."""
    if page.account_id is not None:
        return page.redirect(page.back())
    if page.login is not None:
        return page.redirect(_with_next(page, CONFIRM_PATH))
    return _phone_form(page, _asked(page)[0])


def _phone_form(page: Page, phone: str, problem: Problem | None = None, level: int = 0) -> ASGIApp:
    at_field = problem is not None and problem.code == "phone_invalid"
    return page.render(
        "login.html",
        problem.status if problem else 200,
        cacheable=True,
        phone=phone,
        expired=page.has_expired,
        field_problem=problem if at_field else None,
        form_problem=None if at_field else problem,
        challenge_path=f"{CHALLENGE_PATH}?{urlencode({'level': level})}",
        binds_wechat=pending_openid(page.services.platform, page.request.scope) is not None,
    )


async def _challenge(page: Page) -> ASGIApp:
    """Return the browser's challenge, at the current level or a higher one that was requested."""
    caller = page.services.callers.of(page.request.scope)
    wanted = page.query("level")
    level = int(wanted) if wanted in map(str, range(LEVEL_MAX + 1)) else 0
    level = max(level, await level_for(page.services.platform, caller))
    return json_answer(new_challenge(page.services.proof_key, page.now, level))


async def _send(page: Page) -> ASGIApp:
    """Send a one-time password; the same form sent again does not send another."""
    phone = page.form.get("phone", "")
    proof = verified(page.services.proof_key, page.now, page.form.get("proof", ""))
    about(page.request.scope, phone=valid_phone(phone))
    if proof is None and page.form.get("proof"):
        note(page.request.scope, SecurityEvent.PROOF_FAILED)
    outcome = await request_otp(
        page.services.platform,
        phone,
        page.services.callers.of(page.request.scope),
        page.language,
        proof=proof,
        device=page.device,
    )
    match outcome:
        case Throttled(retry_after_seconds=seconds):
            return _phone_form(page, phone, _throttled(page, seconds))
        case ProofRequired(level=level):
            return _phone_form(page, phone, _proof_required(page), level)
        case Refused(reason):
            return _phone_form(page, phone, page.problem(reason))
        case OtpSent(request_id):
            # In a sealed cookie: a phone must not appear in a URL, and the request's id must stay
            # secret.
            number = (valid_phone(phone) or "").removeprefix("+86")
            page.seal(cookies.PHONE, f"{number} {request_id}")
            return page.redirect(_with_next(page, CODE_PATH))
        case never:
            assert_never(never)


async def _code(page: Page) -> ASGIApp:
    """Ask for the one-time password."""
    phone, request_id = _asked(page)
    if not request_id:
        return page.redirect(_with_next(page, LOGIN_PATH))
    return _code_form(page, phone)


def _asked(page: Page) -> tuple[str, str]:
    """Return the phone and the request's id of the requested password; empty without one."""
    phone, _, request_id = (page.sealed(cookies.PHONE) or "").partition(" ")
    return phone, request_id


def _code_form(page: Page, phone: str, problem: Problem | None = None) -> ASGIApp:
    return page.render(
        "login_code.html",
        problem.status if problem else 200,
        phone=page.masked_phone(phone),
        problem=problem,
        login_again=_with_next(page, LOGIN_PATH),
    )


async def _open(page: Page) -> ASGIApp:
    """Verify the password, set the log-in's cookie and continue."""
    phone, request_id = _asked(page)
    if not request_id:
        return page.redirect(_with_next(page, LOGIN_PATH))
    about(page.request.scope, phone=valid_phone(phone))
    outcome = await log_in(
        page.services.platform,
        phone,
        page.form.get("otp", ""),
        request_id,
        page.services.callers.of(page.request.scope),
        page.language,
        "web",
        _device(page),
    )
    match outcome:
        case Throttled(retry_after_seconds=seconds):
            return _code_form(page, phone, _throttled(page, seconds))
        case Refused(AccountLoginRefusal.PHONE_INVALID):
            return page.redirect(_with_next(page, LOGIN_PATH))
        case Refused(reason):
            return _code_form(page, phone, page.problem(reason))
        case LoggedIn():
            if page.login is not None:  # end the previous log-in of this browser
                await log_out(page.services.platform, page.login.account_id, page.login.id)
            return await _go_on(page, outcome)
        case never:
            assert_never(never)


async def _go_on(page: Page, begun: LoggedIn) -> ASGIApp:
    """Set the log-in's cookie and continue, or first ask for a document."""
    token = page.services.tokens.issue(begun.account_id, begun.login_id, PAGES_SECONDS)
    page.set_cookie(cookies.SESSION, token)
    page.seal(cookies.OWN_DEVICE, begun.device)
    page.drop_cookie(cookies.PHONE)
    if not begun.confirmed:
        return page.redirect(_with_next(page, CONFIRM_PATH))
    return await _at_last(page, begun.account_id)


async def _at_last(page: Page, account_id: int) -> ASGIApp:
    """Bind the browser's WeChat user, now that the log-in is confirmed, and continue.

    Owners who have not consented to the notice on WeChat data are asked first.
    """
    platform = page.services.platform
    is_pending = pending_openid(platform, page.request.scope) is not None
    if is_pending and not await has_consented(platform, account_id):
        return page.redirect(_with_next(page, CONSENT_PATH))
    for name, value in await bind_pending(page.services.platform, page.request.scope, account_id):
        page.add_header(name.decode(), value.decode())
    return page.redirect(page.back())


async def _ask_to_confirm(page: Page) -> ASGIApp:
    """Ask to confirm that the patients are the visitor's."""
    if page.account_id is not None:
        return page.redirect(page.back())
    if page.login is None:
        return page.redirect(_with_next(page, LOGIN_PATH))
    return _confirm_form(page)


def _confirm_form(page: Page, problem: Problem | None = None) -> ASGIApp:
    at_field = problem is not None and problem.code == "confirm_wrong"
    return page.render(
        "login_confirm.html",
        problem.status if problem else 200,
        field_problem=problem if at_field else None,
        form_problem=None if at_field else problem,
        new_holder_path=_with_next(page, NEW_HOLDER_PATH),
    )


async def _confirm(page: Page) -> ASGIApp:
    """Check the document number of a patient of the account."""
    if page.login is None:
        return page.redirect(_with_next(page, LOGIN_PATH))
    about(page.request.scope, account_id=page.login.account_id)
    outcome = await confirm(
        page.services.platform,
        page.login.id,
        page.form.get("id_no", ""),
        page.services.callers.of(page.request.scope),
    )
    match outcome:
        case Throttled(retry_after_seconds=seconds):
            return _confirm_form(page, _confirm_throttled(page, seconds))
        case Refused(AccountLoginRefusal.ENDED):
            return page.redirect(_with_next(page, LOGIN_PATH))
        case Refused(reason):
            return _confirm_form(page, page.problem(reason))
        case int():
            return await _at_last(page, outcome)
        case never:
            assert_never(never)


async def _ask_new_holder(page: Page) -> ASGIApp:
    """Explain what will happen to the former holder's patients."""
    if page.account_id is not None:
        return page.redirect(page.back())
    if page.login is None:
        return page.redirect(_with_next(page, LOGIN_PATH))
    return _new_holder_form(page)


def _new_holder_form(page: Page, problem: Problem | None = None) -> ASGIApp:
    return page.render(
        "login_new_holder.html",
        problem.status if problem else 200,
        problem=problem,
        confirm_path=_with_next(page, CONFIRM_PATH),
    )


async def _new_holder(page: Page) -> ASGIApp:
    """Start an empty account for the phone's new holder."""
    if page.login is None:
        raise LoginNeededError
    outcome = await start_over(page.services.platform, page.login.id, page.language, _device(page))
    match outcome:
        case Refused(AccountLoginRefusal.NEW_HOLDER_CONFIRMED):
            return page.redirect(page.back())
        case Refused(AccountLoginRefusal.ENDED):
            return page.redirect(_with_next(page, LOGIN_PATH))
        case Refused(reason):
            return _new_holder_form(page, page.problem(reason))
        case LoggedIn():
            return await _go_on(page, outcome)
        case never:
            assert_never(never)


async def _log_out(page: Page) -> ASGIApp:
    """End the log-in, and clear the visitor's data in the browser."""
    if page.login is not None:
        await log_out(page.services.platform, page.login.account_id, page.login.id)
    for name in (cookies.SESSION, cookies.PHONE, cookies.KEPT):
        page.drop_cookie(name)
    page.clear_browser()
    return page.redirect("/")


def _device(page: Page) -> Device:
    return Device(label_of(page.request.scope), page.device)


def _proof_required(page: Page) -> Problem:
    """Write a problem for people: with scripts the browser solves the challenge by itself."""
    words = page.say(
        "现在请求较多。请再按一次“获取验证码”，等几秒自动完成验证。浏览器不能运行脚本的，请稍后再试，或拨打{hotline}。",
        hotline=page.hotline,
    )
    return replace(page.problem("proof_required"), detail=words)


def _throttled(page: Page, seconds: int) -> Problem:
    """Write a wait in whole minutes."""
    page.add_header("retry-after", str(seconds))
    words = page.say(
        "获取或尝试验证码的次数过多，请在{minutes}分钟后再试，或拨打{hotline}，由客服帮您办。",
        minutes=math.ceil(seconds / 60),
        hotline=page.hotline,
    )
    return replace(page.problem("otp_throttled", retry_after_seconds=seconds), detail=words)


def _confirm_throttled(page: Page, seconds: int) -> Problem:
    page.add_header("retry-after", str(seconds))
    words = page.say(
        "证件号码填错次数过多，请在{hours}小时后再试，或带证件到医院窗口办理。",
        hours=math.ceil(seconds / 3600),
    )
    return replace(page.problem("confirm_throttled", retry_after_seconds=seconds), detail=words)


def _with_next(page: Page, path: str) -> str:
    return f"{path}?{urlencode({'next': page.back()})}"
