"""Recompute all derived data from the records, and list what disagrees.

The audit reads a single snapshot and writes nothing, so that it may run at any time. The database
compares what it can (tools.audit.queries); here every sliding window of S12 is counted, and
encrypted data is decrypted.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.records import visits_that_count_from
from guahao.rules.kernel.limits import (
    CITY_TIME,
    CODE_DIGITS,
    CODE_KEPT_DAYS,
    PATIENTS_PER_PHONE,
    Policy,
)
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.kernel.retention import RETENTIONS, days_kept
from guahao.rules.reports.scope import ReportScope
from guahao.settings import Settings
from guahao.store.fairness import swaps
from guahao.store.fairness.swaps import Swaps
from guahao.store.integration.hospital_events import EVENTS_KEPT_DAYS
from guahao.store.kernel import retention as retention_store
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault, VaultError
from guahao.store.people import erasing
from guahao.store.people.patients import person_indexes
from guahao.store.policy import policies as store_policies
from guahao.store.reports.scope import Grouping
from guahao.tools.audit import fairness
from guahao.tools.audit import queries as store
from guahao.tools.audit.queries import GaveWay

Report = Callable[[str], None]  # the next check

_CODE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
SEALED_OPENED = 100_000  # of each table at most; where there are more, a sample
_RETENTION_SLACK_DAYS = 2
_REGISTRATIONS_SHOWN = 20
_OWN_CHECKS = 13  # the checks that are not in tools.audit.queries
_SWAP_DAYS = 30


# Decided again, each with what it says and what its ids are.
_FAIRNESS = {
    "returned_places_waited": (
        fairness.wrong_returns,
        "a place that came back to a full session waited for a draw, any other was free",
        "return",
    ),
    "raises_recorded": (
        fairness.unrecorded_raises,
        "places that a raised capacity brought came by the return rule",
        "clinic session",
    ),
    "skips_have_their_reasons": (
        fairness.wrong_reasons,
        "what a draw gave as the reason of a skip was so when it was held",
        "draw",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. `ids` are the first that disagree, without personal data."""

    name: str
    clause: str
    says: str
    of: str
    examined: int
    disagreements: int
    ids: list[int]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Registrations:
    """The replaced registrations, and how many are unchecked."""

    merged: list[GaveWay]
    displaced: list[GaveWay]
    unchecked: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The findings of one snapshot, in the order of the checks."""

    at: datetime
    findings: list[Finding]
    registrations: Registrations
    swaps: Swaps  # of the last thirty days

    @property
    def clean(self) -> bool:
        """Return whether nothing disagrees."""
        return not any(finding.disagreements for finding in self.findings)


async def run(platform: Platform, *, as_json: bool = False) -> bool:
    """Audit and print a table, or JSON on standard output; return whether all is clean."""
    with _shown(len(store.CHECKS) + _OWN_CHECKS) as report:
        result = await audit(platform, report)
    if as_json:
        print(_json(result).decode())
    else:
        _print_table(result)
    return result.clean


async def audit(platform: Platform, report: Report = lambda _: None) -> Audit:
    """Check everything in one snapshot."""
    async with platform.db.snapshot() as tx:
        findings = [finding async for finding in _findings(tx, platform, report)]
        gave_way = Registrations(
            await store.merged(tx), await store.displaced(tx), await store.unchecked(tx)
        )
        today = tx.now.date()
        last_days = ReportScope(today - timedelta(days=_SWAP_DAYS - 1), today)
        by_day = await swaps.count(tx, last_days, Grouping.DAY)
        total = Swaps("", sum(r.returned for r in by_day), sum(r.rebooked for r in by_day))
        return Audit(tx.now, findings, gave_way, total)


async def _findings(tx: Tx, platform: Platform, report: Report) -> AsyncIterator[Finding]:
    first = platform.policies.known.first
    numbers = _numbers(tx, first) | _clocks(platform.settings)
    for check in store.CHECKS:
        report(check.name)
        examined = await store.size(tx, check.examined)
        count, ids = await store.disagreeing(tx, check, numbers)
        yield Finding(check.name, check.clause, check.says, check.of, examined, count, ids)
    limits = await _limits(tx, first)
    for name, says in _LIMITS.items():
        report(name)
        yield await _limit(tx, name, says, limits[name])
    report("suspensions")
    yield await _suspensions(tx, first)
    report("patients_open")
    yield await _patients_open(tx, platform.vault)
    report("accounts_open")
    yield await _accounts_open(tx, platform.vault)
    report("codes_of_eight_digits")
    yield await _codes_open(tx, platform.vault)
    report("retention")
    yield await _retention(tx, platform.settings.retention_days)
    rows = await store_policies.entries(tx)
    policies = DatedPolicies(first, tuple(row.dated for row in rows))
    for name, (decide, says, of) in _FAIRNESS.items():
        report(name)
        examined, wrong = await decide(tx, policies)
        yield Finding(name, "fairness", says, of, examined, len(wrong), wrong[: store.IDS_SHOWN])
    report("draws_verify")
    yield await _draws(tx)
    report("beacons_signed")
    examined, unsigned, note = await fairness.unsigned_draws(tx)
    says = "drand's network signed the values that draws took from it"
    yield Finding(
        "beacons_signed",
        "fairness",
        says,
        "draw",
        examined,
        len(unsigned),
        sorted(unsigned)[: store.IDS_SHOWN],
        note,
    )


async def _draws(tx: Tx) -> Finding:
    tally = _Tally()
    async for draw_id, agrees in fairness.unproven_draws(tx):
        tally.count(draw_id, agrees=agrees)
    says = "a draw's rows give the file that was published, and it verifies"
    return tally.finding("draws_verify", "fairness", says, "draw")


def _numbers(tx: Tx, policy: Policy) -> dict[str, Any]:
    """Return the parameters of the checks' statements."""
    numbers = {name: value for name, value in asdict(policy).items() if isinstance(value, int)}
    return numbers | {
        "now": tx.now,
        "today": tx.now.date(),
        "events_kept_days": EVENTS_KEPT_DAYS,
        "code_kept_days": CODE_KEPT_DAYS,
        "patients_per_phone": PATIENTS_PER_PHONE,
    }


def _clocks(settings: Settings) -> dict[str, bool]:
    """Return whether our clock is that of the writing processes, and whether theirs is real."""
    same = settings.clock_start is None
    return {"same_time": same, "real_time": same and not settings.demo}


class _Tally:
    """The count of what a check examines, and what of it disagrees."""

    def __init__(self) -> None:
        self._examined = 0
        self._disagreeing: list[int] = []

    def count(self, id: int, *, agrees: bool) -> None:
        self._examined += 1
        if not agrees:
            self._disagreeing.append(id)

    def finding(self, name: str, clause: str, says: str, of: str, note: str = "") -> Finding:
        ids = sorted(self._disagreeing)
        shown = ids[: store.IDS_SHOWN]
        return Finding(name, clause, says, of, self._examined, len(ids), shown, note)


# Sliding windows (S12), every one of them -----------------------------------------------------


_LIMITS = {
    "day_limit": "on one date",
    "seven_day_limit": "in any of the consecutive dates of the short window",
    "three_month_limit": "in any of the months of the long window",
}


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit of a policy: how many, and which windows [first, end) hold a day."""

    most: int
    windows: Callable[[int], Iterable[tuple[int, int]]]


async def _limits(tx: Tx, first: Policy) -> dict[str, dict[int, _Limit]]:
    """Return each limit by the first day of its policy, since 2000."""
    found = await store.policies(tx, first)
    ends = {
        months: await store.days_months_later(tx, months)
        for months in {policy.long_window_months for policy in found.values()}
    }
    return {
        "day_limit": {at: _Limit(one.per_day, _days(1)) for at, one in found.items()},
        "seven_day_limit": {
            at: _Limit(one.per_short_window, _days(one.short_window_days))
            for at, one in found.items()
        },
        "three_month_limit": {
            at: _Limit(one.per_long_window, _months(ends[one.long_window_months]))
            for at, one in found.items()
        },
    }


def _days(days: int) -> Callable[[int], Iterable[tuple[int, int]]]:
    return lambda day: ((start, start + days) for start in range(day - days + 1, day + 1))


def _months(ends: dict[int, int]) -> Callable[[int], Iterable[tuple[int, int]]]:
    longest = max((end - start for start, end in ends.items()), default=0)
    return lambda day: (
        (start, ends[start])
        for start in range(day - longest, day + 1)
        if ends.get(start, day) > day
    )


async def _limit(tx: Tx, name: str, says: str, limits: dict[int, _Limit]) -> Finding:
    """Check each booking, with earlier bookings, by the policy of its day of booking."""
    tally = _Tally()
    async for patient_id, made in store.counted_bookings(tx):
        agrees = all(
            any(
                _within(limit, [one.visit for one in made[: index + 1]], booking.visit)
                for limit in (limits[booking.promised], limits[booking.kept])
            )
            for index, booking in enumerate(made)
        )
        tally.count(patient_id, agrees=agrees)
    numbers = "/".join(dict.fromkeys(str(one.most) for one in limits.values()))
    return tally.finding(
        name, "S12", f"a person never had more than {numbers} bookings {says}", "patient"
    )


def _within(limit: _Limit, visits: Sequence[int], day: int) -> bool:
    """Return whether every window that holds the day is within the limit."""
    if len(visits) <= limit.most:
        return True  # too few for any window
    return all(
        sum(first <= visit < end for visit in visits) <= limit.most  # every start, on purpose
        for first, end in limit.windows(day)
    )


# Suspensions (S16), lived through day by day --------------------------------------------------


async def _suspensions(tx: Tx, first: Policy) -> Finding:
    """Check each suspension; while a policy is being applied, by the old or the new policy."""
    numbers = await store.policies(tx, first)
    today = (tx.now.date() - store.DAY_0).days
    begun = {day: _steps(policy) for day, policy in numbers.items() if day <= today}
    derived = await store.derived_policies(tx) | {0}
    applied = {day: steps for day, steps in begun.items() if day in derived}
    months = {months for steps in begun.values() for _, months in steps}
    later = await store.no_shows_months_later(tx, sorted(months))
    tally = _Tally()
    async for patient_id, until, no_shows in store.suspended(tx):
        right = {_end_of_all(no_shows, steps, later) for steps in (begun, applied)}
        tally.count(patient_id, agrees=until in right)
    says = "a person is suspended until the date that follows from the no-shows and the policies"
    return tally.finding("suspensions", "S16", says, "patient")


_Steps = tuple[tuple[int, int], tuple[int, int]]  # (no-shows, months) of each suspension


def _steps(policy: Policy) -> _Steps:
    return (
        (policy.first_suspension_no_shows, policy.first_suspension_months),
        (policy.second_suspension_no_shows, policy.second_suspension_months),
    )


def _end_of_all(
    no_shows: list[date], policies: dict[int, _Steps], later: dict[tuple[date, int], date]
) -> date | None:
    ends = [
        _end([day for day in no_shows if day.year == year], policies, which, later)
        for year in {day.year for day in no_shows}
        for which in (0, 1)
    ]
    return max((end for end in ends if end is not None), default=None)


def _end(
    days: list[date],
    policies: dict[int, _Steps],
    which: int,
    later: dict[tuple[date, int], date],
) -> date | None:
    """Replay events in order: a no-show may suspend, and a new policy may only relieve."""
    events: list[tuple[date, int, _Steps | None]] = [(day, 1, None) for day in days]
    events += [(store.DAY_0 + timedelta(days=at), 0, steps) for at, steps in policies.items()]
    seen: list[date] = []
    end: date | None = None
    by = 0  # the no-show of the year that suspended
    count, months = policies[0][which]
    for day, _, steps in sorted(events, key=lambda event: event[:2]):
        if steps is None:
            seen.append(day)
            if end is None and len(seen) >= count and months > 0:
                end, by = later[day, months], len(seen)
            continue
        count, months = steps[which]
        if end is not None:
            # The same no-show, or the later no-show at which this policy would have suspended.
            reached = len(seen) >= count and months > 0
            end = min(end, later[seen[max(by, count) - 1], months]) if reached else None
    return end


# Sealed data ----------------------------------------------------------------------------------


async def _patients_open(tx: Tx, vault: Vault) -> Finding:
    sample = await _sample(tx, "patients")
    tally = _Tally()
    sealed = store.sealed_patients(tx, sample.every, sample.rest)
    async for id, name, id_no, index, person in sealed:
        opens = _opens(vault, "patients", "name", id, name) is not None
        number = _opens(vault, "patients", "id_no", id, id_no)
        found = (
            number is not None
            and index in vault.indexes("id_no", number)
            and person in person_indexes(vault, number)
        )
        tally.count(id, agrees=opens and found)
    says = "a patient's name and document open with the key, and lead to the person"
    return tally.finding("patients_open", "S2", says, "patient", sample.note)


async def _accounts_open(tx: Tx, vault: Vault) -> Finding:
    sample = await _sample(tx, "accounts")
    tally = _Tally()
    async for id, sealed, index in store.sealed_accounts(tx, sample.every, sample.rest):
        phone = _opens(vault, "accounts", "phone", id, sealed)
        found = phone is not None and index in vault.indexes("phone", phone)
        tally.count(id, agrees=found)
    says = "an account's phone opens with the key, and is found by itself"
    return tally.finding("accounts_open", "S2", says, "account", sample.note)


async def _codes_open(tx: Tx, vault: Vault) -> Finding:
    sample = await _sample(tx, "appointments")
    tally = _Tally()
    async for id, sealed, index in store.sealed_codes(tx, sample.every, sample.rest):
        code = _opens(vault, "appointments", "code", id, sealed)
        right = code is not None and _CODE.fullmatch(code) is not None
        tally.count(id, agrees=right and index in vault.indexes("code", code or ""))
    says = "an identification code opens with the key, has eight digits, and is found by itself"
    return tally.finding("codes_of_eight_digits", "S8", says, "appointment", sample.note)


async def _retention(tx: Tx, chosen: Mapping[str, int]) -> Finding:
    """Check that nothing is older than its retention plus two nights for deleting it."""
    tally = _Tally()
    for kind in RETENTIONS:
        before = tx.now - timedelta(days=days_kept(chosen, kind) + _RETENTION_SLACK_DAYS)
        overdue = await retention_store.overdue(tx, kind, before, store.IDS_SHOWN)
        for id in overdue:
            tally.count(id, agrees=False)
        if not overdue:
            tally.count(0, agrees=True)
    due = tx.now - timedelta(days=_RETENTION_SLACK_DAYS)
    visits = visits_that_count_from(due.date())
    erased = await erasing.overdue_indexes(tx, visits, due, store.IDS_SHOWN)
    for id in erased:
        tally.count(id, agrees=False)
    if not erased:
        tally.count(0, agrees=True)
    says = "nothing is older than it is kept for: the nightly job delete_old runs"
    return tally.finding("retention", "PIPL 19", says, "row")


def _opens(vault: Vault, table: str, column: str, row: int, sealed: bytes) -> str | None:
    try:
        return vault.open(table, column, row, sealed)
    except VaultError:
        return None


@dataclass(frozen=True, slots=True)
class _Sample:
    """The rows whose id modulo `every` is `rest`, which differs each time."""

    every: int
    rest: int

    @property
    def note(self) -> str:
        return "" if self.every == 1 else f"a sample: every id that is {self.rest} mod {self.every}"


async def _sample(tx: Tx, table: str) -> _Sample:
    every = max(1, -(-await store.size(tx, table) // SEALED_OPENED))
    return _Sample(every, secrets.randbelow(every))


# The answer -----------------------------------------------------------------------------------


def _json(result: Audit) -> bytes:
    answer = {
        "clean": result.clean,
        "at": result.at,
        "checks": result.findings,
        "registrations": result.registrations,
        "swaps": {"returned": result.swaps.returned, "rebooked": result.swaps.rebooked},
    }
    return msgspec.json.format(msgspec.json.encode(answer), indent=2)


def _print_table(result: Audit) -> None:
    table = Table(title=f"Audit of {result.at:%Y-%m-%d %H:%M:%S}", title_justify="left")
    table.add_column("check")
    table.add_column("clause")
    table.add_column("examined", justify="right")
    table.add_column("disagree", justify="right")
    for one in result.findings:
        style = "red" if one.disagreements else None
        counts = (f"{one.examined:,}", f"{one.disagreements:,}")
        table.add_row(one.name, one.clause, *counts, style=style)
    console = Console()
    console.print(table)
    for one in result.findings:
        _print_remarks(console, one)
    _print_registrations(console, result.registrations)
    if result.swaps.returned:
        console.print(
            f"Swap index: {result.swaps.rebooked:,} of {result.swaps.returned:,} returned places of"
            f" full sessions were rebooked within {swaps.SECONDS} s in the last {_SWAP_DAYS} days"
            " (by hospital, channel and member of staff: /staff/reports/swaps)",
            highlight=False,
        )
    console.print("Clean: nothing disagrees." if result.clean else "Not clean.")


def _print_registrations(console: Console, found: Registrations) -> None:
    """Print the replaced registrations, which are information and no fault."""
    if found.unchecked:
        console.print(
            f"{found.unchecked:,} registrations are unchecked: a checked registration of the same"
            " person displaces them (docs/OPERATING.md)",
            highlight=False,
        )
    for title, listed in (("merged into", found.merged), ("displaced by", found.displaced)):
        if not listed:
            continue
        waiting = sum(not one.settled for one in listed)
        console.print(
            f"{len(listed):,} registrations {title} their person's current one"
            + (f", {waiting:,} to be settled" if waiting else ""),
            highlight=False,
        )
        for one in listed[:_REGISTRATIONS_SHOWN]:
            console.print(
                f"  patient {one.patient_id} {title} patient {one.person_id}"
                f" since {one.since.astimezone(CITY_TIME):%Y-%m-%d %H:%M} ({one.how})"
                + ("" if one.settled else ", to be settled"),
                highlight=False,
            )
        if len(listed) > _REGISTRATIONS_SHOWN:
            console.print("  …  all of them: --json", highlight=False)


def _print_remarks(console: Console, finding: Finding) -> None:
    if finding.note:
        console.print(f"{finding.name}: {finding.note}", highlight=False)
    if finding.disagreements:
        ids = ", ".join(map(str, finding.ids))
        more = ", …" if finding.disagreements > len(finding.ids) else ""
        console.print(
            f"[red]{finding.name}[/red] does not hold: {finding.says}.\n"
            f"  {finding.of}: {ids}{more}",
            highlight=False,
        )


@contextmanager
def _shown(checks: int) -> Iterator[Report]:
    """Show a progress bar on standard error, because the result is on standard output."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=checks)
        yield lambda name: bar.update(task, advance=1, description=name)
