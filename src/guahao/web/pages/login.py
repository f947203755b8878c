"""Logging in: a phone, a little work by the browser, a one-time password; logging out (S2)."""

from __future__ import annotations

import math
from dataclasses import replace
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.accounts import (
    InvalidPhone,
    OtpWrong,
    Throttled,
    open_account,
    request_otp_with_proof,
)
from guahao.rules.identity import valid_phone
from guahao.security_log import SecurityEvent, about, note
from guahao.web import cookies
from guahao.web.answers import json_answer
from guahao.web.pages.page import LOGIN_PATH, Page, Route
from guahao.web.pages.proof import new_challenge, verified
from guahao.web.replies import Problem
from guahao.web.wechat_link import bind_pending, pending_openid

CODE_PATH = f"{LOGIN_PATH}/code"
CHALLENGE_PATH = f"{LOGIN_PATH}/challenge"


def login_pages() -> list[Route]:
    """/login, its challenge and its code; POST /logout."""
    return [
        Route("GET", LOGIN_PATH, _login),
        Route("POST", LOGIN_PATH, _send),
        Route("GET", CHALLENGE_PATH, _challenge),
        Route("GET", CODE_PATH, _code),
        Route("POST", CODE_PATH, _open),
        Route("POST", "/logout", _log_out),
    ]


async def _login(page: Page) -> ASGIApp:
    """Which phone? Whoever was logged in and is no longer is told so."""
    if page.account_id is not None:
        return page.redirect(page.back())
    return _phone_form(page, page.sealed(cookies.PHONE) or "")


def _phone_form(page: Page, phone: str, problem: Problem | None = None) -> ASGIApp:
    at_field = problem is not None and problem.code == "phone_invalid"
    return page.render(
        "login.html",
        problem.status if problem else 200,
        keepable=True,
        phone=phone,
        expired=page.has_expired,
        field_problem=problem if at_field else None,
        form_problem=None if at_field else problem,
        challenge_path=CHALLENGE_PATH,
        binds_wechat=pending_openid(page.door.platform, page.request.scope) is not None,
    )


async def _challenge(page: Page) -> ASGIApp:
    """What the browser is to solve."""
    return json_answer(new_challenge(page.door.proof_key, page.now))


async def _send(page: Page) -> ASGIApp:
    """Send a one-time password; the same form once more sends none again."""
    phone = page.form.get("phone", "")
    proof = verified(page.door.proof_key, page.now, page.form.get("proof", ""))
    caller = page.door.callers.of(page.request.scope)
    about(page.request.scope, phone=valid_phone(phone))
    if proof is None and page.form.get("proof"):
        note(page.request.scope, SecurityEvent.PROOF_FAILED)
    outcome = await request_otp_with_proof(page.door.platform, phone, caller, page.language, proof)
    if isinstance(outcome, InvalidPhone):
        return _phone_form(page, phone, page.problem("phone_invalid"))
    if isinstance(outcome, Throttled):
        return _phone_form(page, phone, _throttled(page, outcome))
    # Kept sealed in the browser: a phone has no place in an address.
    page.seal(cookies.PHONE, (valid_phone(phone) or "").removeprefix("+86"))
    return page.redirect(f"{CODE_PATH}?{urlencode({'next': page.back()})}")


async def _code(page: Page) -> ASGIApp:
    """Which one-time password?"""
    phone = page.sealed(cookies.PHONE)
    if phone is None:
        return page.redirect(_login_again(page))
    return _code_form(page, phone)


def _code_form(page: Page, phone: str, problem: Problem | None = None) -> ASGIApp:
    return page.render(
        "login_code.html",
        problem.status if problem else 200,
        phone=page.masked_phone(phone),
        problem=problem,
        login_again=_login_again(page),
    )


async def _open(page: Page) -> ASGIApp:
    """The password proves the phone: the token goes into a cookie, the visitor goes on."""
    phone = page.sealed(cookies.PHONE)
    if phone is None:
        return page.redirect(_login_again(page))
    about(page.request.scope, phone=valid_phone(phone))
    outcome = await open_account(
        page.door.platform,
        phone,
        page.form.get("otp", ""),
        page.door.callers.of(page.request.scope),
        page.language,
    )
    if isinstance(outcome, OtpWrong):
        return _code_form(page, phone, page.problem("otp_wrong"))
    if isinstance(outcome, Throttled):
        return _code_form(page, phone, _throttled(page, outcome))
    if isinstance(outcome, InvalidPhone):
        return page.redirect(_login_again(page))
    page.set_cookie(cookies.SESSION, page.door.tokens.issue(outcome))
    page.drop_cookie(cookies.PHONE)
    for name, value in await bind_pending(page.door.platform, page.request.scope, outcome):
        page.add_header(name.decode(), value.decode())
    return page.redirect(page.back())


async def _log_out(page: Page) -> ASGIApp:
    """Forget the login, and whatever of the visitor's is kept in the browser."""
    for name in (cookies.SESSION, cookies.PHONE, cookies.KEPT):
        page.drop_cookie(name)
    return page.redirect("/")


def _throttled(page: Page, outcome: Throttled) -> Problem:
    """In minutes, as people count them."""
    seconds = outcome.retry_after_seconds
    page.add_header("retry-after", str(seconds))
    words = page.say(
        "获取或尝试验证码的次数过多，请在{minutes}分钟后再试，或拨打{hotline}，由客服帮您办。",
        minutes=math.ceil(seconds / 60),
        hotline=page.hotline,
    )
    return replace(page.problem("otp_throttled", retry_after_seconds=seconds), detail=words)


def _login_again(page: Page) -> str:
    return f"{LOGIN_PATH}?{urlencode({'next': page.back()})}"
