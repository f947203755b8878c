"""One visit to a page: who came, in which language, and how it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import urlencode

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.rules.people.consent import NOTICE_VERSION
from guahao.store.people.log_ins import Login
from guahao.web.citizens.services import Services
from guahao.web.framework import cookies as cookie_names
from guahao.web.framework.page_base import BasePage
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest, ProblemError
from guahao.web.http.tokens import Claims

ELDER = "elder"
LOGIN_PATH = "/login"
CONFIRM_PATH = "/login/confirm"
CONSENT_PATH = "/me/consent"

Handler = Callable[["Page"], Awaitable[ASGIApp]]

_KEPT_BYTES_MAX = 2000


class LoginNeededError(Exception):
    """Nobody is logged in, or no longer: the visitor logs in and comes back."""


class ConfirmNeededError(Exception):
    """The log-in shows nothing yet: the visitor names a patient's document and comes back."""


class ConsentNeededError(Exception):
    """The notice has changed since the owner consented: the visitor reads it and comes back."""


class SavedForm(msgspec.Struct):
    """What was typed into a form when the login had expired."""

    account_id: int
    path: str
    fields: dict[str, str]


class Page(BasePage):
    """Made for each request. Templates see it as `page`.

    A handler reads `owner` (whoever is not logged in is sent to log in and comes back),
    `form` (a POST's fields, already proven to come from a page of ours) and `kept`, and
    ends with `render` or `redirect`.
    """

    def __init__(self, services: Services, request: ApiRequest) -> None:
        super().__init__(services, request)
        self.services = services
        # None: nobody is logged in, or nobody has asked yet (`identify`).
        self.log_in: Login | None = None

    # Who came ---------------------------------------------------------------------------

    @cached_property
    def elder(self) -> bool:
        """Whether the elder view (长辈版) was chosen."""
        return self._cookie(cookie_names.VIEW) == ELDER

    async def identify(self) -> None:
        """Find out who is logged in: one question to the database, where there is a cookie."""
        claims = self.claims
        if claims is None:
            return
        try:
            self.log_in = await self.services.tokens.log_in_by(claims)
        except ProblemError:
            self.log_in = None

    @cached_property
    def claims(self) -> Claims | None:
        """What the log-in's cookie says; None where there is none, or it has expired."""
        token = self._cookie(cookie_names.SESSION)
        if token is None:
            return None
        try:
            return self.services.tokens.claims_in(token)
        except ProblemError:
            return None

    @property
    def account_id(self) -> int | None:
        """The account that is logged in; None where none is, or its log-in shows nothing yet."""
        log_in = self.log_in
        return log_in.account_id if log_in is not None and log_in.confirmed else None

    @property
    def owner(self) -> int:
        """The account that is logged in.

        Its errors lead to the login, to confirming it, or to a notice that has changed since the
        owner consented.
        """
        account_id = self.holder
        assert self.log_in is not None
        if self.log_in.notice_version not in (None, NOTICE_VERSION):
            raise ConsentNeededError
        return account_id

    @property
    def holder(self) -> int:
        """The same, whatever the owner has consented to: for consenting, and for taking one's
        data away.
        """
        if self.log_in is None:
            raise LoginNeededError
        if not self.log_in.confirmed:
            raise ConfirmNeededError
        return self.log_in.account_id

    @property
    def device(self) -> str | None:
        """The secret by which this browser is known to accounts; None before the first log-in."""
        return self.sealed(cookie_names.OWN_DEVICE)

    @property
    def has_expired(self) -> bool:
        """Whether somebody was logged in here whose login holds no longer."""
        return self.log_in is None and self._last_account_id is not None

    # What was sent ----------------------------------------------------------------------

    @cached_property
    def kept(self) -> dict[str, str]:
        """What this account had typed into this page's form when its login expired.

        Given once: showing the page forgets it.
        """
        kept = self._opened()
        if kept is None or kept.account_id != self.account_id or kept.path != self.here:
            return {}
        self._headers.append(self.services.cookies.drop(cookie_names.KEPT))
        return kept.fields

    # How it is answered -----------------------------------------------------------------

    def to_log_in(self) -> Answer:
        """To the login and back here; a form's fields are kept for their account."""
        if self.claims is not None:
            self.drop_cookie(cookie_names.SESSION)  # of a log-in that has ended
        self._keep_form()
        return self.redirect(f"{LOGIN_PATH}?{urlencode({'next': self.here})}")

    def to_confirm(self) -> Answer:
        """To the question for a document, and back here; a form's fields are kept."""
        self._keep_form()
        return self.redirect(f"{CONFIRM_PATH}?{urlencode({'next': self.here})}")

    def to_consent(self) -> Answer:
        """To the privacy notice's new version, and back here; a form's fields are kept."""
        self._keep_form()
        return self.redirect(f"{CONSENT_PATH}?{urlencode({'next': self.here})}")

    # ------------------------------------------------------------------------------------

    @property
    def _last_account_id(self) -> int | None:
        token = self._cookie(cookie_names.SESSION)
        return None if token is None else self.services.tokens.last_holder_of(token)

    def _keep_form(self) -> None:
        account_id = self._last_account_id
        if account_id is None or not self.form:
            return
        kept = msgspec.json.encode(SavedForm(account_id, self.here, self.form))
        if len(kept) <= _KEPT_BYTES_MAX:
            self.seal(cookie_names.KEPT, kept.decode())

    def _opened(self) -> SavedForm | None:
        text = self.sealed(cookie_names.KEPT)
        return None if text is None else msgspec.json.decode(text, type=SavedForm)


@dataclass(frozen=True, slots=True)
class Route:
    """A page, or what a form is sent to, and its handler.

    A form is sent to the very address of the page it stands on (`page.here`), so that a
    visitor whose login has expired comes back to it.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    # Its handler asks the booking desk, which finds out whether the log-in has ended.
    asks_desk: bool = False
    # Works without the database: nobody finds out who came.
    asks_nobody: bool = False

    def for_litestar(self, services: Services) -> HTTPRouteHandler:
        """A POST is refused before its handler sees it, unless a form of ours sent it."""

        async def answer(request: ApiRequest) -> ASGIApp:
            page = Page(services, request)
            if self.method == "POST":
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
