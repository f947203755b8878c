"""Protection against cross-site request forgery (CSRF).

A cookie holds a random id of the browser, and each form an HMAC of that id with a fresh nonce, so
that compression does not leak it. In addition, requests that the browser itself marks as coming
from another site are rejected.
"""

from __future__ import annotations

import hmac
import re
import secrets
from urllib.parse import urlsplit

from litestar.types import Scope

from guahao.web.http.reading import header

FIELD = "csrf"

_BROWSER = re.compile(r"[0-9a-f]{32}")
_NONCE_CHARACTERS = 16


def new_browser() -> str:
    """Create the random id of a browser."""
    return secrets.token_hex(16)


def is_browser(name: str | None) -> bool:
    """Return whether a cookie's value is an id as `new_browser` creates it."""
    return name is not None and _BROWSER.fullmatch(name) is not None


def token(key: bytes, browser: str) -> str:
    """Create a token for a form of this browser; every call gives a different token."""
    nonce = secrets.token_hex(_NONCE_CHARACTERS // 2)
    return nonce + _mac(key, nonce, browser)


def is_token(key: bytes, browser: str, given: str) -> bool:
    """Return whether a form's token belongs to this browser, in constant time."""
    nonce, mac = given[:_NONCE_CHARACTERS], given[_NONCE_CHARACTERS:]
    return hmac.compare_digest(_mac(key, nonce, browser).encode(), mac.encode())


def _mac(key: bytes, nonce: str, browser: str) -> str:
    return hmac.digest(key, f"{nonce} {browser}".encode(), "sha256").hex()


def is_from_elsewhere(scope: Scope) -> bool:
    """Return whether the browser says that another site's page sent this request.

    Uses `Sec-Fetch-Site` where it is sent, else the host of `Origin`. Requests with neither, or
    with a null origin, are left to the token.
    """
    site = header(scope, b"sec-fetch-site")
    if site is not None:
        return site not in (b"same-origin", b"none")
    origin = header(scope, b"origin")
    if origin is None or origin == b"null":
        return False
    host = header(scope, b"host") or b""
    try:
        sender = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:  # such as `http://[`, which no browser sends
        return True
    return sender.lower() != host.decode("latin-1").lower()
