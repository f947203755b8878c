"""What `guahao doctor` says of each fact: well or not, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from guahao.rules.operations.facts import (
    Backup,
    Facts,
    HospitalQueue,
    Replication,
    ServerUse,
    TaskRun,
    WaitingMessages,
    Workers,
)
from guahao.rules.operations.schedules import SCHEDULES

MINUTE, HOUR = 60, 3600
MIB, GIB = 1 << 20, 1 << 30

STANDBY_BEHIND_BYTES = 64 * MIB
STANDBY_LAG_SECONDS = 10
CONNECTIONS_WARNING, CONNECTIONS_FAILED = 0.80, 0.95  # of what the server allows
SLOT_WARNING_BYTES, SLOT_FAILED_BYTES = 1 * GIB, 10 * GIB
WAL_WARNING_BYTES = 20 * GIB
# People wait for what expires; what else is late is still true tomorrow.
URGENT_KINDS = frozenset({"otp", "call_code", "move_code"})
URGENT_WARNING_SECONDS, URGENT_FAILED_SECONDS = 30, 2 * MINUTE
MESSAGE_WARNING_SECONDS, MESSAGE_FAILED_SECONDS = 2 * MINUTE, 15 * MINUTE
HOSPITAL_WARNING_SECONDS = 10 * MINUTE
BACKUP_WARNING_SECONDS, BACKUP_FAILED_SECONDS = 26 * HOUR, 50 * HOUR
VERIFIED_WARNING_SECONDS, VERIFIED_FAILED_SECONDS = 50 * HOUR, 8 * 24 * HOUR
CALENDAR_WARNING_DAYS = 45  # the State Council announces a year in November
WITNESS_WARNING_DAYS = 30  # a keeper makes and publishes the next chain
WORKERS_A_PROCESS = 3  # of procrastinate's, each with a heartbeat (worker.py)

_LISTED = 5
_RUNBOOKS = "docs/operators"

Figure = int | float | str | None


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"  # could not be checked


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of a check; `says` names the runbook where something is to be done."""

    name: str
    state: State
    says: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a deployment promised of itself."""

    standbys: int = 0
    disk_free_percent: int = 15
    clock_tolerance_seconds: float = 2
    is_demo: bool = False


def runbook(name: str) -> str:
    """Return where a runbook stands."""
    return f"{_RUNBOOKS}/{name}.md"


def exit_status(checks: Sequence[Check]) -> int:
    """Return 0: all is well, 1: warnings, 2: something failed, 3: the database is not reached."""
    states = {check.name: check.state for check in checks}
    if states.get("database") is State.FAILED:
        return 3
    if State.FAILED in states.values():
        return 2
    return 0 if set(states.values()) <= {State.OK} else 1


def unknown(name: str, why: str) -> Check:
    """Return the outcome of what could not be checked."""
    return Check(name, State.UNKNOWN, f"Could not be checked: {why}.")


def check_facts(facts: Facts, expected: Expected) -> list[Check]:
    """Judge all facts that SQL measured."""
    return [
        check_primary(facts.replication),
        check_standby(facts.replication, expected),
        check_connections(facts.server),
        check_slots(facts.server),
        check_server_disk(facts.server),
        check_workers(facts.workers),
        check_tasks(facts.tasks),
        check_messages(facts.undelivered),
        check_hospitals(facts.hospitals),
        check_dead_letters(facts.hospitals, facts.failed_jobs),
        check_backup(facts.backup, expected),
        check_verification(facts.verification, expected),
    ]


_UNREAD = "the database did not tell in time, or its schema is older than this program"


def check_primary(replication: Replication | None) -> Check:
    """Check whether the server can be written to."""
    if replication is None:
        return unknown("primary", _UNREAD)
    if not replication.is_primary:
        return Check(
            "primary",
            State.FAILED,
            "The database is a standby: nothing can be booked. Let GUAHAO_DATABASE_URL lead to the"
            f" primary, or promote one: {runbook('failover')}",
        )
    return Check("primary", State.OK, "The database can be written to.")


def check_standby(replication: Replication | None, expected: Expected) -> Check:
    """Check whether commits reach another machine before they are acknowledged."""
    name = "standby"
    if replication is None:
        return unknown(name, _UNREAD)
    if not replication.is_primary:
        return unknown(name, "the server is a standby itself")
    if not replication.is_visible:
        return Check(
            name,
            State.UNKNOWN,
            "Could not be checked: the database's owner may not see the standbys. A superuser runs"
            f" GRANT pg_monitor TO the owner of the database, once: {runbook('install')}",
        )
    synchronous = replication.synchronous
    behind = max((standby.behind_bytes or 0 for standby in replication.standbys), default=0)
    lag = max((standby.lag_seconds or 0 for standby in replication.standbys), default=0.0)
    figures: dict[str, Figure] = {
        "expected": expected.standbys,
        "synchronous": synchronous,
        "attached": len(replication.standbys),
        "behind_bytes": behind,
        "lag_seconds": round(lag, 3),
    }
    if synchronous == 0 and (expected.standbys or replication.asks_for_synchronous):
        return Check(
            name,
            State.FAILED,
            "No synchronous standby is attached: bookings wait, or are on one machine only. Start"
            f" the standby or attach another: {runbook('failover')}",
            figures,
        )
    if synchronous < expected.standbys:
        return Check(
            name,
            State.WARNING,
            f"{synchronous} of {expected.standbys} synchronous standbys are attached. Start the"
            f" missing one: {runbook('failover')}",
            figures,
        )
    if behind > STANDBY_BEHIND_BYTES or lag > STANDBY_LAG_SECONDS:
        return Check(
            name,
            State.WARNING,
            "A standby falls behind. Look at its disk and network before it is needed:"
            f" {runbook('failover')}",
            figures,
        )
    says = "The synchronous standby keeps up."
    if synchronous == 0:
        says = (
            "No standby is expected (GUAHAO_STANDBYS is 0): with this server's disk all is lost"
            " since the last backup."
        )
    return Check(name, State.OK, says, figures)


def check_connections(server: ServerUse | None) -> Check:
    """Check whether another process could connect."""
    name = "connections"
    if server is None:
        return unknown(name, _UNREAD)
    share = server.connections / max(server.max_connections, 1)
    figures: dict[str, Figure] = {
        "connections": server.connections,
        "max_connections": server.max_connections,
    }
    if share > CONNECTIONS_WARNING:
        return Check(
            name,
            State.FAILED if share > CONNECTIONS_FAILED else State.WARNING,
            f"{server.connections} of {server.max_connections} connections are in use. Raise"
            f" max_connections, or run fewer processes or a pooler: {runbook('install')}",
            figures,
        )
    return Check(name, State.OK, "Connections are left.", figures)


def check_slots(server: ServerUse | None) -> Check:
    """Check whether a replication slot fills the disk with write-ahead log."""
    name = "slots"
    if server is None:
        return unknown(name, _UNREAD)
    slot = max(server.slots, key=lambda slot: slot.held_bytes or 0, default=None)
    held = 0 if slot is None else slot.held_bytes or 0
    figures: dict[str, Figure] = {"slots": len(server.slots), "held_bytes": held}
    if slot is not None and held > SLOT_WARNING_BYTES:
        return Check(
            name,
            State.FAILED if held > SLOT_FAILED_BYTES else State.WARNING,
            f"The slot {slot.name} holds {held / GIB:.1f} GiB of write-ahead log"
            f" ({'active' if slot.is_active else 'nobody reads it'}). Bring its reader back or drop"
            f" it before the disk is full: {runbook('full-disk')}",
            figures,
        )
    return Check(name, State.OK, "No slot holds much write-ahead log.", figures)


def check_server_disk(server: ServerUse | None) -> Check:
    """Check how much space the database takes, as far as SQL can measure it."""
    name = "database_size"
    if server is None:
        return unknown(name, _UNREAD)
    figures: dict[str, Figure] = {
        "database_bytes": server.database_bytes,
        "wal_bytes": server.wal_bytes,
    }
    if server.wal_bytes is not None and server.wal_bytes > WAL_WARNING_BYTES:
        return Check(
            name,
            State.WARNING,
            f"The write-ahead log takes {server.wal_bytes / GIB:.1f} GiB. Find what holds it:"
            f" {runbook('full-disk')}",
            figures,
        )
    says = f"The database takes {server.database_bytes / GIB:.2f} GiB"
    wal = server.wal_bytes
    says += "." if wal is None else f", its write-ahead log {wal / GIB:.2f} GiB."
    return Check(name, State.OK, says, figures)


def check_workers(workers: Workers | None) -> Check:
    """Check whether messages are sent and sweeps run at all."""
    name = "workers"
    if workers is None:
        return unknown(name, _UNREAD)
    figures: dict[str, Figure] = {
        "alive": workers.alive,
        "processes": -(-workers.alive // WORKERS_A_PROCESS),
        "dead": workers.dead,
        "heartbeat_age_seconds": _rounded(workers.heartbeat_age),
    }
    if workers.alive == 0:
        return Check(
            name,
            State.FAILED,
            "No worker is alive: no SMS is sent, nothing is voided. Start one (systemctl start"
            f" guahao-worker): {runbook('upgrade')}",
            figures,
        )
    if workers.alive % WORKERS_A_PROCESS:
        return Check(
            name,
            State.WARNING,
            f"{workers.alive} workers are alive, which is no whole number of processes"
            f" ({WORKERS_A_PROCESS} each): one starts, drains or died. Look again in a minute, then"
            f" at its log: {runbook('upgrade')}",
            figures,
        )
    return Check(name, State.OK, "Workers are alive.", figures)


def late_tasks(tasks: Sequence[TaskRun]) -> list[str]:
    """Return the periodic tasks whose last success is too long ago.

    A task that has never run counts from when the first of all was seen.
    """
    seen = {task.name: task for task in tasks}
    since = max((task.first_age for task in tasks), default=0.0)
    late = []
    for name, schedule in SCHEDULES.items():
        task = seen.get(name)
        age = since if task is None or task.succeeded_age is None else task.succeeded_age
        if age > schedule.late_after.total_seconds():
            late.append(name)
    return late


def check_tasks(tasks: Sequence[TaskRun] | None) -> Check:
    """Check whether every periodic task runs by its schedule."""
    name = "tasks"
    if tasks is None:
        return unknown(name, _UNREAD)
    if not tasks:
        return unknown(name, "no periodic task has run yet; start a worker")
    late = late_tasks(tasks)
    failing = [
        f"{task.name} ({task.error})"
        for task in tasks
        if task.failed_age is not None
        and (task.succeeded_age is None or task.failed_age < task.succeeded_age)
    ]
    figures: dict[str, Figure] = {"late": len(late), "failing": len(failing)}
    if late:
        return Check(
            name,
            State.FAILED,
            f"Late: {_listed(late)}. See whether a worker is alive and what its log says:"
            f" {runbook('upgrade')}",
            figures,
        )
    if failing:
        return Check(
            name,
            State.WARNING,
            f"Failed at their last run: {_listed(failing)}. The worker's log says where:"
            f" {runbook('upgrade')}",
            figures,
        )
    return Check(name, State.OK, "Every periodic task runs by its schedule.", figures)


def check_messages(undelivered: Sequence[WaitingMessages] | None) -> Check:
    """Check whether messages go out on time."""
    name = "messages"
    if undelivered is None:
        return unknown(name, _UNREAD)
    late, state = [], State.OK
    for one in undelivered:
        is_urgent = one.kind in URGENT_KINDS
        warning, failed = (
            (URGENT_WARNING_SECONDS, URGENT_FAILED_SECONDS)
            if is_urgent
            else (MESSAGE_WARNING_SECONDS, MESSAGE_FAILED_SECONDS)
        )
        if one.oldest_seconds > warning:
            late.append(f"{one.kind} ({one.count}, the oldest {_age(one.oldest_seconds)})")
            state = State.WARNING if state is State.OK else state
        if one.oldest_seconds > failed:
            state = State.FAILED
    figures: dict[str, Figure] = {
        "waiting": sum(one.count for one in undelivered),
        **{f"oldest_{one.kind}_seconds": round(one.oldest_seconds, 1) for one in undelivered},
    }
    if late:
        return Check(
            name,
            state,
            f"Messages wait: {_listed(late)}. See whether a worker is alive and whether the SMS"
            f" provider answers: {runbook('release-day')}",
            figures,
        )
    return Check(name, State.OK, "Messages go out on time.", figures)


def check_hospitals(hospitals: Sequence[HospitalQueue] | None) -> Check:
    """Check whether hospitals' systems hear of their bookings."""
    name = "hospitals"
    if hospitals is None:
        return unknown(name, _UNREAD)
    slow = [one for one in hospitals if is_behind(one)]
    figures: dict[str, Figure] = {
        "hospitals": len(hospitals),
        "behind": len(slow),
        "waiting": sum(one.waiting for one in hospitals),
        "oldest_seconds": round(max((one.oldest_seconds for one in slow), default=0.0), 1),
    }
    if slow:
        codes = [f"{one.code} ({_age(one.oldest_seconds)})" for one in slow]
        return Check(
            name,
            State.WARNING,
            f"Not told of their bookings: {_listed(codes)}. Call their IT departments:"
            f" {runbook('hospital-down')}",
            figures,
        )
    return Check(name, State.OK, "Hospitals hear of their bookings.", figures)


def is_behind(hospital: HospitalQueue) -> bool:
    """Return whether a hospital that wants to be notified is not."""
    return hospital.is_enabled and (
        not hospital.is_answering or hospital.oldest_seconds > HOSPITAL_WARNING_SECONDS
    )


def check_dead_letters(hospitals: Sequence[HospitalQueue] | None, failed_jobs: int | None) -> Check:
    """Check whether something was given up."""
    name = "dead_letters"
    if hospitals is None or failed_jobs is None:
        return unknown(name, _UNREAD)
    dead = {one.code: one.dead for one in hospitals if one.dead}
    figures: dict[str, Figure] = {"webhook_events": sum(dead.values()), "jobs": failed_jobs}
    if dead:
        return Check(
            name,
            State.WARNING,
            f"{sum(dead.values())} events were given up, of {_listed(list(dead))}. Send them again"
            f" (guahao hospital-webhook resend CODE): {runbook('hospital-down')}",
            figures,
        )
    if failed_jobs:
        return Check(
            name,
            State.WARNING,
            f"{failed_jobs} background jobs ended as failed within a week. The worker's log says"
            f" why: {runbook('upgrade')}",
            figures,
        )
    return Check(name, State.OK, "Nothing was given up.", figures)


def check_backup(backup: Backup | None, expected: Expected) -> Check:
    """Check whether there is a fresh backup."""
    return _check_runs(
        *("backup", "backup", backup, expected.is_demo),
        *(BACKUP_WARNING_SECONDS, BACKUP_FAILED_SECONDS),
        "Run guahao backup, and see whether its timer runs",
    )


def check_verification(verification: Backup | None, expected: Expected) -> Check:
    """Check whether a backup was proven by restoring it."""
    return _check_runs(
        *("backup_verified", "verified restore", verification, expected.is_demo),
        *(VERIFIED_WARNING_SECONDS, VERIFIED_FAILED_SECONDS),
        "Run guahao backup verify, and see whether its timer runs",
    )


def _check_runs(
    name: str,
    what: str,
    runs: Backup | None,
    is_demo: bool,
    warning: float,
    failed: float,
    advice: str,
) -> Check:
    if runs is None:
        return unknown(name, _UNREAD)
    age = runs.succeeded_age
    figures: dict[str, Figure] = {"age_seconds": _rounded(age), "size_bytes": runs.size_bytes}
    if age is None and is_demo and not runs.last_failed:
        return Check(name, State.OK, "A demo is not backed up.", figures)
    book = runbook("restore")
    if age is None:
        return Check(name, State.FAILED, f"There is no {what}. {advice}: {book}", figures)
    if age > warning:
        state = State.FAILED if age > failed else State.WARNING
        says = f"The last {what} is {_age(age)} old. {advice}: {book}"
        return Check(name, state, says, figures)
    if runs.last_failed:
        says = f"The last attempt failed ({runs.detail or 'without a word'}). {advice}: {book}"
        return Check(name, State.WARNING, says, figures)
    return Check(name, State.OK, f"The last {what} is {_age(age)} old.", figures)


def check_clock(ahead_seconds: float, expected: Expected) -> Check:
    """Check whether this machine's clock is the database's."""
    figures: dict[str, Figure] = {"ahead_seconds": round(ahead_seconds, 3) + 0.0}
    off, limit = abs(ahead_seconds), expected.clock_tolerance_seconds
    if off > limit / 2:
        return Check(
            "clock",
            State.FAILED if off > limit else State.WARNING,
            f"This machine's clock is {ahead_seconds:+.1f} s off the database's (more than"
            f" {limit:g} s: nothing is done). Set both by NTP, the database's first:"
            f" {runbook('install')}",
            figures,
        )
    return Check("clock", State.OK, "This machine's clock is the database's.", figures)


def check_calendar(known_days: int) -> Check:
    """Check whether the national holidays of the days that are planned are known."""
    figures: dict[str, Figure] = {"known_days": known_days}
    if known_days < CALENDAR_WARNING_DAYS:
        says = (
            f"The national holidays are known for {known_days} more days only: later sessions"
            " follow their weekdays, on holidays too. Once the next year is announced, install a"
            f" release that knows it, or correct its dates at /staff/calendar: {runbook('upgrade')}"
        )
        return Check("calendar", State.WARNING, says, figures)
    says = f"The national holidays are known for {known_days} days."
    return Check("calendar", State.OK, says, figures)


def check_witnesses(days_left: Mapping[str, int | None]) -> Check:
    """Check whether the outside witnesses of draws have values for the weeks to come."""
    name = "witnesses"
    figures: dict[str, Figure] = {"witnesses": len(days_left)}
    if not days_left:
        return Check(name, State.OK, "Draws have no outside witness.", figures)
    known = {witness: days for witness, days in days_left.items() if days is not None}
    if known:
        figures["days_left"] = min(known.values())
    ending = [
        f"{witness} ({days} days)" for witness, days in known.items() if days < WITNESS_WARNING_DAYS
    ]
    if ending:
        return Check(
            name,
            State.WARNING,
            f"The values of witnesses of draws come to their end: {_listed(ending)}. Without them"
            " draws are held with the platform's secret alone. Ask the keeper for the next chain:"
            f" {runbook('witness')}",
            figures,
        )
    untold = [witness for witness, days in days_left.items() if days is None]
    if untold:
        return Check(
            name,
            State.WARNING,
            f"How many values a witness of draws has is not known: {_listed(untold)}. Add"
            f' "values" in GUAHAO_FAIRNESS_WITNESSES: {runbook("witness")}',
            figures,
        )
    days = min(known.values())
    return Check(name, State.OK, f"Every witness of draws has values for {days} days.", figures)


def check_disk(free_bytes: int, total_bytes: int, folder: str, expected: Expected) -> Check:
    """Check whether the disk of the platform's own files has room."""
    percent = 100 * free_bytes / max(total_bytes, 1)
    figures: dict[str, Figure] = {
        "free_bytes": free_bytes,
        "total_bytes": total_bytes,
        "free_percent": round(percent, 1),
    }
    limit = expected.disk_free_percent
    if percent < limit:
        return Check(
            "disk",
            State.FAILED if percent < limit / 3 else State.WARNING,
            f"{percent:.0f} % of the disk of {folder} is free ({free_bytes / GIB:.1f} GiB). Make"
            f" room: {runbook('full-disk')}",
            figures,
        )
    return Check("disk", State.OK, f"{percent:.0f} % of the disk of {folder} is free.", figures)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _age(seconds: float) -> str:
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.0f} h"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
