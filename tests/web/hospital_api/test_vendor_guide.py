"""docs/VENDORS.md: every example is sent to a real server, in order, and answers as it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from tests.city import Clock, ask, change, open_platform, resident_id
from tests.conftest import SOURCES
from tests.crowd import open_desk
from tests.pushing.city import push_all, pusher
from tests.web.hospital_site import add_system, session_item
from tests.web.http.test_real_server import SECRET_KEY, Server, serving
from tests.web.site import API, Citizen, Site, add_citizen

from guahao.flows.integration.webhooks import WebhookSet, set_webhook
from guahao.rules.integration.pushing import KINDS
from guahao.rules.staff.staff import SYSTEM
from guahao.tools.stand_ins.hospital import EVENTS_PATH, StandIn
from guahao.tools.stand_ins.hospital import serving as standing_in
from guahao.tools.webhook_verifier import Verifier
from guahao.web.app import create_app
from guahao.web.words.replies import REPLIES

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

GUIDE = Path(__file__).parents[3] / "docs" / "VENDORS.md"
PAGE = GUIDE.parent / "WEBHOOKS.md"
# A command, the answer it gives, or what happens in between.
_STEP = re.compile(
    r"^```sh\n(?P<command>.*?)^```$|^```json (?P<status>\d{3})\n(?P<answer>.*?)^```$"
    r"|^<!-- (?P<between>.*?) -->$",
    re.DOTALL | re.MULTILINE,
)
# What must be as it stands there, not only of the same kind.
_EXACT = {"result", "kind", "code", "status", "created", "changed", "unchanged", "refused", "cure"}
_EXACT |= {"error", "why", "complete", "differing", "no_shows", "stopped", "call", "listed"}
_HOSPITAL = "AL0001"


def steps() -> Iterator[dict[str, str]]:
    for found in _STEP.finditer(GUIDE.read_text()):
        yield {name: text for name, text in found.groupdict().items() if text is not None}


def differs(told: Any, given: Any, place: str = "$") -> list[str]:
    """Where an answer is not of the kind that the guide shows."""
    if isinstance(told, dict) and isinstance(given, dict):
        names = [f"{place}.{name}" for name in told.keys() ^ given.keys()]
        both = [
            differs(told[name], given[name], f"{place}.{name}")
            if name not in _EXACT or told[name] == given[name]
            else [f"{place}.{name}: {given[name]!r}"]
            for name in told.keys() & given.keys()
        ]
        return [*names, *(one for found in both for one in found)]
    if isinstance(told, list) and isinstance(given, list):
        if len(told) != len(given):
            return [f"{place}: {len(given)} items"]
        pairs = zip(told, given, strict=True)
        return [o for n, pair in enumerate(pairs) for o in differs(*pair, f"{place}[{n}]")]
    return [] if type(told) is type(given) else [f"{place}: {given!r}"]


def request_of(command: str) -> tuple[str, str, dict[str, Any]]:
    """A curl command as method, address and what httpx is given."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words.pop(0) == "curl"
    method, url = "", ""
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    for word in (given := iter(words)):
        if word == "-X":
            method = next(given)
        elif word == "-H":
            name, _, value = next(given).partition(": ")
            headers[name] = value
        elif word == "-d":
            more["content"] = next(given).encode()
        elif word == "-u":
            more["auth"] = tuple(next(given).split(":"))
        elif word != "-s":
            url = word
    if "content" in more:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    return method or ("POST" if "content" in more else "GET"), url, {"headers": headers, **more}


@dataclass
class Vendor:
    """Somebody who goes through the guide."""

    database_url: str
    folder: Path
    stack: ExitStack
    citizen: Citizen
    server: Server
    names: dict[str, str] = field(default_factory=dict)
    answer: httpx.Response | None = None
    token_command: str = ""

    def follow(self, step: dict[str, str]) -> None:
        if "command" in step:
            self.type(step["command"])
        elif "answer" in step:
            self.compare(int(step["status"]), step["answer"])
        elif step["between"].startswith("a patient books"):
            self.book(step["between"].split()[-1])
        elif step["between"].startswith("the scheduler's"):
            self.plan(step["between"].split()[-1])
        elif step["between"].startswith("it is"):
            self.go_to(step["between"].split()[-1])
        else:
            self.keep(step["between"])

    def type(self, command: str) -> None:
        """In a terminal: curl, or the operator's guahao."""
        if command.startswith("guahao"):
            self.operate(shlex.split(command)[1:])
            return
        if "grant_type" in command and "wrong" not in command:
            self.token_command = command
        if booked_at := self.names.get("BOOKED_AT"):  # without its fraction of a second
            later = datetime.fromisoformat(booked_at) + timedelta(seconds=1)
            self.names["NOW"] = later.isoformat()
        filled = re.sub(r"\$([A-Z_]+)", lambda name: self.names[name[1]], command)
        method, url, more = request_of(filled)
        self.answer = httpx.request(method, url, timeout=60, **more)

    def operate(self, arguments: list[str]) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": SOURCES,
            "GUAHAO_DATABASE_URL": self.database_url,
            "GUAHAO_DATA_DIR": str(self.folder),
            "GUAHAO_SECRET_KEY": SECRET_KEY,
            "GUAHAO_CLOCK_START": self.server.clock_start,
        }
        said = subprocess.run(
            [sys.executable, "-m", "guahao", *arguments],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if arguments[0] == "hospital-client":
            self.names["CLIENT_ID"] = re.findall(r"hc_[0-9a-f]{16}", said)[0]
            self.names["CLIENT_SECRET"] = re.findall(r"client_secret +(\S+)", said)[0]
        else:
            assert "whsec_" in said

    def compare(self, status: int, told: str) -> None:
        answer = self.answer
        assert answer is not None
        assert answer.status_code == status, answer.text
        assert differs(msgspec.json.decode(told), answer.json()) == [], answer.text

    def keep(self, names: str) -> None:
        """`TOKEN = access_token; CURSOR = next`: for the commands that follow."""
        assert self.answer is not None
        for one in names.split("; "):
            name, _, path = one.partition(" = ")
            found = self.answer.json()
            for part in path.split("."):
                found = found[int(part)] if part.isdigit() else found[part]
            self.names[name] = str(found)

    def draw_without_applicants(self) -> None:
        """Free what waits for a draw, as a draw does for which nobody has applied."""
        with psycopg.connect(self.database_url) as conn:
            conn.execute("UPDATE held_places SET released_at = now() WHERE released_at IS NULL")
            conn.execute("UPDATE clinic_sessions SET held = 0, draw_at = NULL WHERE held > 0")

    def book(self, external_id: str) -> None:
        self.draw_without_applicants()
        headers = {"Authorization": f"Bearer {self.citizen.token}"}
        listed = httpx.get(
            f"{self.names['BASE']}{API}/clinic-sessions",
            params={"hospital_id": 1, "department_id": 2, "date_to": "2026-12-03"},
        ).json()["items"]
        assert len(listed) == 1, external_id
        made = httpx.post(
            f"{self.names['BASE']}{API}/appointments",
            headers={**headers, "Idempotency-Key": "guide"},
            json={"clinic_session_id": listed[0]["id"], "patient_id": self.citizen.patient_id},
        )
        assert made.status_code == 201, made.text
        self.names["CODE"] = made.json()["code"]

    def plan(self, day: str) -> None:
        """By a weekly timetable that was made into sessions."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute(
                """
                WITH planned AS (
                    INSERT INTO timetables (hospital_id, department_id, title, iso_weekday, period,
                                            starts_at, fee_fen, capacity)
                    SELECT 1, 2, '主任医师', extract(isodow FROM %(day)s::date), 'morning', '08:00',
                           8000, 20
                    RETURNING *
                )
                INSERT INTO clinic_sessions (hospital_id, department_id, timetable_id, title,
                                             visit_date, period, starts_at, fee_fen, capacity)
                SELECT hospital_id, department_id, id, title, %(day)s, period, starts_at, fee_fen,
                       capacity
                FROM planned
                """,
                {"day": day},
            )

    def go_to(self, moment: str) -> None:
        """The same platform at a later time; the vendor gets the next token."""
        self.server = self.stack.enter_context(
            serving(self.database_url, self.folder, clock_start=moment)
        )
        self.names["BASE"] = self.server.url
        self.type(self.token_command)
        self.keep("TOKEN = access_token")


@pytest.fixture
async def citizen(database_url: str, clock: Clock) -> Citizen:
    """Of a city with the one hospital that the guide names."""
    async with (
        open_platform(database_url, clock) as platform,
        open_desk(platform) as desk,
    ):
        await change(
            platform,
            "INSERT INTO hospitals (code, name, grade, district)"
            " VALUES (%s, '安澜市第一人民医院', '三级甲等', '城东区')",
            _HOSPITAL,
        )
        assert await ask(platform, "SELECT id FROM hospitals") == [(1,)]
        return await add_citizen(Site(create_app(platform, desk), platform))


def test_every_example_answers_as_the_guide_says(
    database_url: str, tmp_path: Path, citizen: Citizen
) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(serving(database_url, tmp_path))
        vendor = Vendor(database_url, tmp_path, stack, citizen, server)
        vendor.names |= {"BASE": server.url, "ID_NO": resident_id(1)}
        followed = list(steps())
        for step in followed:
            vendor.follow(step)
    answers = [step for step in followed if "answer" in step]
    assert len(answers) == len(re.findall(r"^```json", GUIDE.read_text(), re.MULTILINE))
    assert len(answers) > 15


class Keeping(StandIn):
    """A hospital's system that keeps what comes, as it came."""

    kept: bytes = b""

    def receive(self, headers: Mapping[str, str], body: bytes) -> int | None:
        self.kept = body
        return super().receive(headers, body)


async def test_a_webhook_is_what_its_page_shows(site: Site, clock: Clock) -> None:
    system = await add_system(site)
    await system.publish_departments()
    item = session_item(specialty="冠心病", starts_at="08:00", ends_at="12:00")
    published = await system.publish([item])
    his = Keeping(clock=lambda: clock().timestamp())
    with standing_in(his) as address:
        url = address + EVENTS_PATH
        made = await set_webhook(site.platform, SYSTEM, system.hospital_id, url, KINDS)
        assert isinstance(made, WebhookSet)
        his.verifier = Verifier([made.secret or ""])
        await site.book(await add_citizen(site), published["items"][0]["id"])
        await push_all(pusher(site.platform))
    [told] = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert differs(msgspec.json.decode(told), msgspec.json.decode(his.kept)) == [], his.kept


async def test_every_call_of_hospitals_is_in_the_guide(closed_site: Site) -> None:
    described = (await closed_site.get("/schema/openapi.json")).json()["paths"]
    guide = GUIDE.read_text()
    for path in described:
        if path.startswith(f"{API}/hospital/"):
            first, _, rest = path.removeprefix(API).partition("{")
            last = rest.partition("}")[2]
            assert first.rstrip("/") in guide, path
            assert last in guide, path


def test_each_code_in_the_table_of_errors_has_the_status_it_stands_by() -> None:
    told = re.findall(r"(\d{3})((?: `\w+`,?)+)", GUIDE.read_text())
    pairs = [(int(status), code) for status, codes in told for code in re.findall(r"\w+", codes)]
    assert len(pairs) > 5
    assert [(status, code) for status, code in pairs if REPLIES[code].status != status] == []
