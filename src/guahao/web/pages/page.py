"""One visit to a page: who came, in which language, and how it is answered."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from markupsafe import Markup

from guahao.rules.identity import masked_document, masked_phone
from guahao.store.vault import VaultError
from guahao.web import wording
from guahao.web.answers import Answer, html_answer, redirect_answer
from guahao.web.catalogue import translations
from guahao.web.language import Language, chosen_language
from guahao.web.pages import cookies as cookie_names
from guahao.web.pages import csrf
from guahao.web.pages.door import Door
from guahao.web.pages.forms import local_path, read_fields
from guahao.web.pages.templates import template
from guahao.web.reading import ApiRequest, ProblemError
from guahao.web.replies import Problem

ELDER = "elder"
LOGIN_PATH = "/login"

Handler = Callable[["Page"], Awaitable[ASGIApp]]

_NO_STORE = b"no-store"
# The browser may show it again on the way back, with what was typed into it.
_REVALIDATED = b"private, no-cache"
_KEPT_BYTES_MAX = 2000


class LoginNeededError(Exception):
    """Nobody is logged in, or no longer: the visitor logs in and comes back."""


class Kept(msgspec.Struct):
    """What was typed into a form when the login had expired."""

    account_id: int
    path: str
    fields: dict[str, str]


class Page:
    """Made for each request. Templates see it as `page`.

    A handler reads `owner` (whoever is not logged in is sent to log in and comes back),
    `form` (a POST's fields, already proven to come from a page of ours) and `kept`, and
    ends with `render` or `redirect`.
    """

    def __init__(self, door: Door, request: ApiRequest) -> None:
        self.door = door
        self.request = request
        self.form: dict[str, str] = {}
        self._headers: list[tuple[bytes, bytes]] = []

    # Who came ---------------------------------------------------------------------------

    @cached_property
    def language(self) -> Language:
        """zh or en: what the switch was set to, else what the browser asks for."""
        return chosen_language(self.request.scope)

    @cached_property
    def elder(self) -> bool:
        """Whether the elder view (长辈版) was chosen."""
        return self._cookie(cookie_names.VIEW) == ELDER

    @cached_property
    def account_id(self) -> int | None:
        """The account that is logged in; None where none is, or its login has expired."""
        token = self._cookie(cookie_names.SESSION)
        if token is None:
            return None
        try:
            return self.door.tokens.holder_of(token)
        except ProblemError:
            return None

    @property
    def owner(self) -> int:
        """The account that is logged in; raises LoginNeededError, which leads to the login."""
        if self.account_id is None:
            raise LoginNeededError
        return self.account_id

    @property
    def has_expired(self) -> bool:
        """Whether somebody was logged in here whose login holds no longer."""
        return self.account_id is None and self._last_account_id is not None

    @cached_property
    def now(self) -> datetime:
        """The platform's time, on the city's clock."""
        return self.door.platform.db.clock()

    @property
    def today(self) -> date:
        """Today in the city."""
        return self.now.date()

    @property
    def path(self) -> str:
        """This page's path, without its query."""
        raw = self.request.scope.get("raw_path") or self.request.scope["path"].encode()
        return raw.decode("latin-1").partition("?")[0]

    @cached_property
    def here(self) -> str:
        """This page's path with its query: where its form is sent, and where to come back to."""
        query = self.request.scope["query_string"].decode("latin-1")
        path = local_path(self.path)
        return local_path(f"{path}?{query}", path) if query else path

    def query(self, name: str) -> str:
        """A field of the address, without control characters; empty where there is none."""
        found = self.request.query_params.get(name)
        return "".join(c for c in found if c.isprintable()) if isinstance(found, str) else ""

    # What was sent ----------------------------------------------------------------------

    async def read_form(self) -> None:
        """Read a POST into `form`; raises ProblemError (403) unless a page of ours sent it."""
        fields = await read_fields(self.request)
        browser = self._cookie(cookie_names.BROWSER)
        given = fields.pop(csrf.FIELD, "")
        if (
            browser is None
            or csrf.is_from_elsewhere(self.request.scope)
            or not csrf.is_token(self.door.csrf_key, browser, given)
        ):
            raise ProblemError("form_not_ours")
        self.form = fields

    @cached_property
    def kept(self) -> dict[str, str]:
        """What this account had typed into this page's form when its login expired.

        Given once: showing the page forgets it.
        """
        kept = self._opened()
        if kept is None or kept.account_id != self.account_id or kept.path != self.here:
            return {}
        self._headers.append(self.door.cookies.drop(cookie_names.KEPT))
        return kept.fields

    def back(self, otherwise: str = "/") -> str:
        """Where the visitor came from or wanted to go (`next`), if it is a place of ours."""
        return local_path(self.form.get("next") or self.query("next") or None, otherwise)

    # How it is answered -----------------------------------------------------------------

    def render(
        self, name: str, status: int = 200, *, keepable: bool = False, **context: Any
    ) -> Answer:
        """A template as the answer. `keepable`: a form that holds nobody's data yet."""
        html = template(name, self.language).render(page=self, **context)
        return html_answer(
            self.request.scope,
            html,
            status,
            self._headers,
            cache_control=_REVALIDATED if keepable else _NO_STORE,
        )

    def redirect(self, path: str) -> Answer:
        """See another page of ours (303)."""
        return redirect_answer(path, self._headers)

    def log_in(self) -> Answer:
        """To the login and back here; a form's fields are kept for their account."""
        if self.account_id is not None:
            self.drop_cookie(cookie_names.SESSION)  # of an account that is gone
        self._keep_form()
        return self.redirect(f"{LOGIN_PATH}?{urlencode({'next': self.here})}")

    def add_header(self, name: str, value: str) -> None:
        """A header of the answer to come."""
        self._headers.append((name.encode(), value.encode()))

    def set_cookie(self, name: str, value: str) -> None:
        """Keep a value in the browser (see `cookies`)."""
        self._headers.append(self.door.cookies.keep(name, value))

    def drop_cookie(self, name: str) -> None:
        """Make the browser forget a value."""
        self._headers.append(self.door.cookies.drop(name))

    def seal(self, name: str, text: str) -> None:
        """Keep a text in the browser that it can neither read nor change."""
        sealed = self.door.platform.vault.seal("cookies", name, 0, text)
        self.set_cookie(name, urlsafe_b64encode(sealed).decode())

    def sealed(self, name: str) -> str | None:
        """What `seal` kept; None where it is gone or was tampered with."""
        value = self._cookie(name)
        if value is None:
            return None
        try:
            return self.door.platform.vault.open("cookies", name, 0, urlsafe_b64decode(value))
        except (VaultError, ValueError):
            return None

    # In whose words ---------------------------------------------------------------------

    def say(self, chinese: str, **places: object) -> str:
        """Our words in the visitor's language; {places} are filled in."""
        return translations(self.language).gettext(chinese).format(**places)

    def problem(self, code: str, **more: Any) -> Problem:
        """An outcome as a title and a sentence in the visitor's language (web/replies.py)."""
        return self.door.replies.problem(code, self.language, **more)

    def weekday(self, day: date) -> str:
        """周四 or Thu."""
        return wording.say_weekday(day, self.language)

    def day(self, day: date) -> str:
        """12月3日 周四 or Thu 3 Dec."""
        return wording.say_day(day, self.language, self.today)

    def days(self, days: Iterable[date]) -> str:
        """Days in a row."""
        return ("; " if self.language == "en" else "、").join(self.day(day) for day in days)

    def visit(
        self, day: date, period: str, starts_at: time | None = None, ends_at: time | None = None
    ) -> str:
        """12月3日 周四 上午 08:30–09:00 or Thu 3 Dec, morning 08:30–09:00."""
        return wording.say_visit(day, period, self.language, self.today, starts_at, ends_at)

    def time(self, moment: datetime) -> str:
        """12月2日 周三 15:00 or Wed 2 Dec, 15:00."""
        return wording.say_time(moment, self.language, self.today)

    def period(self, period: str) -> str:
        """上午 or morning."""
        return wording.PERIOD_WORDS[period].of(self.language)

    def id_type(self, id_type: str) -> str:
        """居民身份证 or Resident ID card."""
        return wording.ID_TYPE_WORDS[id_type].of(self.language)

    @property
    def id_types(self) -> dict[str, str]:
        """Every type of document and its name."""
        return {code: words.of(self.language) for code, words in wording.ID_TYPE_WORDS.items()}

    money = staticmethod(wording.say_money)
    masked_phone = staticmethod(masked_phone)
    masked_document = staticmethod(masked_document)

    @property
    def hotline(self) -> str:
        """The number to call."""
        return self.door.platform.settings.hotline

    @property
    def is_demo(self) -> bool:
        """Whether messages can be read in the demo's outbox."""
        return self.door.platform.settings.demo

    @property
    def csrf_field(self) -> Markup:
        """The hidden field that every form of ours holds."""
        value = csrf.token(self.door.csrf_key, self._browser)
        return Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, value)

    # ------------------------------------------------------------------------------------

    @cached_property
    def _browser(self) -> str:
        known = self._cookie(cookie_names.BROWSER)
        if known is not None and csrf.is_browser(known):
            return known
        named = csrf.new_browser()
        self.set_cookie(cookie_names.BROWSER, named)
        return named

    @property
    def _last_account_id(self) -> int | None:
        token = self._cookie(cookie_names.SESSION)
        return None if token is None else self.door.tokens.last_holder_of(token)

    def _cookie(self, name: str) -> str | None:
        return self.door.cookies.read(self.request.scope, name)

    def _keep_form(self) -> None:
        account_id = self._last_account_id
        if account_id is None or not self.form:
            return
        kept = msgspec.json.encode(Kept(account_id, self.here, self.form))
        if len(kept) <= _KEPT_BYTES_MAX:
            self.seal(cookie_names.KEPT, kept.decode())

    def _opened(self) -> Kept | None:
        text = self.sealed(cookie_names.KEPT)
        return None if text is None else msgspec.json.decode(text, type=Kept)


@dataclass(frozen=True, slots=True)
class Route:
    """A page, or what a form is sent to, and its handler.

    A form is sent to the very address of the page it stands on (`page.here`), so that a
    visitor whose login has expired comes back to it.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler

    def for_litestar(self, door: Door) -> HTTPRouteHandler:
        """A POST is refused before its handler sees it, unless a form of ours sent it."""

        async def answer(request: ApiRequest) -> ASGIApp:
            page = Page(door, request)
            if self.method == "POST":
                await page.read_form()
            try:
                return await self.handler(page)
            except LoginNeededError:
                return page.log_in()

        return HTTPRouteHandler(
            self.path.replace("}", ":str}"), http_method=self.method, status_code=200
        )(answer)
