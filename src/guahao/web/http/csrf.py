"""That a form was sent from a page of ours, in the browser the page was shown in.

A random name in a cookie tells the browser; each form holds an HMAC of it, masked anew on
every page, so that neither compression nor an old page gives it away. Besides, what the
browser itself says of the request's origin is believed where it says it.
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
    """A name for a browser that has none yet."""
    return secrets.token_hex(16)


def is_browser(name: str | None) -> bool:
    """Whether a cookie holds what `new_browser` gave."""
    return name is not None and _BROWSER.fullmatch(name) is not None


def token(key: bytes, browser: str) -> str:
    """What a form of this browser carries; another one each time."""
    nonce = secrets.token_hex(_NONCE_CHARACTERS // 2)
    return nonce + _mac(key, nonce, browser)


def is_token(key: bytes, browser: str, given: str) -> bool:
    """Whether a form's token is this browser's; compared in constant time."""
    nonce, mac = given[:_NONCE_CHARACTERS], given[_NONCE_CHARACTERS:]
    return hmac.compare_digest(_mac(key, nonce, browser).encode(), mac.encode())


def _mac(key: bytes, nonce: str, browser: str) -> str:
    return hmac.digest(key, f"{nonce} {browser}".encode(), "sha256").hex()


def is_from_elsewhere(scope: Scope) -> bool:
    """Whether the browser says that another site's page sent this.

    `Sec-Fetch-Site` where there is one, else the host of `Origin`; a browser too old for
    both, or one that keeps the origin to itself, is left to the token.
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
    except ValueError:  # such as `http://[`: no browser's
        return True
    return sender.lower() != host.decode("latin-1").lower()
