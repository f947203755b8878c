"""What doctor says and counts, word for word: operators read it, monitoring stores the figures."""

from __future__ import annotations

import pytest

from guahao.rules.operations import checks
from guahao.rules.operations.checks import Check, Expected, Figure, State
from guahao.rules.operations.facts import (
    Backup,
    HospitalQueue,
    Observed,
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
MIB, GIB, MINUTE, HOUR = 1024**2, 1024**3, 60, 3600
SYNC = Standby("b", "streaming", "sync", 10, 0.25)


def test_the_thresholds() -> None:
    assert (checks.MINUTE, checks.HOUR, checks.MIB, checks.GIB) == (MINUTE, HOUR, MIB, GIB)
    assert checks.STANDBY_BEHIND_BYTES == 64 * MIB
    assert checks.STANDBY_LAG_SECONDS == 10
    assert (checks.CONNECTIONS_WARNING, checks.CONNECTIONS_FAILED) == (0.80, 0.95)
    assert (checks.SLOT_WARNING_BYTES, checks.SLOT_FAILED_BYTES) == (GIB, 10 * GIB)
    assert checks.WAL_WARNING_BYTES == 20 * GIB
    assert (checks.URGENT_WARNING_SECONDS, checks.URGENT_FAILED_SECONDS) == (30, 120)
    assert (checks.MESSAGE_WARNING_SECONDS, checks.MESSAGE_FAILED_SECONDS) == (120, 900)
    assert checks.HOSPITAL_WARNING_SECONDS == 600
    assert (checks.BACKUP_WARNING_SECONDS, checks.BACKUP_FAILED_SECONDS) == (26 * HOUR, 50 * HOUR)
    assert checks.VERIFIED_WARNING_SECONDS == 50 * HOUR
    assert checks.VERIFIED_FAILED_SECONDS == 192 * HOUR
    assert checks.WORKERS_A_PROCESS == 3
    assert Expected() == Expected(0, 15, 2, is_demo=False)


def replication(*standbys: Standby, asks: bool = True) -> Replication:
    return Replication(True, asks, standbys)


@pytest.mark.parametrize(
    ("found", "expected", "state", "behind", "lag"),
    [
        (replication(), 0, FAILED, 0, 0.0),
        (replication(asks=False), 0, OK, 0, 0.0),
        (replication(SYNC), 1, OK, 10, 0.25),
        (replication(SYNC), 2, WARNING, 10, 0.25),
        (replication(Standby("b", "streaming", "sync", 64 * MIB, 10.0)), 1, OK, 64 * MIB, 10),
        (
            replication(Standby("b", "streaming", "sync", 64 * MIB + 1, None)),
            *(1, WARNING, 64 * MIB + 1, 0),
        ),
        (replication(Standby("b", "streaming", "sync", None, 10.1)), 1, WARNING, 0, 10.1),
        # Of several standbys the last counts.
        (replication(SYNC, Standby("c", "streaming", "async", 20, 1.2534)), 1, OK, 20, 1.253),
        # A standby that is not streaming is no help.
        (replication(Standby("b", "catchup", "sync", 0, 0)), 1, FAILED, 0, 0.0),
    ],
)
def test_the_figures_of_standbys(
    found: Replication, expected: int, state: State, behind: int, lag: float
) -> None:
    check = checks.check_standby(found, Expected(standbys=expected))
    assert check.state is state
    assert check.figures == {
        "expected": expected,
        "synchronous": found.synchronous,
        "attached": len(found.standbys),
        "behind_bytes": behind,
        "lag_seconds": lag,
    }


@pytest.mark.parametrize(
    ("found", "expected", "says"),
    [
        (replication(), 1, "No synchronous standby is attached: bookings wait"),
        (replication(SYNC), 2, "1 of 2 synchronous standbys are attached."),
        (replication(SYNC), 1, "The synchronous standby keeps up."),
        (replication(SYNC), 0, "The synchronous standby keeps up."),
        (replication(asks=False), 0, "No standby is expected (GUAHAO_STANDBYS is 0)"),
        (replication(Standby("b", "streaming", "sync", 0, 99)), 1, "A standby falls behind."),
    ],
)
def test_what_is_said_of_standbys(found: Replication, expected: int, says: str) -> None:
    assert checks.check_standby(found, Expected(standbys=expected)).says.startswith(says)


def use(
    connections: int = 1,
    most: int = 100,
    database: int = 5 * GIB // 2,
    wal: int | None = None,
    slots: tuple[ReplicationSlot, ...] = (),
) -> ServerUse:
    return ServerUse(connections, most, database, wal, slots)


@pytest.mark.parametrize(
    ("connections", "most", "state"),
    [
        (80, 100, OK),
        (81, 100, WARNING),
        (95, 100, WARNING),
        (96, 100, FAILED),
        (0, 0, OK),
        (1, 0, FAILED),
        (2, 2, FAILED),
    ],
)
def test_connections(connections: int, most: int, state: State) -> None:
    check = checks.check_connections(use(connections, most))
    assert check.state is state
    assert check.figures == {"connections": connections, "max_connections": most}


@pytest.mark.parametrize(
    ("slots", "state", "held", "says"),
    [
        ((), OK, 0, "No slot holds much write-ahead log."),
        ((ReplicationSlot("a", True, None),), OK, 0, "No slot holds much write-ahead log."),
        (
            (ReplicationSlot("a", True, None), ReplicationSlot("b", True, 1)),
            OK,
            1,
            "No slot holds much",
        ),
        ((ReplicationSlot("a", True, GIB),), OK, GIB, "No slot holds much write-ahead log."),
        (
            (
                ReplicationSlot("a", True, 0),
                ReplicationSlot("b", True, GIB + 1),
                ReplicationSlot("c", True, None),
            ),
            *(WARNING, GIB + 1),
            "The slot b holds 1.0 GiB of write-ahead log (active).",
        ),
        (
            (ReplicationSlot("a", False, 10 * GIB),),
            *(WARNING, 10 * GIB),
            "The slot a holds 10.0 GiB of write-ahead log (nobody reads it).",
        ),
        (
            (ReplicationSlot("a", False, 10 * GIB + 1),),
            *(FAILED, 10 * GIB + 1),
            "The slot a holds 10.0 GiB of write-ahead log (nobody reads it).",
        ),
    ],
)
def test_slots(slots: tuple[ReplicationSlot, ...], state: State, held: int, says: str) -> None:
    check = checks.check_slots(use(slots=slots))
    assert check.state is state
    assert check.says.startswith(says)
    assert check.figures == {"slots": len(slots), "held_bytes": held}


@pytest.mark.parametrize(
    ("wal", "state", "says"),
    [
        (None, OK, "The database takes 2.50 GiB."),
        (0, OK, "The database takes 2.50 GiB, its write-ahead log 0.00 GiB."),
        (20 * GIB, OK, "The database takes 2.50 GiB, its write-ahead log 20.00 GiB."),
        (20 * GIB + 1, WARNING, "The write-ahead log takes 20.0 GiB."),
    ],
)
def test_the_size_of_the_database(wal: int | None, state: State, says: str) -> None:
    check = checks.check_server_disk(use(wal=wal))
    assert check.state is state
    assert check.says.startswith(says)
    assert check.figures == {"database_bytes": 5 * GIB // 2, "wal_bytes": wal}


@pytest.mark.parametrize(
    ("alive", "processes"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 2), (6, 2), (7, 3)]
)
def test_workers_are_counted_by_processes(alive: int, processes: int) -> None:
    check = checks.check_workers(Workers(alive, 2, 1.25))
    assert check.figures == {
        "alive": alive,
        "processes": processes,
        "dead": 2,
        "heartbeat_age_seconds": 1.2,
    }
    assert checks.check_workers(Workers(alive, 2, None)).figures["heartbeat_age_seconds"] is None


def run(name: str, succeeded: float | None, failed: float | None = None) -> TaskRun:
    return TaskRun(name, 10**6, succeeded, 0.1, failed, "KeyError")


FRESH = {name: run(name, 1) for name in SCHEDULES}


@pytest.mark.parametrize(
    ("changed", "state", "says", "late", "failing"),
    [
        ([], OK, "Every periodic task runs by its schedule.", 0, 0),
        ([run("purge", 10**5)], FAILED, "Late: purge.", 1, 0),
        ([run("purge", None)], FAILED, "Late: purge.", 1, 0),
        ([run("purge", 60, 59)], WARNING, "Failed at their last run: purge (KeyError).", 0, 1),
        ([run("purge", 60, 60)], OK, "Every periodic task", 0, 0),
        ([run("purge", 60, 61)], OK, "Every periodic task", 0, 0),
        ([run("purge", None, 5)], FAILED, "Late: purge.", 1, 1),
    ],
)
def test_tasks(changed: list[TaskRun], state: State, says: str, late: int, failing: int) -> None:
    tasks = [*(FRESH | {task.name: task for task in changed}).values()]
    check = checks.check_tasks(tasks)
    assert check.state is state
    assert check.says.startswith(says)
    assert check.figures == {"late": late, "failing": failing}


def test_a_task_that_never_ran_is_late_once_the_others_have_run_for_long_enough() -> None:
    young = [TaskRun("remind", first_age, 1, 0.1, None, "") for first_age in (899, 900)]
    others = [task for name, task in FRESH.items() if name not in ("remind", "void_sweep")]
    recent = [TaskRun(task.name, 10, 1, 0.1, None, "") for task in others]
    # Every five minutes: late after fifteen.
    assert checks.late_tasks([*recent, young[1]]) == []
    older = TaskRun("remind", 901, 1, 0.1, None, "")
    assert checks.late_tasks([*recent, older]) == ["void_sweep"]


def test_of_many_names_five_are_listed() -> None:
    def late(count: int) -> str:
        names = [*SCHEDULES][:count]
        tasks = [*(FRESH | {name: run(name, 10**6) for name in names}).values()]
        return checks.check_tasks(tasks).says.partition(". ")[0]

    five = "Late: wake_pushers, redeliver_urgent, redeliver, retry_stalled, carry_on_stops"
    assert late(5) == five
    assert late(6) == f"{five} and 1 more"
    assert late(8) == f"{five} and 3 more"


@pytest.mark.parametrize(
    ("waiting", "state", "says"),
    [
        ([], OK, "Messages go out on time."),
        ([WaitingMessages("booked", 3, 120)], OK, "Messages go out on time."),
        (
            [WaitingMessages("booked", 3, 120.1)],
            WARNING,
            "Messages wait: booked (3, the oldest 2 min). ",
        ),
        (
            [WaitingMessages("otp", 1, 119.4), WaitingMessages("booked", 3, 900)],
            WARNING,
            "Messages wait: otp (1, the oldest 119 s), booked (3, the oldest 15 min). ",
        ),
        # What failed stays failed, whatever comes after it.
        (
            [WaitingMessages("call_code", 1, 121), WaitingMessages("booked", 3, 130)],
            FAILED,
            "Messages wait: call_code (1, the oldest 2 min), booked (3, the oldest 2 min). ",
        ),
        ([WaitingMessages("move_code", 1, 31)], WARNING, "Messages wait: move_code"),
        (
            [WaitingMessages("booked", 1, 7199)],
            FAILED,
            "Messages wait: booked (1, the oldest 120 min)",
        ),
        ([WaitingMessages("booked", 1, 7200)], FAILED, "Messages wait: booked (1, the oldest 2 h)"),
    ],
)
def test_messages(waiting: list[WaitingMessages], state: State, says: str) -> None:
    check = checks.check_messages(waiting)
    assert check.state is state
    assert check.says.startswith(says)
    oldest: dict[str, Figure] = {
        f"oldest_{kind.kind}_seconds": kind.oldest_seconds for kind in waiting
    }
    assert check.figures == {"waiting": sum(kind.count for kind in waiting)} | oldest


def test_ages_are_counted_to_a_tenth_of_a_second() -> None:
    check = checks.check_messages([WaitingMessages("booked", 1, 5.26)])
    assert check.figures["oldest_booked_seconds"] == 5.3
    assert checks.check_backup(Backup(5.26, False, "", 1), Expected()).figures["age_seconds"] == 5.3
    slow = HospitalQueue("H01", True, True, 1, 0, 0, 0, 601.26, 0)
    assert checks.check_hospitals([slow]).figures["oldest_seconds"] == 601.3


def queue(
    code: str, waiting: int = 0, oldest: float = 0, *, dead: int = 0, answering: bool = True
) -> HospitalQueue:
    return HospitalQueue(code, True, answering, waiting, dead, 5, 5, oldest, oldest)


def test_hospitals_that_are_not_told_of_their_bookings() -> None:
    queues = [queue("H01", 2, 600), queue("H02", 3, 601), queue("H03", 4, 5, answering=False)]
    check = checks.check_hospitals(queues)
    assert check.state is WARNING
    assert check.says.startswith("Not told of their bookings: H02 (10 min), H03 (5 s). ")
    assert check.figures == {"hospitals": 3, "behind": 2, "waiting": 9, "oldest_seconds": 601}
    well = checks.check_hospitals(queues[:1])
    assert well.says == "Hospitals hear of their bookings."
    assert well.figures == {"hospitals": 1, "behind": 0, "waiting": 2, "oldest_seconds": 0.0}


@pytest.mark.parametrize(
    ("dead", "jobs", "state", "says"),
    [
        ((0, 0), 0, OK, "Nothing was given up."),
        ((2, 1), 0, WARNING, "3 events were given up, of H01, H02. "),
        ((0, 1), 4, WARNING, "1 events were given up, of H02. "),
        ((0, 0), 4, WARNING, "4 background jobs ended as failed within a week. "),
    ],
)
def test_what_was_given_up(dead: tuple[int, int], jobs: int, state: State, says: str) -> None:
    queues = [queue("H01", dead=dead[0]), queue("H02", dead=dead[1])]
    check = checks.check_dead_letters(queues, jobs)
    assert check.state is state
    assert check.says.startswith(says)
    assert check.figures == {"webhook_events": sum(dead), "jobs": jobs}
    assert checks.check_dead_letters(None, jobs).state is UNKNOWN
    assert checks.check_dead_letters(queues, None).state is UNKNOWN


@pytest.mark.parametrize(
    ("runs", "is_demo", "state", "says"),
    [
        (Backup(None, False, "", None), True, OK, "A demo is not backed up."),
        (Backup(None, True, "disk full", None), True, FAILED, "There is no backup. Run guahao"),
        (Backup(None, False, "", None), False, FAILED, "There is no backup. Run guahao"),
        (Backup(60, False, "", 7), True, OK, "The last backup is 60 s old."),
        (Backup(119, False, "", 7), True, OK, "The last backup is 119 s old."),
        (Backup(120, False, "", 7), True, OK, "The last backup is 2 min old."),
        (Backup(26 * HOUR, False, "", 7), False, OK, "The last backup is 26 h old."),
        (Backup(26 * HOUR + 1, False, "", 7), False, WARNING, "The last backup is 26 h old. Run"),
        (Backup(50 * HOUR, False, "", 7), False, WARNING, "The last backup is 50 h old. Run"),
        (Backup(50 * HOUR + 1, False, "", 7), False, FAILED, "The last backup is 50 h old. Run"),
        (Backup(60, True, "disk full", 7), False, WARNING, "The last attempt failed (disk full)."),
        (Backup(60, True, "", 7), False, WARNING, "The last attempt failed (without a word)."),
    ],
)
def test_backups(runs: Backup, is_demo: bool, state: State, says: str) -> None:
    check = checks.check_backup(runs, Expected(is_demo=is_demo))
    assert check.state is state
    assert check.says.startswith(says)
    assert check.figures == {"age_seconds": runs.succeeded_age, "size_bytes": runs.size_bytes}


@pytest.mark.parametrize(
    ("hours", "state"), [(50, OK), (50.1, WARNING), (192, WARNING), (192.1, FAILED)]
)
def test_a_backup_is_restored_every_other_day(hours: float, state: State) -> None:
    runs = Backup(hours * HOUR, False, "", 7)
    assert checks.check_verification(runs, Expected()).state is state


@pytest.mark.parametrize(
    ("ahead", "state", "figure"),
    [
        (0.0, OK, 0.0),
        (1.0, OK, 1.0),
        (-1.0004, WARNING, -1.0),
        (1.5, WARNING, 1.5),
        (2.0, WARNING, 2.0),
        (-2.0006, FAILED, -2.001),
    ],
)
def test_clocks(ahead: float, state: State, figure: float) -> None:
    check = checks.check_clock(ahead, Expected(clock_tolerance_seconds=2))
    assert (check.state, check.figures) == (state, {"ahead_seconds": figure})
    if state is not OK:
        assert check.says.startswith(f"This machine's clock is {ahead:+.1f} s off the database's")


def test_a_clock_is_never_minus_nothing_ahead() -> None:
    assert str(checks.check_clock(-0.0001, Expected()).figures["ahead_seconds"]) == "0.0"


@pytest.mark.parametrize(
    ("free", "total", "state", "percent"),
    [
        (15 * GIB, 100 * GIB, OK, 15.0),
        (15 * GIB - GIB // 8, 100 * GIB, WARNING, 14.9),
        (5 * GIB, 100 * GIB, WARNING, 5.0),
        (5 * GIB - GIB // 8, 100 * GIB, FAILED, 4.9),
        (0, 0, FAILED, 0.0),
        (1, 1, OK, 100.0),
        (1, 2, OK, 50.0),
    ],
)
def test_disks(free: int, total: int, state: State, percent: float) -> None:
    check = checks.check_disk(free, total, "/srv", Expected(disk_free_percent=15))
    assert check.state is state
    assert check.figures == {"free_bytes": free, "total_bytes": total, "free_percent": percent}
    left = f"{percent:.0f} % of the disk of /srv is free"
    room = "." if state is OK else f" ({free / GIB:.1f} GiB). Make room: docs/operators/full-disk"
    assert check.says.startswith(left + room)


def test_what_could_not_be_checked_says_why() -> None:
    assert checks.unknown("disk", "no such folder") == Check(
        "disk", UNKNOWN, "Could not be checked: no such folder."
    )
    hidden = replication(Standby("b", None, None, None, None), SYNC)
    assert "GRANT pg_monitor" in checks.check_standby(hidden, Expected(standbys=1)).says


def test_at_first_nothing_is_known() -> None:
    assert Observed() == Observed(facts=None, taken_at=0.0)
