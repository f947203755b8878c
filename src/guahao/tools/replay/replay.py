"""Replay real records through the booking desk: what would these rules have done last year?

A replay runs in a scratch database on the platform's server, which is dropped at the end, and
never touches the platform's own data.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import date, datetime, time
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import msgspec
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from guahao.errors import OperatorError
from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.booking.booking import DeskRequest
from guahao.flows.booking.desk import serve
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.supply.releasing import city_time
from guahao.settings import Settings
from guahao.store.kernel.db import Database, Tx
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView
from guahao.store.policy.policy_book import FixedPolicies
from guahao.tools.policy_file import PolicyFileError, read_policy
from guahao.tools.replay import queries as store
from guahao.tools.replay.records import Record, RecordsError, read_records
from guahao.tools.scratch import ScratchDatabaseError, scratch_database

Report = Callable[[int], None]  # called with the number of answered requests

# Staff of the records' hospitals, who book for the person in front of them: without a phone in
# the records, a person has no account.
_CLERK = Actor("staff", 1)
# A day of a large city at once: nobody waits for an answer, and each batch costs round trips.
_BATCH = 4096
_LANES = 2  # while PostgreSQL writes what a lane decided, the other decides
_LAST_MOMENT = time(23, 59, 59)
_CAPACITY_MAX = 1_000_000
_ID_TYPE = "99"  # "other document": the records' number of a person


class ReplayError(OperatorError):
    """A replay failed; the message says what an operator can do."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The rules to replay under. `capacity` of a session: None has places for everybody."""

    policy: Policy = field(default_factory=Policy)
    hospital: HospitalRules = field(default_factory=HospitalRules)
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a replay. `refused` has every reason, in the order of precedence."""

    requests: int
    hospitals: int
    clinic_sessions: int
    persons: int
    booked: int
    refused: dict[str, int]
    no_shows: int
    picked_up: int
    persons_suspended: int


def run(
    file: Path,
    server_url: str,
    *,
    capacity: int | None = None,
    policy_file: Path | None = None,
    as_json: bool = False,
) -> None:
    """Replay a file and print the result: a table, or only JSON on standard output.

    `server_url`: the platform's database as its owner, on whose server the scratch database is
    created. Raises ReplayError.
    """
    scenario = _scenario(policy_file, capacity)
    with _without_collector():
        try:
            records = read_records(file)
        except RecordsError as error:
            raise ReplayError(f"{file}: {error}") from None
        with _shown(len(records)) as report:
            outcome = replay(records, server_url, scenario, report)
    if as_json:
        print(_json(outcome, scenario).decode())
    else:
        _print_table(file, outcome, scenario)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Search for no cycles: a replay makes hardly any, and the search took a tenth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _scenario(policy_file: Path | None, capacity: int | None) -> Scenario:
    if capacity is not None and not 0 <= capacity <= _CAPACITY_MAX:
        raise ReplayError(f"--capacity: expected 0 to {_CAPACITY_MAX}")
    if policy_file is None:
        return Scenario(capacity=capacity)
    try:
        return Scenario(*read_policy(policy_file), capacity)
    except PolicyFileError as error:
        raise ReplayError(f"{policy_file}: {error}") from None


def replay(
    records: Sequence[Record], server_url: str, scenario: Scenario, report: Report
) -> Outcome:
    """Replay records, in the order of their requests, in a scratch database."""
    try:
        with _ending_on_sigterm(), scratch_database(server_url, durable=False) as url:
            return uvloop.run(_replay(records, url, scenario, report))
    except ScratchDatabaseError as error:
        raise ReplayError(str(error)) from error


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM drop the scratch database, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _OpenVault(Vault):
    """A vault that encrypts nothing: a replay stores no personal data, only numbers of its own."""

    def seal(self, table: str, column: str, row: int, text: str) -> bytes:  # noqa: ARG002
        return text.encode()

    def open(self, table: str, column: str, row: int, sealed: bytes) -> str:  # noqa: ARG002
        return sealed.decode()

    def index(self, purpose: str, text: str) -> bytes:  # noqa: ARG002
        return text.encode()

    def indexes(self, purpose: str, text: str) -> list[bytes]:  # noqa: ARG002
        return [text.encode()]


class _Clock:
    """The replay's clock, set to the time of the current records."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


async def _replay(
    records: Sequence[Record], url: str, scenario: Scenario, report: Report
) -> Outcome:
    vault = _OpenVault(secrets.token_hex(32))
    city = _found(url, records, scenario)
    clock = _Clock(records[0].requested_at)
    database = Database(url, clock, min_size=_LANES, max_size=_LANES)
    policies = FixedPolicies(DatedPolicies(scenario.policy))
    platform = Platform(database, vault, policies, Settings())
    await database.open()
    try:
        await _Days(platform, url, clock, city, report).live(records)
        async with database.transaction() as tx:
            return await _outcome(tx, city)
    finally:
        await database.close()


# The city of the records ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _City:
    """The ids of the hospitals, sessions and persons of the records."""

    hospitals: dict[str, int]
    sessions: dict[tuple[str, date], int]
    persons: dict[str, int]


_Name = TypeVar("_Name", bound=Hashable)


def _numbered(names: Iterable[_Name]) -> dict[_Name, int]:
    """Number each distinct name from 1, in the order of appearance."""
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}


def _found(url: str, records: Sequence[Record], scenario: Scenario) -> _City:
    """Create all that the records name, in bulk; each hospital has a single department."""
    wanted = Counter((record.hospital, record.visit_date) for record in records)
    city = _City(
        _numbered(record.hospital for record in records),
        _numbered(wanted),
        _numbered(record.person for record in records),
    )
    rules = astuple(scenario.hospital)
    hospitals = ((id, f"R{id:04d}", name, "-", "-", *rules) for name, id in city.hospitals.items())
    departments = ((id, id, "01", name) for name, id in city.hospitals.items())
    sessions = (
        (
            id,
            *_place(city, name),
            "-",
            day,
            "morning",
            0,
            scenario.capacity if scenario.capacity is not None else wanted[name, day],
        )
        for (name, day), id in city.sessions.items()
    )
    with store.filling(url) as conn:
        store.fill(conn, "hospitals", hospitals)
        store.fill(conn, "departments", departments)
        store.fill(conn, "clinic_sessions", sessions)
        store.fill_persons(conn, len(city.persons), _ID_TYPE, records[0].requested_at)
    return city


def _place(city: _City, hospital: str) -> tuple[int, int]:
    """Return a hospital's id, which is that of its department too."""
    return (city.hospitals[hospital], city.hospitals[hospital])


# Its days ------------------------------------------------------------------------------------


class _Days:
    """Replays the records day by day: requests, and the end of each visit date.

    Hospitals that share no person on a day share nothing that a rule reads: they are replayed at
    once in lanes, each in order.
    """

    def __init__(
        self, platform: Platform, url: str, clock: _Clock, city: _City, report: Report
    ) -> None:
        self._platform = platform
        self._url = url
        self._clock = clock
        self._city = city
        self._report = report
        self._expected: defaultdict[date, list[Record]] = defaultdict(list)
        self._booked: dict[int, int] = {}  # the appointment of each accepted record
        self._settled = False

    async def live(self, records: Sequence[Record]) -> None:
        """Answer every request at its own time, and settle every visit date at its end."""
        for today, requests in groupby(records, lambda record: record.requested_at.date()):
            await self._settle_before(today)
            asked = list(requests)
            self._clock.now = asked[-1].requested_at
            await asyncio.gather(*map(self._book, lanes(asked, _LANES)))
        await self._settle_before(date.max)

    async def _book(self, records: Sequence[Record]) -> None:
        for start in range(0, len(records), _BATCH):
            asked = records[start : start + _BATCH]
            answers = await serve(self._platform, [self._desk_request(record) for record in asked])
            for record, answer in zip(asked, answers, strict=True):
                if isinstance(answer, AppointmentView):
                    self._expected[record.visit_date].append(record)
                    self._booked[record.appointment_id] = answer.id
                elif not isinstance(answer, Refused):
                    raise ReplayError(f"the booking desk failed: {type(answer).__name__}")
            self._report(len(asked))

    def _desk_request(self, record: Record) -> DeskRequest:
        return DeskRequest(
            _CLERK,
            str(record.appointment_id),
            self._city.persons[record.person],
            self._city.sessions[record.hospital, record.visit_date],
            "replay",
            record.requested_at,
        )

    async def _settle_before(self, today: date) -> None:
        """Report attendance at the end of each visit date before today."""
        for day in sorted(day for day in self._expected if day < today):
            expected = self._expected.pop(day)
            self._clock.now = city_time(day, _LAST_MOMENT)
            await asyncio.gather(*map(self._report_attendance, lanes(expected, _LANES)))
            if not self._settled:
                store.analyze(self._url, "appointments")
                self._settled = True

    async def _report_attendance(self, records: Sequence[Record]) -> None:
        attended = [(self._booked[record.appointment_id], record.no_show) for record in records]
        present = [id for id, no_show in attended if not no_show]
        absent = [id for id, no_show in attended if no_show]
        await report_attendance(self._platform, present, absent)


def lanes(records: Sequence[Record], count: int) -> list[list[Record]]:
    """Share records out to at most `count` lanes of like length, each in the records' order.

    No person and no hospital is in two lanes.
    """
    joined: dict[str, str] = {}  # hospitals that share a person, as trees

    def root(hospital: str) -> str:
        while (above := joined.get(hospital)) is not None:
            joined[hospital] = joined.get(above, above)  # shorter for the next who asks
            hospital = above
        return hospital

    first: dict[str, str] = {}  # the first hospital of each person
    for record in records:
        known = first.setdefault(record.person, record.hospital)
        if known != record.hospital and root(known) != root(record.hospital):
            joined[root(known)] = root(record.hospital)
    sizes = Counter(record.hospital for record in records)
    groups: Counter[str] = Counter()
    for hospital, size in sizes.items():
        groups[root(hospital)] += size
    lengths = [0] * count
    lane_of: dict[str, int] = {}
    for group, size in groups.most_common():
        lane_of[group] = lengths.index(min(lengths))
        lengths[lane_of[group]] += size
    lane_of = {hospital: lane_of[root(hospital)] for hospital in sizes}
    found: list[list[Record]] = [[] for _ in range(count)]
    for record in records:
        found[lane_of[record.hospital]].append(record)
    return [lane for lane in found if lane]


# The answer ----------------------------------------------------------------------------------


async def _outcome(tx: Tx, city: _City) -> Outcome:
    """Return the result, counted in the platform's records after the replay."""
    answered = await store.requests_by_outcome(tx)
    became = await store.appointments_by_status(tx)
    return Outcome(
        requests=sum(answered.values()),
        hospitals=len(city.hospitals),
        clinic_sessions=len(city.sessions),
        persons=len(city.persons),
        booked=answered.get("booked", 0),
        refused={reason.value: answered.get(reason, 0) for reason in Refusal},
        no_shows=became.get("no_show", 0),
        picked_up=became.get("picked_up", 0),
        persons_suspended=await store.persons_suspended(tx),
    )


def _json(outcome: Outcome, scenario: Scenario) -> bytes:
    """Return the counts and their rules, in a fixed order."""
    answer = msgspec.to_builtins(outcome)
    rules = msgspec.to_builtins(scenario, order="deterministic")
    return msgspec.json.format(msgspec.json.encode({**answer, "rules": rules}), indent=2)


def _print_table(file: Path, outcome: Outcome, scenario: Scenario) -> None:
    table = Table(title=f"{file.name}: what the rules would have done", title_justify="left")
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("of all requests", justify="right")

    def line(name: str, count: int, *, share: bool = True, section: bool = False) -> None:
        part = f"{count / outcome.requests:.2%}" if share else ""
        table.add_row(name, f"{count:,}", part, end_section=section)

    line("requests", outcome.requests)
    line("booked", outcome.booked, section=True)
    for reason, count in outcome.refused.items():
        line(f"refused: {reason}", count)
    line("refused in all", sum(outcome.refused.values()), section=True)
    line("booked and picked up", outcome.picked_up)
    line("booked and no-show", outcome.no_shows, section=True)
    line("persons", outcome.persons, share=False)
    line("persons suspended", outcome.persons_suspended, share=False)
    line("hospitals", outcome.hospitals, share=False)
    line("clinic sessions", outcome.clinic_sessions, share=False)
    console = Console()
    console.print(table)
    for changed in _changes(scenario):
        console.print(f"Not the default: {changed}", highlight=False)


def _changes(scenario: Scenario) -> list[str]:
    """Return the numbers in which a scenario differs from the default."""
    given = msgspec.to_builtins(scenario)
    usual = msgspec.to_builtins(Scenario())
    changed = [
        f"{part}.{name} = {value}"
        for part in ("policy", "hospital")
        for name, value in given[part].items()
        if value != usual[part][name]
    ]
    return changed + ([] if scenario.capacity is None else [f"capacity = {scenario.capacity}"])


@contextmanager
def _shown(total: int) -> Iterator[Report]:
    """Show a progress bar on a terminal's standard error; the result is on standard output."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("requests", total=total)
        yield lambda answered: bar.advance(task, answered)
