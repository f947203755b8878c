"""A minimal browser: cookies, forms with their hidden field, logging in as staff."""

from __future__ import annotations

import html
import re
import secrets

import httpx
import pyotp

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.staff import NewStaff, add_staff
from guahao.rules.staff.staff import SYSTEM, Role

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_SECRET = re.compile(r'<code class="secret">([^<]+)</code>')
_FORM_SECONDS = 60


class Browser:
    """A visitor; `client` keeps the cookies, `_csrf` is from the last page with a form."""

    def __init__(self, port: int) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_FORM_SECONDS)
        self._csrf = ""

    @property
    def csrf(self) -> str:
        """Return the hidden field of the last form, for requests that are sent by other means."""
        return self._csrf

    def get(self, path: str) -> httpx.Response:
        """Get a page, without following redirects."""
        return self._seen(self.client.get(path))

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Post a form of the last page."""
        return self._seen(self.client.post(path, data={"csrf": self._csrf, **fields}))

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        found = _CSRF.search(answer.text)
        if found is not None:
            self._csrf = html.unescape(found[1])
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            said = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
            raise RuntimeError(f"the bench expects every page to open, not {said}")
        return answer


async def member_at_work(
    platform: Platform, port: int, role: Role, hospital_id: int | None = None
) -> Browser:
    """Add a member of that role, logged in with both factors and their own password."""
    login, password = f"bench-{role.value}", secrets.token_urlsafe(16)
    new = await add_staff(platform, SYSTEM, login, "压测人员", role, hospital_id)
    if not isinstance(new, NewStaff):
        raise RuntimeError(f"the bench expects to add {login}, not {new}")
    browser = Browser(port)
    browser.get("/staff/login")
    browser.post("/staff/login", login=login, password=new.password)
    browser.get("/staff/password")
    browser.post("/staff/password", old=new.password, new=password, again=password)
    enrol = _SECRET.search(browser.get("/staff/enrol").text)
    if enrol is None:
        raise RuntimeError("the bench expects to be shown a secret to enrol")
    code = pyotp.TOTP(enrol[1].replace(" ", "")).at(platform.db.clock())
    browser.post("/staff/enrol", code=code)
    return browser
