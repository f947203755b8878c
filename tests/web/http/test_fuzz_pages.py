"""Every page, the citizens' and the staff's, with fields that nobody thought of. New ones too.

For a longer hunt: `GUAHAO_FUZZ_EXAMPLES=200 pytest tests/web/http/test_fuzz_pages.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from urllib.parse import quote, urlencode

import pytest
from tests.city import add_session, ask
from tests.web.browsing import Reader
from tests.web.nasty import NASTY, NASTY_BYTES, WORST
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import add_member, session_of

from guahao.rules.staff.staff import HOSPITAL_ROLES, Role, Staff
from guahao.web import citizens
from guahao.web.app import staff_routes
from guahao.web.staff import StaffRoute

Route = citizens.Route | StaffRoute
EXAMPLES = 3  # a route
PLAUSIBLE = ["1", "2", "2026-12-03", "2026-12-07", "morning", "08:30", "普通门诊", "on", "测试"]
_FIELD = re.compile(r"""(?:query|\.get)\(\s*"(\w+)"|form\["(\w+)"\]|"(\w+)" in \w+\.form""")


def fields_of(route: Route) -> list[str]:
    """Every field that a module of the route's door reads."""
    handler = route.handler
    while isinstance(handler, partial):
        handler = handler.func
    package = handler.__module__.rpartition(".")[0]
    folder = Path(str(import_module(package).__file__)).parent
    sources = (path.read_text() for path in sorted(folder.glob("*.py")))
    found = (name for source in sources for one in _FIELD.findall(source) for name in one if name)
    return sorted(set(found) - {"csrf"})[:40]


def some(random: Random, names: Iterable[str]) -> dict[str, str]:
    """A value for most of the fields: every second one plausible."""
    return {
        name: random.choice(random.choice([PLAUSIBLE, NASTY]))
        for name in names
        if random.random() < 0.8
    }


def path_of(random: Random, route: Route) -> str:
    """The route's path: most ids are of something that exists."""
    value = "1" if random.random() < 0.7 else quote(random.choice(NASTY) or "-", safe="")
    return re.sub(r"\{\w+\}", lambda _: value, route.path)


async def reader_for(site: Site, route: Route, members: dict[Role, Staff]) -> Reader:
    """Somebody who may see the route's pages, logged in anew."""
    reader = Reader.of(site)
    reader.client.follow_redirects = False
    if isinstance(route, StaffRoute):
        member = members[min(route.roles or {Role.AGENT})]
        reader.client.cookies.set("staff", await session_of(site.platform, member))
        await reader.go("/staff/password")
    else:
        reader.client.cookies.set("session", await site.log_in(1))
        await reader.go("/patients/new")
    return reader


async def tried(random: Random, reader: Reader, route: Route) -> tuple[str, str, int]:
    """One request; what was sent and the status."""
    fields = some(random, fields_of(route))
    path, csrf = path_of(random, route), reader.form().fields["csrf"]
    if route.method == "GET":
        query = urlencode(list(fields.items())[:10], errors="surrogatepass")
        broken = random.choice(["", "", "", f"&q={random.choice(NASTY_BYTES)}"])
        answer = await reader.client.get(f"{path}?{query}{broken}")
    else:
        answer = await reader.client.post(path, data={**fields, "csrf": csrf})
    return f"{route.method} {path}", str(fields), answer.status_code


async def tried_worst(reader: Reader, route: Route) -> list[tuple[str, str, int]]:
    """A page with the same value in all of its fields, for each of the worst values."""
    path, seen = re.sub(r"\{\w+\}", "1", route.path), []
    for value in WORST:
        fields = fields_of(route)
        for first in range(0, len(fields), 10):  # more make too long an address
            query = urlencode(dict.fromkeys(fields[first : first + 10], value))
            answer = await reader.client.get(f"{path}?{query}", headers={"Origin": "http://["})
            seen.append((f"GET {path}", value[:20], answer.status_code))
    return seen


async def members_of(site: Site, hospital_id: int) -> dict[Role, Staff]:
    """One of each role."""
    return {
        role: await add_member(site.platform, role, hospital_id if role in HOSPITAL_ROLES else None)
        for role in Role
    }


@pytest.mark.parametrize("door", ["citizens", "staff"])
async def test_no_page_fails_whatever_is_sent(site: Site, door: str) -> None:
    booking = await booked(site, await add_citizen(site))
    await add_session(site.platform)
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM appointments WHERE id = %s", booking["id"]
    )
    is_staff = door == "staff"
    routes: list[Route] = [*staff_routes()] if is_staff else [*citizens.routes()]
    members = await members_of(site, hospital_id) if is_staff else {}
    random, seen = Random(1), []
    for route in routes:
        reader = await reader_for(site, route, members)
        times = int(os.environ.get("GUAHAO_FUZZ_EXAMPLES", EXAMPLES))
        if route.method == "GET":
            seen += await tried_worst(reader, route)
        seen += [await tried(random, reader, route) for _ in range(times)]
    assert [one for one in seen if one[2] >= 500] == []
    # Most came past the login and the check of the form, and some to the end.
    statuses = [status for *_, status in seen]
    assert statuses.count(403) < len(statuses) / 4
    assert {200, 303, 404} <= set(statuses)
