"""Browsers on which members of the staff have logged in: a stranger's failures do not lock these.

A sealed cookie, which the browser can neither read nor make, names the device and who has logged
in there. It lets nobody in; it only keeps their failures apart from those of strangers.
"""

from __future__ import annotations

import secrets

import msgspec

from guahao.flows.staff.logins import Origin, StaffDevice
from guahao.web.framework import cookies as cookie_names
from guahao.web.staff.page import StaffPage

_LOGINS_MAX = 20  # of a desk that several people share


class _Kept(msgspec.Struct):
    id: str
    logins: list[str]


def origin_of(page: StaffPage) -> Origin:
    """Return where a log-in comes from: the caller, and the device if it is known."""
    caller = page.services.callers.of(page.request.scope)
    kept = _kept(page)
    return Origin(caller, None if kept is None else StaffDevice(kept.id, tuple(kept.logins)))


def remember(page: StaffPage, login: str) -> None:
    """Note in the browser that this login has shown both factors there."""
    kept = _kept(page) or _Kept(secrets.token_hex(16), [])
    logins = [login, *(other for other in kept.logins if other != login)][:_LOGINS_MAX]
    page.seal(cookie_names.DEVICE, msgspec.json.encode(_Kept(kept.id, logins)).decode())


def _kept(page: StaffPage) -> _Kept | None:
    text = page.sealed(cookie_names.DEVICE)
    try:
        return None if text is None else msgspec.json.decode(text, type=_Kept)
    except msgspec.DecodeError:
        return None
