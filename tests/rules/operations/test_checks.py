"""What doctor says of each fact, at and beyond every threshold."""

from __future__ import annotations

import pytest

from guahao.rules.operations import checks
from guahao.rules.operations.checks import Check, Expected, State, exit_status
from guahao.rules.operations.facts import (
    Backup,
    Facts,
    HospitalQueue,
    Replication,
    ReplicationSlot,
    ServerUse,
    Standby,
    TaskRun,
    WaitingMessages,
    Workers,
)
from guahao.rules.operations.schedules import SCHEDULES

OK, WARNING, FAILED, UNKNOWN = State.OK, State.WARNING, State.FAILED, State.UNKNOWN
SYNC = Standby("b", "streaming", "sync", 0, None)
QUORUM = Standby("b", "streaming", "quorum", 0, None)
ASYNC = Standby("c", "streaming", "async", 0, 0.5)
HIDDEN = Standby("b", None, None, None, None)
BEHIND = Standby("b", "streaming", "quorum", 65 * checks.MIB, None)
LATE = Standby("b", "streaming", "sync", 0, 10.5)


@pytest.mark.parametrize(
    ("standbys", "asks", "expected", "state"),
    [
        ((), False, 0, OK),
        ((), True, 0, FAILED),  # every commit waits
        ((), False, 1, FAILED),
        ((ASYNC,), False, 1, FAILED),
        ((SYNC, ASYNC), True, 1, OK),
        ((SYNC,), True, 2, WARNING),
        ((QUORUM, QUORUM), True, 2, OK),
        ((QUORUM,), True, 2, WARNING),  # the next loss stops bookings
        ((), True, 2, FAILED),
        ((HIDDEN,), True, 1, UNKNOWN),
        ((BEHIND,), True, 1, WARNING),
        ((LATE,), True, 1, WARNING),
    ],
)
def test_standbys(standbys: tuple[Standby, ...], asks: bool, expected: int, state: State) -> None:
    found = checks.check_standby(Replication(True, asks, standbys), Expected(standbys=expected))
    assert found.state is state
    assert ("docs/operators/" in found.says) is (state is not OK)


def test_a_standby_is_no_primary() -> None:
    replication = Replication(False, False, ())
    assert checks.check_primary(replication).state is FAILED
    assert checks.check_standby(replication, Expected(standbys=1)).state is UNKNOWN


@pytest.mark.parametrize(
    ("used", "held", "wal", "states"),
    [
        (80, 0, None, (OK, OK, OK)),
        (81, 2 * checks.GIB, 21 * checks.GIB, (WARNING, WARNING, WARNING)),
        (96, 11 * checks.GIB, 1, (FAILED, FAILED, OK)),
    ],
)
def test_the_server(used: int, held: int, wal: int | None, states: tuple[State, ...]) -> None:
    server = ServerUse(
        used, 100, 5, wal, (ReplicationSlot("a", True, 1), ReplicationSlot("b", False, held))
    )
    found = (
        checks.check_connections(server),
        checks.check_slots(server),
        checks.check_server_disk(server),
    )
    assert tuple(check.state for check in found) == states


@pytest.mark.parametrize(
    ("alive", "state"), [(0, FAILED), (1, WARNING), (3, OK), (5, WARNING), (6, OK)]
)
def test_workers(alive: int, state: State) -> None:
    assert checks.check_workers(Workers(alive, 2, 1.0)).state is state


def run(name: str, succeeded: float | None, failed: float | None = None) -> TaskRun:
    return TaskRun(name, 100_000, succeeded, 0.1, failed, "KeyError" if failed else "")


def test_a_task_is_late_after_two_of_its_intervals_and_some_grace() -> None:
    fresh = [run(name, 1) for name in SCHEDULES if name != "purge"]
    limit = 2 * 3600 + 300
    assert checks.check_tasks([*fresh, run("purge", limit)]).state is OK
    late = checks.check_tasks([*fresh, run("purge", limit + 1)])
    assert late.state is FAILED
    assert "Late: purge." in late.says
    assert checks.check_tasks([*fresh, run("purge", 60, 30)]).state is WARNING
    assert checks.check_tasks([*fresh, run("purge", 30, 60)]).state is OK
    assert checks.late_tasks(fresh) == ["purge"]  # it never ran, and the others have for long
    assert checks.check_tasks([]).state is UNKNOWN


def test_what_has_not_been_due_yet_is_not_late() -> None:
    new = [TaskRun("void_sweep", 30, 30, 0.1, None, "")]
    assert checks.check_tasks(new).state is OK


@pytest.mark.parametrize(
    ("kind", "oldest", "state"),
    [
        ("otp", 30, OK),
        ("otp", 31, WARNING),
        ("otp", 121, FAILED),
        ("booked", 120, OK),
        ("booked", 121, WARNING),
        ("booked", 901, FAILED),
    ],
)
def test_messages(kind: str, oldest: float, state: State) -> None:
    waiting = [WaitingMessages("reminder", 9, 1), WaitingMessages(kind, 1, oldest)]
    assert checks.check_messages(waiting).state is state


def queue(
    *, enabled: bool = True, answering: bool = True, dead: int = 0, oldest: float = 0
) -> HospitalQueue:
    return HospitalQueue("H01", enabled, answering, 1, dead, 5, 5, oldest, oldest)


@pytest.mark.parametrize(
    ("hospital", "state"),
    [
        (queue(oldest=600), OK),
        (queue(oldest=601), WARNING),
        (queue(answering=False), WARNING),
        (queue(enabled=False, answering=False, oldest=10**6), OK),
    ],
)
def test_hospitals(hospital: HospitalQueue, state: State) -> None:
    assert checks.check_hospitals([hospital]).state is state


def test_dead_letters() -> None:
    assert checks.check_dead_letters([queue()], 0).state is OK
    assert checks.check_dead_letters([queue(dead=1)], 0).state is WARNING
    assert checks.check_dead_letters([queue()], 1).state is WARNING


@pytest.mark.parametrize(
    ("hours", "failed", "state"),
    [(26, False, OK), (27, False, WARNING), (51, False, FAILED), (1, True, WARNING)],
)
def test_backups(hours: float, failed: bool, state: State) -> None:
    runs = Backup(hours * 3600, failed, "", 1)
    assert checks.check_backup(runs, Expected()).state is state


def test_a_demo_is_not_backed_up_and_production_must_be() -> None:
    none = Backup(None, False, "", None)
    assert checks.check_backup(none, Expected(is_demo=True)).state is OK
    assert checks.check_verification(none, Expected()).state is FAILED


@pytest.mark.parametrize(
    ("ahead", "state"), [(0.9, OK), (-1.1, WARNING), (2.0, WARNING), (-2.1, FAILED)]
)
def test_clocks(ahead: float, state: State) -> None:
    assert checks.check_clock(ahead, Expected(clock_tolerance_seconds=2)).state is state


@pytest.mark.parametrize(("free", "state"), [(15, OK), (14, WARNING), (5, WARNING), (4, FAILED)])
def test_disks(free: int, state: State) -> None:
    assert checks.check_disk(free, 100, "/srv", Expected(disk_free_percent=15)).state is state


def test_what_is_not_known_is_unknown_and_never_well() -> None:
    found = checks.check_facts(Facts(), Expected())
    assert {check.state for check in found} == {UNKNOWN}
    assert len({check.name for check in found}) == len(found)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({"database": OK, "disk": OK}, 0),
        ({"database": OK, "disk": UNKNOWN}, 1),
        ({"database": OK, "disk": WARNING}, 1),
        ({"database": OK, "disk": WARNING, "key": FAILED}, 2),
        ({"database": FAILED, "key": UNKNOWN, "disk": FAILED}, 3),
        ({"settings": FAILED}, 2),
    ],
)
def test_the_exit_status(states: dict[str, State], status: int) -> None:
    assert exit_status([Check(name, state, "") for name, state in states.items()]) == status
