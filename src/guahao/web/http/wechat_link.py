"""The cookies of a log-in through WeChat, until the WeChat user is bound to an account.

Two sealed, short-lived cookies that no script can read: the states of logins in progress, and the
openid of a WeChat user without a verified phone. Pages that verify a phone call `bind_pending`;
from then on that user needs no one-time password.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TypeVar

import msgspec
from litestar.types import Scope

from guahao.flows.kernel.platform import Platform
from guahao.flows.messages import wechat
from guahao.store.kernel.vault import VaultError
from guahao.web.http.reading import cookie

LOGIN_SECONDS = 600
PROOF_SECONDS = 900  # to receive and type the one-time password

Header = tuple[bytes, bytes]
T = TypeVar("T", bound=msgspec.Struct)

_LOGIN = "wechat-login"
_LOGINS_MAX = 4  # with their paths well within the 4 KB of a cookie
_OPENID = "wechat-openid"


class PendingLogin(msgspec.Struct):
    """A login in progress; `expires_at` in Unix seconds."""

    state: str
    next: str
    expires_at: float


class _Logins(msgspec.Struct):
    """The logins in progress in this browser's tabs, the newest last."""

    begun: list[PendingLogin]


class _Pending(msgspec.Struct):
    """A WeChat user without an account; `expires_at` in Unix seconds."""

    openid: str
    expires_at: float


def save_login(platform: Platform, scope: Scope, state: str, next_path: str) -> Header:
    """Return the cookie that binds a state to this browser, beside those of its other tabs."""
    expires_at = platform.db.clock().timestamp() + LOGIN_SECONDS
    begun = [*_begun(platform, scope), PendingLogin(state, next_path, expires_at)][-_LOGINS_MAX:]
    return _sealed_cookie(platform, _LOGIN, _Logins(begun), LOGIN_SECONDS)


def login_under_way(platform: Platform, scope: Scope, state: str) -> PendingLogin | None:
    """Return the login that this browser began with the state; None where there is none or it
    has expired.
    """
    given = state.encode()
    for login in _begun(platform, scope):
        if hmac.compare_digest(login.state.encode(), given):
            return login
    return None


def _begun(platform: Platform, scope: Scope) -> list[PendingLogin]:
    kept = _read(platform, scope, _LOGIN, _Logins)
    begun = [] if kept is None else kept.begun
    return [login for login in begun if not _is_over(platform, login.expires_at)]


def save_openid(platform: Platform, openid: str) -> Header:
    """Return the cookie that holds the openid until a phone is verified."""
    expires_at = platform.db.clock().timestamp() + PROOF_SECONDS
    return _sealed_cookie(platform, _OPENID, _Pending(openid, expires_at), PROOF_SECONDS)


def pending_openid(platform: Platform, scope: Scope) -> str | None:
    """Return the WeChat user in this browser who has no verified phone yet, or None."""
    pending = _read(platform, scope, _OPENID, _Pending)
    return None if pending is None or _is_over(platform, pending.expires_at) else pending.openid


async def bind_pending(platform: Platform, scope: Scope, account_id: int) -> list[Header]:
    """Bind this browser's pending WeChat user, if any, to the account whose phone was verified.

    Returns the headers to send; none where there was nothing to bind.
    """
    openid = pending_openid(platform, scope)
    if openid is None:
        return []
    await wechat.bind(platform, openid, account_id)
    return [_set(platform, _OPENID, "", 0)]


def _is_over(platform: Platform, expires_at: float) -> bool:
    return platform.db.clock().timestamp() >= expires_at


def _sealed_cookie(platform: Platform, name: str, value: msgspec.Struct, seconds: int) -> Header:
    sealed = platform.vault.seal("cookies", name, 0, msgspec.json.encode(value).decode())
    return _set(platform, name, base64.urlsafe_b64encode(sealed).decode().rstrip("="), seconds)


def _read(platform: Platform, scope: Scope, name: str, into: type[T]) -> T | None:
    kept = cookie(scope, _full_name(platform, name))
    if not kept:
        return None
    try:
        sealed = base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4))
        opened = platform.vault.open("cookies", name, 0, sealed)
        return msgspec.json.decode(opened, type=into)
    except (binascii.Error, ValueError, VaultError):
        return None


def _set(platform: Platform, name: str, value: str, seconds: int) -> Header:
    line = f"{_full_name(platform, name)}={value}; Path=/; Max-Age={seconds}; HttpOnly"
    line += "; SameSite=Lax"  # must be sent when WeChat redirects the browser back
    return b"set-cookie", (line if platform.settings.demo else line + "; Secure").encode()


def _full_name(platform: Platform, name: str) -> str:
    return name if platform.settings.demo else f"__Host-{name}"
