"""One visit of a member of the staff to a page, and the route that leads there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlencode

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from markupsafe import Markup

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.logins import staff_of_login
from guahao.rules.staff.staff import Role, Staff
from guahao.web.framework import cookies as cookie_names
from guahao.web.framework.cookies import Cookies
from guahao.web.framework.page_base import BasePage
from guahao.web.http import csrf
from guahao.web.http.answers import Answer
from guahao.web.http.forms import local_path
from guahao.web.http.limits import Callers
from guahao.web.http.reading import ApiRequest, ProblemError, header
from guahao.web.staff import sending
from guahao.web.staff.keys import KEYS
from guahao.web.staff.navigation import NavigationEntry, entries_for
from guahao.web.staff.problem_words import words_for
from guahao.web.staff.sending import Sending, new_key, send
from guahao.web.words.replies import Replies

HOME_PATH = "/staff"
LOGIN_PATH = "/staff/login"
EVERYBODY = frozenset(Role)
_SESSION_OVER = 403

Handler = Callable[["StaffPage"], Awaitable[ASGIApp]]


@dataclass(frozen=True)
class StaffServices:
    """The platform and the desk behind, the words before."""

    platform: Platform
    desk: Desk
    replies: Replies
    callers: Callers

    @cached_property
    def cookies(self) -> Cookies:
        """Return cookies that are sent over TLS only, except in the demo."""
        return Cookies(secure=not self.platform.settings.demo)

    @cached_property
    def csrf_key(self) -> bytes:
        """Return what forms are signed with; another than the citizens'."""
        return self.platform.vault.key_for("staff csrf")


class StaffPage(BasePage):
    """Made for each request; `staff` is set before a handler sees it."""

    keys = KEYS

    def __init__(self, services: StaffServices, request: ApiRequest) -> None:
        super().__init__(services, request)
        self.services = services
        self.member: Staff | None = None
        self.form_key = ""
        self.csrf_given = ""

    @property
    def staff(self) -> Staff:
        """Return who is logged in, with both factors."""
        assert self.member is not None
        return self.member

    @property
    def token(self) -> str:
        """Return the token in the log-in's cookie; empty where there is none."""
        return self._cookie(cookie_names.STAFF) or ""

    async def find_member(self) -> None:
        """Look up who is logged in."""
        if self.token:
            self.member = await staff_of_login(self.services.platform, self.token)

    @property
    def browser_name(self) -> str:
        """Return the random name of this browser; empty where it has none."""
        return self._cookie(cookie_names.BROWSER) or ""

    @property
    def csrf_field(self) -> Markup:
        """Return the hidden fields of every form: that it is ours, and which rendering this is."""
        key = Markup('<input type="hidden" name="{}" value="{}">').format(sending.FIELD, new_key())
        return super().csrf_field + key

    def _accept(self, fields: dict[str, str]) -> None:
        given = fields.get(csrf.FIELD, "")
        super()._accept(fields)
        self.csrf_given, self.form_key = given, self.form.pop(sending.FIELD, "")

    @property
    def navigation(self) -> list[NavigationEntry]:
        """Return where this role may go."""
        return [] if self.member is None else entries_for(self.member.role)

    @property
    def is_partial(self) -> bool:
        """Return whether htmx asks for a part of a page."""
        return header(self.request.scope, b"hx-request") == b"true"

    @cached_property
    def flashed(self) -> str:
        """Return what the page before had to say; it is shown once."""
        text = self.sealed(cookie_names.FLASH)
        if text is None:
            return ""
        self.drop_cookie(cookie_names.FLASH)
        return text

    def flash(self, text: str) -> None:
        """Say a sentence on the next page."""
        self.seal(cookie_names.FLASH, text)

    def show(self, name: str, status: int = 200, **context: Any) -> Answer:
        """Render a page with what was flashed; for every full page of the staff."""
        flashed = "" if self.is_partial else self.flashed
        return self.render(name, status, flashed=flashed, **context)

    def log_in(self) -> Answer:
        """Redirect to the login, and back here where this page can be opened again."""
        here = self.here if self.request.scope["method"] == "GET" else HOME_PATH
        path = f"{LOGIN_PATH}?{urlencode({'next': local_path(here, HOME_PATH)})}"
        if not self.is_partial:
            return self.redirect(path)
        # A part of a page: the whole page goes.
        return Answer(204, b"", [(b"hx-redirect", path.encode()), (b"cache-control", b"no-store")])


@dataclass(frozen=True, slots=True)
class StaffRoute:
    """A page for some roles, or what its form is sent to.

    `roles` None: needs no login yet. `upload_bytes_max`: of a form that carries files.
    `lines`: the form's fields of several lines. `sending`: how often the form may be sent.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    roles: frozenset[Role] | None
    upload_bytes_max: int = 0
    lines: frozenset[str] = frozenset()
    sending: Sending = Sending.ONCE

    def for_litestar(self, services: StaffServices) -> HTTPRouteHandler:
        """Check both factors first, then the role, then that a form of ours sent it."""

        async def answer(request: ApiRequest) -> ASGIApp:
            page = StaffPage(services, request)
            try:
                return await self._answer(page)
            except ProblemError as error:
                problem = page.problem(error.code, field=error.field)
                words = words_for(page, problem)
                return page.show("staff/error.html", problem.status, problem=problem, words=words)

        return HTTPRouteHandler(
            self.path.replace("}", ":str}"), http_method=self.method, status_code=200
        )(answer)

    async def _answer(self, page: StaffPage) -> ASGIApp:
        await page.find_member()
        if self.roles is not None:
            if page.member is None:
                return await self._log_in(page)
            if page.member.role not in self.roles:
                raise ProblemError("staff_not_your_page")
        if self.method == "GET":
            return await self.handler(page)
        await self._read_form(page)
        return await send(page, self.handler, self.sending)

    async def _log_in(self, page: StaffPage) -> ASGIApp:
        """Redirect to the login; what was typed into a form is given back, to be sent again."""
        if self.method == "GET" or self.upload_bytes_max or page.is_partial:
            return page.log_in()
        try:
            await self._read_form(page)
        except ProblemError:
            return page.log_in()
        return page.show("staff/again.html", _SESSION_OVER) if page.form else page.log_in()

    async def _read_form(self, page: StaffPage) -> None:
        if self.upload_bytes_max:
            await page.read_upload(self.upload_bytes_max)
        else:
            await page.read_form(self.lines)
