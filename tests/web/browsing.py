"""A browser for tests: stores cookies, follows redirects, reads and submits forms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urlsplit

import httpx
from tests.city import phone
from tests.web.site import LOOPBACK, Site

HTML = {"Accept": "text/html,application/xhtml+xml"}


@dataclass
class Form:
    """A form of a page, as it would be submitted."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    is_beside: bool = False  # in an <aside>, beside what the page is for


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._select: str | None = None
        self._text: str | None = None  # the textarea that is being read
        self._asides = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        if tag == "aside":
            self._asides += 1
        elif tag == "form":
            action, method = own.get("action", ""), own.get("method", "get")
            self.found.append(Form(action, method, is_beside=self._asides > 0))
        elif tag == "input" and own.get("type") == "radio" and "checked" not in own:
            pass
        elif tag == "input" and self.found and "name" in own:
            self.found[-1].fields[own["name"]] = own.get("value", "")
        elif tag == "textarea" and self.found:
            self._text = own["name"]
            self.found[-1].fields[self._text] = ""
        elif tag == "select" and self.found:
            self._select = own["name"]
        elif tag == "option" and self._select is not None:
            chosen = self.found[-1].fields
            if "selected" in own or self._select not in chosen:
                chosen[self._select] = own["value"]

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            # A line feed right behind the tag is no part of the text.
            self.found[-1].fields[self._text] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None
        elif tag == "aside":
            self._asides -= 1


def shown(page: str) -> str:
    """Return a page without what may hold any digits, to check what it must not hold.

    That is the random values of hidden fields, and the digests of style sheets and scripts.
    """
    return re.sub(r'<input type="hidden"[^>]*>|\?v=[0-9a-f]+', "", page)


class Reader:
    """A reader of pages; `page` is the last page."""

    def __init__(self, site: Site, client: httpx.AsyncClient) -> None:
        self.site = site
        self.client = client
        self.page: httpx.Response

    @classmethod
    def of(cls, site: Site, *, address: str = LOOPBACK, language: str = "zh") -> Self:
        client = site.client(address)
        client.headers.update(HTML | {"Accept-Language": language})
        client.follow_redirects = True
        return cls(site, client)

    @property
    def path(self) -> str:
        """Return the path and query of the last page."""
        url = self.page.url
        return url.raw_path.decode()

    @property
    def text(self) -> str:
        return self.page.text

    @property
    def shown(self) -> str:
        return shown(self.text)

    async def go(self, path: str) -> httpx.Response:
        self.page = await self.client.get(path)
        return self.page

    def form(self, action: str | None = None) -> Form:
        """The form of the page that is sent to `action`; without it, the one in its middle."""
        forms = _Forms()
        forms.feed(self.text)
        in_head = ("/view", "/language", "/staff/language", "/staff/theme", "/staff/logout")
        return next(
            form
            for form in sorted(forms.found, key=lambda form: form.is_beside and action is None)
            if (urlsplit(form.action).path == action if action else form.action not in in_head)
        )

    async def send(self, form: Form | None = None, **typed: str) -> httpx.Response:
        """Fill in a form and submit it."""
        form = form or self.form()
        self.page = await self.client.post(form.action, data=form.fields | typed)
        return self.page

    async def confirm(self, reason: str = "测试") -> httpx.Response:
        """Give the reason for what the page asks to confirm."""
        form = self.form()
        assert form.fields.get("confirmed") == "yes", self.text
        return await self.send(form, reason=reason)

    async def log_in(self, number: int = 1, *, back: str | None = None) -> None:
        await self.go("/login" if back is None else f"/login?next={back}")
        await self.send(phone=phone(number))
        await self.send(otp=await self.one_time_password(number))
        if self.path.startswith("/login/confirm"):
            await self.confirm_login(number)

    async def confirm_login(self, number: int = 1) -> None:
        """Name a patient's document, as the account's own people can."""
        known = await self.site.get(f"/demo/documents?phone={phone(number)}")
        await self.send(id_no=known.json()["items"][0]["id_no"])

    async def one_time_password(self, number: int = 1) -> str:
        await self.site.deliver()
        sent = await self.site.get(f"/demo/outbox?to={phone(number)}&limit=1")
        found = re.search(r"\d{6}", sent.json()["items"][0]["text"])
        assert found
        return found[0]

    async def messages(self, number: int = 1) -> int:
        """Return the number of SMS that the phone received."""
        await self.site.deliver()
        sent = await self.site.get(f"/demo/outbox?to={phone(number)}")
        return len(sent.json()["items"])
