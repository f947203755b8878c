"""The cookies of the pages: HttpOnly, and sent to this site only.

In production their names carry the prefix `__Host-`: browsers then accept them only over TLS, from
this host, and for every path.
"""

from __future__ import annotations

from dataclasses import dataclass

from litestar.types import Scope

from guahao.web.http.reading import cookie
from guahao.web.words.language import LANGUAGE_COOKIE

SESSION = "session"
BROWSER = "browser"
LANGUAGE = LANGUAGE_COOKIE
VIEW = "view"
THEME = "theme"
PHONE = "phone"
KEPT = "kept"
STAFF = "staff"
FLASH = "flash"
CALLER = "caller"  # the number that a telephone system opened the desk with
NEW_CALLER = "new-caller"  # the number of a caller who was not found
DEVICE = "device"  # a member of staff's
OWN_DEVICE = "own-device"  # a citizen's

ELDER = "elder"  # the value of VIEW for the elder view (长辈版)
THEMES = ("light", "dark")  # the values of THEME; without it the browser decides

_PREFIXED = {
    SESSION,
    BROWSER,
    PHONE,
    KEPT,
    STAFF,
    FLASH,
    CALLER,
    NEW_CALLER,
    DEVICE,
    OWN_DEVICE,
}  # the others hold preferences only
_DAY = 24 * 3600
# Longer than a login lasts, so that visitors with an expired login learn why they log in again.
LIFETIME_SECONDS = {
    SESSION: 30 * _DAY,
    BROWSER: 365 * _DAY,
    LANGUAGE: 365 * _DAY,
    VIEW: 365 * _DAY,
    THEME: 365 * _DAY,
    PHONE: 600,
    KEPT: 1800,
    STAFF: _DAY,  # the session ends before that, in the database
    FLASH: 60,
    CALLER: 300,  # long enough to log in first
    NEW_CALLER: 300,
    DEVICE: 400 * _DAY,  # the longest that browsers keep one; each log-in renews it
    OWN_DEVICE: 400 * _DAY,
}


@dataclass(frozen=True, slots=True)
class Cookies:
    """Reads and writes cookies; `secure` in production."""

    secure: bool

    def read(self, scope: Scope, name: str) -> str | None:
        """Return the value that a browser sent."""
        return cookie(scope, self._name(name))

    def keep(self, name: str, value: str) -> tuple[bytes, bytes]:
        """Return the header that sets a cookie for the lifetime of its kind."""
        return self._set(name, value, LIFETIME_SECONDS[name])

    def drop(self, name: str) -> tuple[bytes, bytes]:
        """Return the header that deletes a cookie."""
        return self._set(name, "", 0)

    def _set(self, name: str, value: str, seconds: int) -> tuple[bytes, bytes]:
        line = f"{self._name(name)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
        return b"set-cookie", (line + "; Secure" if self.secure else line).encode()

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure and name in _PREFIXED else name


def chosen_theme(scope: Scope) -> str:
    """Return light or dark where the switch was used; empty where the browser decides."""
    chosen = cookie(scope, THEME)
    return chosen if chosen in THEMES else ""
