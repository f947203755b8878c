"""A request for a citizens' page: the visitor, the form and the response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.rules.people.consent import NOTICE_VERSION
from guahao.store.people.logins import Login
from guahao.web.citizens.elder import ANSWERS, QUERY, Few, few, has_template
from guahao.web.citizens.services import Services
from guahao.web.framework import cookies as cookie_names
from guahao.web.framework.page_base import BasePage
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest, ProblemError
from guahao.web.http.tokens import Claims

LOGIN_PATH = "/login"
CONFIRM_PATH = "/login/confirm"
CONSENT_PATH = "/me/consent"

Handler = Callable[["Page"], Awaitable[ASGIApp]]

_SAVED_BYTES_MAX = 2000


class LoginNeededError(Exception):
    """The visitor is not logged in: redirect to the login and back."""


class ConfirmNeededError(Exception):
    """The log-in is not confirmed: redirect to the question for a document and back."""


class ConsentNeededError(Exception):
    """The notice has changed since the owner consented: redirect to it and back."""


class SavedForm(msgspec.Struct):
    """A form that was submitted after the login had expired."""

    account_id: int
    path: str
    fields: dict[str, str]


class Page(BasePage):
    """A request for a page; templates see it as `page`.

    A handler reads `owner` (visitors who are not logged in are redirected to the login and back),
    `form` (a POST's fields, whose CSRF token was checked) and `kept`, and ends with `render` or
    `redirect`.
    """

    def __init__(self, services: Services, request: ApiRequest) -> None:
        super().__init__(services, request)
        self.services = services
        # None: the visitor is not logged in, or `identify` has not run yet.
        self.login: Login | None = None

    # The visitor ---------------------------------------------------------------------------

    @cached_property
    def elder(self) -> bool:
        """Return whether the elder view (长辈版) was chosen."""
        return self._cookie(cookie_names.VIEW) == cookie_names.ELDER

    async def identify(self) -> None:
        """Read the log-in from the database, if there is a cookie."""
        claims = self.claims
        if claims is None:
            return
        try:
            self.login = await self.services.tokens.login_by(claims)
        except ProblemError:
            self.login = None

    @cached_property
    def claims(self) -> Claims | None:
        """Return the claims of the log-in's cookie; None where it is missing or has expired."""
        token = self._cookie(cookie_names.SESSION)
        if token is None:
            return None
        try:
            return self.services.tokens.claims_in(token)
        except ProblemError:
            return None

    @property
    def account_id(self) -> int | None:
        """Return the logged-in account; None where none is, or its log-in is unconfirmed."""
        login = self.login
        return login.account_id if login is not None and login.confirmed else None

    @property
    def owner(self) -> int:
        """Return the account that is logged in.

        Its errors redirect to the login, to its confirmation, or to a notice that has changed since
        the owner consented.
        """
        account_id = self.holder
        assert self.login is not None
        if self.login.notice_version not in (None, NOTICE_VERSION):
            raise ConsentNeededError
        return account_id

    @property
    def holder(self) -> int:
        """Return the account that is logged in, regardless of its consent.

        For the pages where owners consent, export their data or erase it.
        """
        if self.login is None:
            raise LoginNeededError
        if not self.login.confirmed:
            raise ConfirmNeededError
        return self.login.account_id

    @property
    def device(self) -> str | None:
        """Return the secret that identifies this browser; None before the first log-in."""
        return self.sealed(cookie_names.OWN_DEVICE)

    @property
    def has_expired(self) -> bool:
        """Return whether this browser has an expired login."""
        return self.login is None and self._last_account_id is not None

    # The form ----------------------------------------------------------------------

    @cached_property
    def kept(self) -> dict[str, str]:
        """Return what this account submitted to this page's form after its login had expired.

        Returned once: showing the page deletes it.
        """
        saved = self._saved_form()
        if saved is None or saved.account_id != self.account_id or saved.path != self.here:
            return {}
        self._headers.append(self.services.cookies.drop(cookie_names.KEPT))
        return saved.fields

    # The elder view ------------------------------------------------------------------------

    few_answers = ANSWERS

    def few(self, answers: Sequence[Any]) -> Few:
        """Return the answers of one screen of the elder view, by `?page=`."""
        query = {name: self.query(name) for name in QUERY if self.query(name)}
        return few(answers, self.path, query)

    # The response -----------------------------------------------------------------

    def render(
        self, name: str, status: int = 200, *, cacheable: bool = False, **context: Any
    ) -> Answer:
        """Render a template; in the elder view its own, where there is one in elder/."""
        if self.elder and has_template(name):
            name = f"elder/{name}"
        return super().render(name, status, cacheable=cacheable, **context)

    def to_log_in(self) -> Answer:
        """Redirect to the login and back; the form's fields are saved for their account."""
        if self.claims is not None:
            self.drop_cookie(cookie_names.SESSION)  # of a log-in that has ended
        self._save_form()
        return self.redirect(f"{LOGIN_PATH}?{urlencode({'next': self.here})}")

    def to_confirm(self) -> Answer:
        """Redirect to the question for a document and back; the form's fields are saved."""
        self._save_form()
        return self.redirect(f"{CONFIRM_PATH}?{urlencode({'next': self.here})}")

    def to_consent(self) -> Answer:
        """Redirect to the new privacy notice and back; the form's fields are saved."""
        self._save_form()
        return self.redirect(f"{CONSENT_PATH}?{urlencode({'next': self.here})}")

    # ------------------------------------------------------------------------------------

    @property
    def _last_account_id(self) -> int | None:
        token = self._cookie(cookie_names.SESSION)
        return None if token is None else self.services.tokens.last_holder_of(token)

    def _save_form(self) -> None:
        account_id = self._last_account_id
        if account_id is None or not self.form:
            return
        saved = msgspec.json.encode(SavedForm(account_id, self.here, self.form))
        if len(saved) <= _SAVED_BYTES_MAX:
            self.seal(cookie_names.KEPT, saved.decode())

    def _saved_form(self) -> SavedForm | None:
        text = self.sealed(cookie_names.KEPT)
        return None if text is None else msgspec.json.decode(text, type=SavedForm)


@dataclass(frozen=True, slots=True)
class Route:
    """A page, or the target of a form, and its handler.

    A form is sent to the URL of its own page (`page.here`), so that a visitor with an expired login
    returns to it.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    # Its handler calls the booking desk, which checks the log-in itself.
    asks_desk: bool = False
    # Works without the database: the visitor is not identified.
    asks_nobody: bool = False
    # Its form is on pages that are the same for everybody, without a CSRF token.
    has_public_form: bool = False

    def for_litestar(self, services: Services) -> HTTPRouteHandler:
        """Convert to Litestar's handler, which checks a POST's CSRF token first."""

        async def answer(request: ApiRequest) -> ASGIApp:
            page = Page(services, request)
            if self.has_public_form:
                await page.read_public_form()
            elif self.method == "POST":
                await page.read_form()
            if not (self.asks_desk or self.asks_nobody):
                await page.identify()
            try:
                return await self.handler(page)
            except LoginNeededError:
                return page.to_log_in()
            except ConfirmNeededError:
                return page.to_confirm()
            except ConsentNeededError:
                return page.to_consent()

        return HTTPRouteHandler(
            self.path.replace("}", ":str}"), http_method=self.method, status_code=200
        )(answer)
