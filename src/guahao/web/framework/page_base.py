"""The base of every page, for citizens and staff: language, time, texts and forms."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import date, datetime, time
from functools import cached_property
from typing import Any, Protocol

from markupsafe import Markup

from guahao.flows.kernel.platform import Platform
from guahao.identity_check.demo import MISMATCHING_NUMBER
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.identity import masked_document, masked_name, masked_phone
from guahao.security_log import refused
from guahao.store.kernel.vault import VaultError
from guahao.web.framework import cookies as cookie_names
from guahao.web.framework.cookies import Cookies, chosen_theme
from guahao.web.framework.templating import template
from guahao.web.http import csrf
from guahao.web.http.answers import Answer, html_answer, redirect_answer
from guahao.web.http.assets import brand_addresses
from guahao.web.http.forms import local_path, read_fields
from guahao.web.http.reading import ApiRequest, ProblemError
from guahao.web.http.uploads import Upload, attachment, read_upload_fields
from guahao.web.words.language import chosen_language
from guahao.web.words.refusals import Said, said
from guahao.web.words.replies import Problem, Replies
from guahao.web.words.words import Names
from guahao.words import dates
from guahao.words.catalogue import Language, translations

_NO_STORE = b"no-store"
# Lets the browser's back button show the form again, with what was typed into it.
_REVALIDATED = b"private, no-cache"


class PageServices(Protocol):
    """The services that every page needs."""

    @property
    def platform(self) -> Platform:
        """Return the platform."""

    @property
    def replies(self) -> Replies:
        """Return the texts of outcomes."""

    @property
    def cookies(self) -> Cookies:
        """Return the reader and writer of cookies."""

    @property
    def csrf_key(self) -> bytes:
        """Return the key that form tokens are signed with."""


class BasePage:
    """A request for a page; templates see it as `page`."""

    def __init__(self, services: PageServices, request: ApiRequest) -> None:
        self._base_services = services
        self.request = request
        self.form: dict[str, str] = {}
        self.files: dict[str, Upload] = {}
        self._headers: list[tuple[bytes, bytes]] = []

    # The request ---------------------------------------------------------------------------

    @cached_property
    def language(self) -> Language:
        """Return the language chosen by the switch, else the browser's."""
        return chosen_language(self.request.scope)

    @cached_property
    def theme(self) -> str:
        """Return light or dark where the visitor chose it; empty where their browser decides."""
        return chosen_theme(self.request.scope)

    @cached_property
    def now(self) -> datetime:
        """Return the platform's time, on the city's clock."""
        return self._base_services.platform.db.clock()

    @property
    def today(self) -> date:
        """Return today's date in the city."""
        return self.now.date()

    @property
    def path(self) -> str:
        """Return this page's path, without its query."""
        raw = self.request.scope.get("raw_path") or self.request.scope["path"].encode()
        return raw.decode("latin-1").partition("?")[0]

    @cached_property
    def here(self) -> str:
        """Return this page's path and query: its form is sent there, logging in returns there."""
        query = self.request.scope["query_string"].decode("latin-1")
        path = local_path(self.path)
        return local_path(f"{path}?{query}", path) if query else path

    def query(self, name: str) -> str:
        """Return a query parameter without control characters; empty where it is missing."""
        found = self.request.query_params.get(name)
        return "".join(c for c in found if c.isprintable()) if isinstance(found, str) else ""

    # The form ----------------------------------------------------------------------

    async def read_form(self, lines: frozenset[str] = frozenset()) -> None:
        """Read a POST into `form`; raise ProblemError (403) unless a page of ours sent it.

        `lines`: the multi-line fields.
        """
        self._accept(await read_fields(self.request, lines))

    async def read_public_form(self) -> None:
        """Read a POST of a form that has no token, because its page is the same for everybody.

        Raise ProblemError (403) where the browser says that another site sent it. For forms that
        set a preference only.
        """
        if csrf.is_from_elsewhere(self.request.scope):
            raise ProblemError("form_not_ours")
        self.form = await read_fields(self.request)

    async def read_upload(self, bytes_max: int) -> None:
        """Read a POST with files into `form` and `files`; these have at most `bytes_max` in all."""
        fields, files = await read_upload_fields(self.request, bytes_max)
        self._accept(fields)
        self.files = files

    def _accept(self, fields: dict[str, str]) -> None:
        browser = self._cookie(cookie_names.BROWSER)
        given = fields.pop(csrf.FIELD, "")
        if (
            browser is None
            or csrf.is_from_elsewhere(self.request.scope)
            or not csrf.is_token(self._base_services.csrf_key, browser, given)
        ):
            raise ProblemError("form_not_ours")
        self.form = fields

    def back(self, otherwise: str = "/") -> str:
        """Return the path to continue at (`next`), if it is a path of this site."""
        return local_path(self.form.get("next") or self.query("next") or None, otherwise)

    # The response -----------------------------------------------------------------

    def render(
        self, name: str, status: int = 200, *, cacheable: bool = False, **context: Any
    ) -> Answer:
        """Render a template. `cacheable`: a form without personal data."""
        html = template(name, self.language).render(page=self, **context)
        return html_answer(
            self.request.scope,
            html,
            status,
            self._headers,
            cache_control=_REVALIDATED if cacheable else _NO_STORE,
        )

    def image(self, data: bytes, media_type: bytes) -> Answer:
        """Return an image that must not be cached."""
        headers = [(b"content-type", media_type), (b"cache-control", _NO_STORE), *self._headers]
        return Answer(200, data, headers)

    def download(self, data: bytes, filename: str, media_type: str) -> Answer:
        """Return a file that the browser saves under this name."""
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-disposition", attachment(filename).encode()),
            (b"cache-control", _NO_STORE),
        ]
        return Answer(200, data, [*headers, *self._headers])

    def clear_browser(self) -> None:
        """Make the browser delete its cache and storage of this site, but not its cookies."""
        self.add_header("clear-site-data", '"cache", "storage"')

    def redirect(self, path: str) -> Answer:
        """Redirect to another page of this site (303)."""
        return redirect_answer(path, self._headers)

    def add_header(self, name: str, value: str) -> None:
        """Add a header to the response."""
        self._headers.append((name.encode(), value.encode()))

    def set_cookie(self, name: str, value: str) -> None:
        """Set a cookie (see `cookies`)."""
        self._headers.append(self._base_services.cookies.keep(name, value))

    def choose_theme(self) -> None:
        """Remember the theme that a form sent; with any other value the browser decides again."""
        chosen = self.form.get("theme")
        if chosen in cookie_names.THEMES:
            self.set_cookie(cookie_names.THEME, chosen)
        else:
            self.drop_cookie(cookie_names.THEME)

    def drop_cookie(self, name: str) -> None:
        """Delete a cookie."""
        self._headers.append(self._base_services.cookies.drop(name))

    def seal(self, name: str, text: str) -> None:
        """Set a cookie that the browser can neither read nor change."""
        sealed = self._base_services.platform.vault.seal("cookies", name, 0, text)
        self.set_cookie(name, urlsafe_b64encode(sealed).decode())

    def sealed(self, name: str) -> str | None:
        """Return the text of a sealed cookie; None where it is missing or was tampered with."""
        value = self._cookie(name)
        if value is None:
            return None
        try:
            return self._base_services.platform.vault.open(
                "cookies", name, 0, urlsafe_b64decode(value)
            )
        except (VaultError, ValueError):
            return None

    # Texts ---------------------------------------------------------------------

    def say(self, chinese: str, **places: object) -> str:
        """Translate a text into the visitor's language and fill in its {places}."""
        return translations(self.language).gettext(chinese).format(**places)

    @cached_property
    def names(self) -> Names:
        """Return the names of hospitals, titles and states in the visitor's language."""
        titles = self._base_services.platform.titles
        return Names(self.language, titles.english, titles.specialties)

    def problem(self, code: str, **more: Any) -> Problem:
        """Return the title and sentence of an outcome in the visitor's language."""
        refused(self.request.scope, code)
        return self._base_services.replies.problem(code, self.language, **more)

    def refusal(self, refused: Refused[Any], **places: object) -> Said:
        """Return the sentence and status of a refusal on a page of the staff.

        `places`: what the sentence holds besides the refusal's own facts.
        """
        return said(refused, self.language, self.today, hotline=self.hotline, **places)

    def weekday(self, day: date) -> str:
        """Write 周四 or Thu."""
        return dates.format_weekday(day, self.language)

    def day(self, day: date) -> str:
        """Write 12月3日 周四 or Thu 3 Dec."""
        return dates.format_day(day, self.language, self.today)

    def short_day(self, day: date) -> str:
        """Write 12月3日 or 3 Dec."""
        return dates.format_short_day(day, self.language)

    def month(self, day: date) -> str:
        """Write 2026年12月 or December 2026."""
        return dates.format_month(day, self.language)

    def days(self, days: Iterable[date]) -> str:
        """Write a list of days."""
        return ("; " if self.language == "en" else "、").join(self.day(day) for day in days)

    def visit(
        self, day: date, period: str, starts_at: time | None = None, ends_at: time | None = None
    ) -> str:
        """Write 12月3日 周四 上午 08:30–09:00 or Thu 3 Dec, morning 08:30–09:00."""
        return dates.format_visit(day, period, self.language, self.today, starts_at, ends_at)

    def time(self, moment: datetime) -> str:
        """Write 12月2日 周三 15:00 or Wed 2 Dec, 15:00."""
        return dates.format_time(moment, self.language, self.today)

    def period(self, period: str) -> str:
        """Write 上午 or morning."""
        return dates.PERIOD_WORDS[period].of(self.language)

    def id_type(self, id_type: str) -> str:
        """Write 居民身份证 or Resident ID card."""
        return dates.ID_TYPE_WORDS[id_type].of(self.language)

    @property
    def id_types(self) -> dict[str, str]:
        """Return every type of document with its name."""
        return {code: words.of(self.language) for code, words in dates.ID_TYPE_WORDS.items()}

    money = staticmethod(dates.format_money)
    masked_phone = staticmethod(masked_phone)
    masked_document = staticmethod(masked_document)
    masked_name = staticmethod(masked_name)

    @property
    def service_name(self) -> str:
        """Return the platform's name in the visitor's language, where the city gave it one."""
        settings = self._base_services.platform.settings
        own = settings.service_name_en if self.language == "en" else settings.service_name
        return own or self.say("预约挂号")

    @property
    def mark(self) -> str:
        """Return the URL of the city's mark, or of ours."""
        return self._brand[0]

    @property
    def brand_style(self) -> str:
        """Return the URL of the city's colours; empty where it has the platform's own."""
        return self._brand[1]

    @cached_property
    def _brand(self) -> tuple[str, str]:
        settings = self._base_services.platform.settings
        return brand_addresses(settings.brand_colour, settings.brand_mark)

    @property
    def hotline(self) -> str:
        """Return the hotline's number."""
        return self._base_services.platform.settings.hotline

    @property
    def as_of(self) -> str | None:
        """Return the time of the data while it comes from a replica; None with a primary."""
        moment = self._base_services.platform.db.as_of
        if moment is None:
            return None
        return dates.format_time(moment, self.language, self.now.date())

    @property
    def checks_names(self) -> bool:
        """Return whether the policy restricts persons whose real name is not verified."""
        return self._base_services.platform.checks_names

    @property
    def demo_verifier(self) -> str:
        """Return the document number that the demo's verifier refuses; else an empty text."""
        return MISMATCHING_NUMBER if self._base_services.platform.verifier.name == "demo" else ""

    @property
    def is_demo(self) -> bool:
        """Return whether messages can be read in the demo's outbox."""
        return self._base_services.platform.settings.demo

    @property
    def csrf_field(self) -> Markup:
        """Return the hidden field with the CSRF token, which every form needs."""
        value = csrf.token(self._base_services.csrf_key, self._browser)
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

    def _cookie(self, name: str) -> str | None:
        return self._base_services.cookies.read(self.request.scope, name)
