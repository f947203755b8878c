"""Attacks on the staff's log-in over HTTP: lock-out by a stranger, asking who exists, floods."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import timedelta
from itertools import islice

import httpx
import pyotp
import pytest
from tests.city import Clock, ask
from tests.web.browsing import Reader
from tests.web.site import Site

from guahao.flows.kernel import hashing
from guahao.flows.staff import staff
from guahao.flows.staff.staff import NewStaff
from guahao.rules.staff.staff import SYSTEM, Role

LOGIN = "/staff/login"
HOME = "/staff/overview"  # where an administrator begins
PASSWORD = "purple teapot on monday"
WRONG = "guess"
OFFICE, ATTACKER = "198.51.100.20", "203.0.113.66"


async def member(site: Site, login: str, role: Role = Role.ADMINISTRATOR) -> NewStaff:
    new = await staff.add_staff(site.platform, SYSTEM, login, "演示", role, None)
    assert isinstance(new, NewStaff)
    return new


async def log_in_first(site: Site, clock: Clock, login: str) -> tuple[Reader, str]:
    """A first log-in in a browser at the office, from the temporary password to the desk."""
    new = await member(site, login)
    reader = Reader.of(site, address=OFFICE)
    await reader.go(LOGIN)
    await reader.send(login=login, password=new.password)
    await reader.send(old=new.password, new=PASSWORD, again=PASSWORD)
    secret = reader.text.partition('class="secret">')[2].partition("<")[0].replace(" ", "")
    await reader.send(code=pyotp.TOTP(secret).at(clock()))
    assert reader.path == HOME, reader.text
    return reader, secret


async def guess(reader: Reader, login: str, password: str = WRONG) -> httpx.Response:
    await reader.go(LOGIN)
    return await reader.send(login=login, password=password)


async def test_a_stranger_cannot_lock_an_administrator_out(site: Site, clock: Clock) -> None:
    known, secret = await log_in_first(site, clock, "admin.one")
    for attacker in ("203.0.113.66", "203.0.113.9", "2001:db8:5:1::9", OFFICE):
        reader = Reader.of(site, address=attacker)
        statuses = [(await guess(reader, "admin.one")).status_code for _ in range(7)]
        assert statuses[-1] == 429
    # In a browser without the cookie, elsewhere, the administrator still gets in.
    clock.forward(seconds=60)
    elsewhere = Reader.of(site, address="192.0.2.44")
    await guess(elsewhere, "admin.one", PASSWORD)
    assert elsewhere.path == "/staff/code"
    # And in the known browser even at the office, from whose network the attack came.
    await known.send(known.form("/staff/logout"))
    await guess(known, "admin.one", PASSWORD)
    assert known.path == "/staff/code"
    await known.send(code=pyotp.TOTP(secret).at(clock()))
    assert known.path == HOME


@pytest.mark.parametrize("cookie", ["x", "A" * 200])
async def test_a_made_up_device_is_a_stranger(site: Site, clock: Clock, cookie: str) -> None:
    await log_in_first(site, clock, "admin.one")
    reader = Reader.of(site, address=ATTACKER)
    reader.client.cookies.set("device", cookie)
    assert [(await guess(reader, "admin.one")).status_code for _ in range(6)][-1] == 429


async def test_answers_do_not_tell_which_logins_exist(site: Site, clock: Clock) -> None:
    await log_in_first(site, clock, "admin.one")
    await member(site, "temporary.one", Role.AGENT)
    shut_out = await member(site, "disabled.one", Role.AGENT)
    await staff.disable_staff(site.platform, SYSTEM, shut_out.id, "测试")
    logins = ("admin.one", "temporary.one", "disabled.one", "nobody.at.all")
    seen = []
    for n, login in enumerate(logins):
        reader = Reader.of(site, address=f"203.0.{n}.66")
        answers = [await guess(reader, login) for _ in range(7)]
        bare = [a.text.replace(login, "LOGIN").partition("<main")[2] for a in answers]
        plain = [_without_keys(text) for text in bare]
        seen.append([(a.status_code, text) for a, text in zip(answers, plain, strict=True)])
    assert all(one == seen[0] for one in seen[1:])
    assert [status for status, _ in seen[0]] == [403] * 4 + [429] * 3


def _without_keys(page: str) -> str:
    """A page without the random values of its hidden fields."""
    return "".join(line for line in page.splitlines() if 'type="hidden"' not in line)


@pytest.mark.usefixtures("production_hashing")
async def test_a_flood_of_guesses_hashes_no_more_than_the_lane_holds(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, _ = await log_in_first(site, clock, "admin.one")
    await known.send(known.form("/staff/logout"))
    most = 0
    true_run = hashing.Lane._run

    async def watched(self: hashing.Lane, work: object) -> object:
        nonlocal most
        most = max(most, self._taken)
        return await true_run(self, work)  # type: ignore[arg-type]

    monkeypatch.setattr(hashing.Lane, "_run", watched)
    reader = Reader.of(site, address=ATTACKER)
    await reader.go(LOGIN)
    fields = reader.form().fields

    async def shoot(n: int) -> int:
        async with site.client(f"10.{n}.0.7") as client:
            client.cookies.update(reader.client.cookies)
            sent = fields | {"login": f"guess{n}", "password": "x" * 200}
            return (await client.post(LOGIN, data=sent)).status_code

    busy = threading.Event()
    try:
        threads = [asyncio.create_task(hashing.STRANGERS.run(busy.wait)) for _ in range(2)]
        flood = [asyncio.create_task(shoot(n)) for n in range(250)]
        refused = len(flood) + len(threads) - hashing.STRANGERS.most
        for answered in islice(asyncio.as_completed(flood), refused):
            await answered
        await guess(known, "admin.one", PASSWORD)
        assert known.path == "/staff/code"  # while the others' threads are busy
    finally:
        busy.set()
    statuses = Counter(await asyncio.gather(*flood))
    assert statuses == {503: refused, 403: len(flood) - refused}
    assert most == hashing.STRANGERS.most
    await asyncio.gather(*threads)


async def test_a_password_of_megabytes_is_refused_unread(site: Site) -> None:
    reader = Reader.of(site, address=ATTACKER)
    answer = await guess(reader, "admin.one", "x" * 200_000)
    assert answer.status_code == 413
    assert await ask(site.platform, "SELECT count(*) FROM staff_log_in_failures") == [(0,)]


async def test_a_stolen_desk_cannot_change_the_password_without_the_phone(
    site: Site, clock: Clock
) -> None:
    reader, secret = await log_in_first(site, clock, "admin.one")
    used = pyotp.TOTP(secret).at(clock())
    better = "seven wooden spoons dance"
    for code in ("", "000000", used):
        await reader.go("/staff/password")
        await reader.send(old=PASSWORD, new=better, again=better, code=code)
        assert reader.page.status_code == 422, code
    clock.forward(seconds=60)
    await reader.go("/staff/password")
    fresh = pyotp.TOTP(secret).at(clock() + timedelta(0))
    await reader.send(old=PASSWORD, new=better, again=better, code=fresh)
    assert "密码已更改" in reader.text
