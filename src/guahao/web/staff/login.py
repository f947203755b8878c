"""Logging in: the password, changing a temporary password, the second factor."""

from __future__ import annotations

from io import BytesIO
from typing import assert_never
from urllib.parse import urlencode

import segno
from litestar.types import ASGIApp

from guahao.flows.staff import logins as flows
from guahao.flows.staff.logins import HalfLogin, StaffLogin
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.text import typed
from guahao.rules.staff.logins import LoginRefusal
from guahao.rules.staff.members import StaffRefusal
from guahao.security_log import SecurityEvent, about, note
from guahao.web.framework import cookies as cookie_names
from guahao.web.http.forms import local_path
from guahao.web.http.reading import ProblemError
from guahao.web.staff.devices import origin_of, remember
from guahao.web.staff.navigation import landing
from guahao.web.staff.page import EVERYBODY, HOME_PATH, LOGIN_PATH, StaffPage, StaffRoute
from guahao.web.staff.sending import Sending
from guahao.web.words.refusals import Said

_PASSWORD_PATH = "/staff/password"  # noqa: S105 - a path
_ENROL_PATH = "/staff/enrol"
_CODE_PATH = "/staff/code"
_BUSY_SECONDS = 5


def login_routes() -> list[StaffRoute]:
    """Return the routes of /staff, and all that leads in and out."""
    return [
        StaffRoute("GET", HOME_PATH, _home, EVERYBODY),
        StaffRoute("GET", LOGIN_PATH, _ask_password, None),
        StaffRoute("POST", LOGIN_PATH, _take_password, None, sending=Sending.FREELY),
        StaffRoute("GET", _PASSWORD_PATH, _ask_new_password, None),
        StaffRoute("POST", _PASSWORD_PATH, _take_new_password, None),
        StaffRoute("GET", _ENROL_PATH, _show_secret, None),
        StaffRoute("GET", "/staff/enrol.svg", _qr, None),
        StaffRoute("POST", _ENROL_PATH, _enrol, None, sending=Sending.FREELY),
        StaffRoute("GET", _CODE_PATH, _ask_code, None),
        StaffRoute("POST", _CODE_PATH, _take_code, None, sending=Sending.FREELY),
        StaffRoute("POST", "/staff/sessions", _end_other_logins, EVERYBODY),
        StaffRoute("POST", "/staff/logout", _log_out, None, sending=Sending.FREELY),
        StaffRoute("POST", "/staff/language", _language, None, sending=Sending.FREELY),
        StaffRoute("GET", "/staff/styleguide", _styleguide, None),
        StaffRoute("POST", "/staff/theme", _theme, None, sending=Sending.FREELY),
    ]


async def _home(page: StaffPage) -> ASGIApp:
    return page.redirect(landing(page.staff.role))


async def _ask_password(page: StaffPage) -> ASGIApp:
    if page.member is not None:
        return page.redirect(page.back(HOME_PATH))
    return page.show("staff/login.html", login="", refused="")


async def _take_password(page: StaffPage) -> ASGIApp:
    login = typed(page.form.get("login", ""))[:80]
    password = page.form.get("password", "")
    outcome = await flows.log_in(page.services.platform, login, password, origin_of(page))
    match outcome:
        case HalfLogin() as half:
            page.set_cookie(cookie_names.STAFF, half.token)
            return page.redirect(_with_next(page, _next_step(half)))
        case Refused(reason):
            if reason is not LoginRefusal.BUSY:
                about(page.request.scope, login=login.lower())
                note(page.request.scope, SecurityEvent.STAFF_LOG_IN_FAILED)
            refused, status = _refusal(page, outcome)
            return page.show("staff/login.html", status, login=login, refused=refused)
        case never:
            assert_never(never)


def _next_step(half: HalfLogin) -> str:
    if half.needs_password_change:
        return _PASSWORD_PATH
    return _ENROL_PATH if half.needs_enrolment else _CODE_PATH


def _with_next(page: StaffPage, path: str) -> str:
    """Return the next step's address, with the page that the member wanted in the first place."""
    wanted = page.back("")
    return f"{path}?{urlencode({'next': wanted})}" if wanted else path


def _refusal(page: StaffPage, refused: Refused[LoginRefusal | StaffRefusal]) -> Said:
    if refused.reason is LoginRefusal.BUSY:
        page.add_header("retry-after", str(_BUSY_SECONDS))
    return page.refusal(refused)


async def _half(page: StaffPage) -> HalfLogin | None:
    return await flows.half_login(page.services.platform, page.token) if page.token else None


async def _ask_new_password(page: StaffPage) -> ASGIApp:
    if await _half(page) is None:
        return page.log_in()
    return await _password_form(page)


async def _password_form(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    """Show the form, with the member's log-ins once they have shown both factors."""
    found = page.member is not None
    logins = await flows.own_logins(page.services.platform, page.token) if found else []
    half = await _half(page)
    needs_code = found or (half is not None and not half.needs_enrolment)
    return page.show(
        "staff/password.html", status, refused=refused, logins=logins, needs_code=needs_code
    )


async def _end_other_logins(page: StaffPage) -> ASGIApp:
    ended = await flows.end_other_logins(page.services.platform, page.token)
    page.flash(page.say("其他{count}处登录已退出。", count=ended))
    return page.redirect(_PASSWORD_PATH)


async def _take_new_password(page: StaffPage) -> ASGIApp:
    old, new = page.form.get("old", ""), page.form.get("new", "")
    if new != page.form.get("again", ""):
        refused = page.say("两次输入的新密码不一样。")
        return await _password_form(page, refused, 422)
    outcome = await flows.change_password(
        page.services.platform, page.token, old, new, page.form.get("code", ""), origin_of(page)
    )
    match outcome:
        case Done():
            half = await _half(page)
            if page.member is not None or half is None:
                page.flash(page.say("密码已更改。"))
                return page.redirect(HOME_PATH)
            return page.redirect(_with_next(page, _next_step(half)))
        case Refused(StaffRefusal.NOT_LOGGED_IN):
            return page.log_in()
        case Refused():
            return await _password_form(page, *_refusal(page, outcome))
        case never:
            assert_never(never)


async def _show_secret(page: StaffPage) -> ASGIApp:
    uri = await flows.enrolment_uri(page.services.platform, page.token) if page.token else None
    if uri is None:
        return page.log_in()
    return page.show("staff/enrol.html", secret=_secret_of(uri), refused="")


async def _qr(page: StaffPage) -> ASGIApp:
    uri = await flows.enrolment_uri(page.services.platform, page.token) if page.token else None
    if uri is None:
        return page.log_in()
    drawn = BytesIO()
    segno.make(uri, error="m", micro=False).save(drawn, kind="svg", scale=5, border=3)
    return page.image(drawn.getvalue(), b"image/svg+xml")


def _secret_of(uri: str) -> str:
    """Return the secret in groups of four, to be typed."""
    secret = uri.partition("secret=")[2].partition("&")[0]
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


async def _enrol(page: StaffPage) -> ASGIApp:
    code = page.form.get("code", "")
    outcome = await flows.enrol(page.services.platform, page.token, code, origin_of(page))
    match outcome:
        case StaffLogin() as login:
            return _logged_in(page, login)
        case Refused(LoginRefusal.BEGIN_AGAIN):
            return page.log_in()
        case Refused():
            note(page.request.scope, SecurityEvent.STAFF_SECOND_FACTOR_FAILED)
            uri = await flows.enrolment_uri(page.services.platform, page.token)
            if uri is None:
                return page.log_in()
            refused, status = _refusal(page, outcome)
            return page.show("staff/enrol.html", status, secret=_secret_of(uri), refused=refused)
        case never:
            assert_never(never)


async def _ask_code(page: StaffPage) -> ASGIApp:
    if await _half(page) is None:
        return page.log_in()
    return page.show("staff/code.html", refused="")


async def _take_code(page: StaffPage) -> ASGIApp:
    code = page.form.get("code", "")
    platform, origin = page.services.platform, origin_of(page)
    outcome = await flows.show_second_factor(platform, page.token, code, origin)
    match outcome:
        case StaffLogin() as login:
            return _logged_in(page, login)
        case Refused(LoginRefusal.BEGIN_AGAIN):
            return page.log_in()
        case Refused():
            note(page.request.scope, SecurityEvent.STAFF_SECOND_FACTOR_FAILED)
            refused, status = _refusal(page, outcome)
            return page.show("staff/code.html", status, refused=refused)
        case never:
            assert_never(never)


def _logged_in(page: StaffPage, login: StaffLogin) -> ASGIApp:
    page.set_cookie(cookie_names.STAFF, login.token)
    remember(page, login.staff.login)
    return page.redirect(local_path(page.back(HOME_PATH), HOME_PATH))


async def _log_out(page: StaffPage) -> ASGIApp:
    if page.token:
        await flows.log_out(page.services.platform, page.token)
    page.drop_cookie(cookie_names.STAFF)
    page.clear_browser()
    return page.redirect(LOGIN_PATH)


async def _styleguide(page: StaffPage) -> ASGIApp:
    """Show every component of the desk in all its states; in the demo only."""
    if not page.is_demo:
        raise ProblemError("not_found")
    return page.show("staff/styleguide.html")


async def _theme(page: StaffPage) -> ASGIApp:
    page.choose_theme()
    return page.redirect(page.back(HOME_PATH))


async def _language(page: StaffPage) -> ASGIApp:
    chosen = page.form.get("language", "")
    if chosen in ("zh", "en"):
        page.set_cookie(cookie_names.LANGUAGE, chosen)
    return page.redirect(page.back(HOME_PATH))
