"""Members of the staff who are already logged in, with both factors."""

from __future__ import annotations

import secrets
from itertools import count

from tests.web.browsing import Reader
from tests.web.site import Site

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.staff import NewStaff, add_staff
from guahao.rules.staff.staff import SYSTEM, Role, Staff
from guahao.store.staff import staff as store

_numbers = count(1)


async def add_member(platform: Platform, role: Role, hospital_id: int | None = None) -> Staff:
    """Somebody of that role, whose password is no longer temporary."""
    login = f"{role.value}.{next(_numbers)}"
    new = await add_staff(platform, SYSTEM, login, "演示人员", role, hospital_id)
    assert isinstance(new, NewStaff), new
    async with platform.db.transaction() as tx:
        await store.set_password(tx, new.id, "not a hash: nobody logs in by it", temporary=False)
        await store.set_totp_secret(tx, platform.vault, new.id, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    return Staff(new.id, login, role, hospital_id)


async def session_of(platform: Platform, member: Staff, *, verified: bool = True) -> str:
    """The cookie of a session; `verified`: with the second factor."""
    token = secrets.token_urlsafe(32)
    async with platform.db.transaction() as tx:
        index = platform.vault.index("staff session", token)
        await store.begin_login(tx, member.id, index, verified=verified)
    return token


async def at_the_desk(
    site: Site, role: Role, hospital_id: int | None = None, *, language: str = "zh"
) -> Reader:
    """A browser in which somebody of that role is logged in."""
    reader = Reader.of(site, language=language)
    member = await add_member(site.platform, role, hospital_id)
    reader.client.cookies.set("staff", await session_of(site.platform, member))
    return reader
