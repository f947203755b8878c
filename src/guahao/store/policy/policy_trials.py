"""Trials of a policy: the recorded requests they replay, how far they are, what came of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from guahao.rules.kernel.facts import Actor, BookingRequest, CountedAppointment, SessionFacts
from guahao.rules.kernel.limits import CITY_TIME, HospitalRules
from guahao.rules.policy.trying import Life, Recorded, TriedSession, World
from guahao.store.hospitals.directory import hospital_rules
from guahao.store.kernel.db import Tx, array

# No limit or suspension of a request reaches back further.
_REACH = timedelta(days=800)
_RULES = """
    cycle_days, release_time, next_day_stop_time, cancel_days_before, cancel_time,
    pickup_until_morning, pickup_until_afternoon, pickup_until_evening, checked_only
"""
_LIFE = """
    SELECT a.id, a.patient_id, a.clinic_session_id, a.visit_date, a.hospital_id, a.department_id,
           a.booked_at, a.status, a.changed_at, e.excused_at
    FROM appointments a
    LEFT JOIN no_show_excuses e ON e.appointment_id = a.id AND e.withdrawn_at IS NULL
"""
# In three parts, one for each index.
_LIVES = f"""
    {_LIFE} WHERE a.patient_id = ANY(%s::bigint[]) AND a.visit_date >= %s
        AND a.status IN ('booked', 'picked_up', 'no_show', 'unverified')
    UNION
    {_LIFE} WHERE a.patient_id = ANY(%s::bigint[]) AND a.visit_date >= %s
        AND a.status IN ('cancelled', 'stopped')
    UNION
    {_LIFE} WHERE a.clinic_session_id = ANY(%s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class PolicyTrial:
    """A trial as it stands. `proposed`, `in_force`, `result`: JSON text."""

    id: int
    by: str
    asked_at: datetime
    holds_from: date
    days: int
    proposed: str
    in_force: str
    result: str | None
    requests_done: int | None
    requests_total: int | None
    finished_at: datetime | None
    failed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.finished_at is None and self.failed_at is None


_TRIALS = """
    SELECT t.id, s.login, t.asked_at, t.holds_from, t.days, t.proposed, t.in_force, t.result,
           t.requests_done, t.requests_total, t.finished_at, t.failed_at
    FROM policy_trials t JOIN staff s ON s.id = t.staff_id
"""


async def add(
    tx: Tx, staff_id: int, holds_from: date, days: int, proposed: str, in_force: str
) -> int:
    """A trial that waits; its id."""
    [[id]] = await tx.rows(
        """
        INSERT INTO policy_trials (staff_id, asked_at, holds_from, days, proposed, in_force)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (staff_id, tx.now, holds_from, days, proposed, in_force),
    )
    return int(id)


async def one(tx: Tx, trial_id: int) -> PolicyTrial | None:
    """A trial, or None."""
    row = await tx.row(_TRIALS + "WHERE t.id = %s", (trial_id,))
    return None if row is None else PolicyTrial(*row)


async def latest(tx: Tx, limit: int) -> list[PolicyTrial]:
    """The latest trials, the newest first."""
    rows = await tx.rows(_TRIALS + "ORDER BY t.id DESC LIMIT %s", (limit,))
    return [PolicyTrial(*row) for row in rows]


async def progress(tx: Tx, trial_id: int, done: int, total: int) -> None:
    """How far it has come."""
    await tx.do(
        "UPDATE policy_trials SET requests_done = %s, requests_total = %s WHERE id = %s",
        (done, total, trial_id),
    )


async def finish(tx: Tx, trial_id: int, result: str) -> None:
    """Keep what came of it."""
    await tx.do(
        """
        UPDATE policy_trials SET result = %s, finished_at = %s, failed_at = NULL,
            requests_done = requests_total WHERE id = %s
        """,
        (result, tx.now, trial_id),
    )


async def fail(tx: Tx, trial_id: int) -> None:
    """It could not be done."""
    await tx.do("UPDATE policy_trials SET failed_at = %s WHERE id = %s", (tx.now, trial_id))


# What is replayed ---------------------------------------------------------------------------


async def first_day(tx: Tx, since: date, most: int) -> tuple[date | None, bool]:
    """From which day on the requests since then are at most so many; None if there are none.

    And whether there are earlier ones.
    """
    rows = await tx.rows(
        """
        SELECT min(day) FILTER (WHERE so_far <= %s OR so_far = requests), min(day) FROM (
            SELECT day, sum(requests) OVER (ORDER BY day DESC) AS so_far, requests
            FROM (SELECT (decided_at AT TIME ZONE 'Asia/Shanghai')::date AS day,
                         count(*) AS requests
                  FROM booking_requests WHERE decided_at >= %s GROUP BY 1) days
        ) summed
        """,
        (most, datetime.combine(since, datetime.min.time(), CITY_TIME)),
    )
    [[first, earliest]] = rows
    return first, first != earliest


async def world(tx: Tx, first: date) -> World:
    """Everything about the requests from the day on."""
    requests = await _requests(tx, first)
    patients = array({one.request.patient_id for one in requests})
    session_ids = array({one.request.session_id for one in requests})
    since = first - _REACH
    lives = await tx.rows(_LIVES, (patients, since, patients, since, session_ids))
    accounts = await tx.rows(
        "SELECT id, account_id, checked_at FROM patients WHERE id = ANY(%s::bigint[])", (patients,)
    )
    return World(
        requests,
        await _sessions(tx, session_ids),
        {row[0]: row[1] for row in accounts},
        [_life(row) for row in lives],
        await _rules(tx),
        {row[0]: row[2] for row in accounts if row[2] is not None},
    )


async def _requests(tx: Tx, first: date) -> list[Recorded]:
    """In the order of their answers: of one batch, those booked first, as they were numbered."""
    rows = await tx.rows(
        """
        SELECT actor_kind, actor_id, idempotency_key, patient_id, clinic_session_id,
               decided_at, outcome, appointment_id
        FROM booking_requests WHERE decided_at >= %s
        ORDER BY decided_at, appointment_id NULLS LAST, actor_kind, actor_id, idempotency_key
        """,
        (datetime.combine(first, datetime.min.time(), CITY_TIME),),
    )
    return [
        Recorded(
            BookingRequest(Actor(kind, actor), key, patient, session, "", at.astimezone(CITY_TIME)),
            outcome,
            appointment,
        )
        for kind, actor, key, patient, session, at, outcome, appointment in rows
    ]


async def _sessions(tx: Tx, session_ids: str) -> dict[int, TriedSession]:
    rows = await tx.rows(
        """
        SELECT s.id, s.hospital_id, s.department_id, s.visit_date, s.period, s.capacity,
               s.stopped_at, s.title
        FROM clinic_sessions s JOIN departments d ON d.id = s.department_id AND d.on_platform
        WHERE s.id = ANY(%s::bigint[])
        """,
        (session_ids,),
    )
    usual = HospitalRules()
    return {
        row[0]: TriedSession(
            SessionFacts(*[*row[:6], 0, False, usual, row[7]]),
            row[6],
        )
        for row in rows
    }


async def _rules(tx: Tx) -> dict[int, list[tuple[date, HospitalRules]]]:
    first = await tx.rows(f"SELECT id, {_RULES} FROM hospitals")
    later = await tx.rows(
        f"SELECT hospital_id, holds_from, {_RULES} FROM hospital_rules ORDER BY holds_from"
    )
    found: defaultdict[int, list[tuple[date, HospitalRules]]] = defaultdict(list)
    for row in first:
        found[row[0]].append((date.min, hospital_rules(row[1:])))
    for row in later:
        found[row[0]].append((row[1], hospital_rules(row[2:])))
    return dict(found)


def _life(row: Sequence[Any]) -> Life:
    id, patient, session, visit_date, hospital, department, made, status, changed, excused = row
    return Life(
        *(id, patient, session, CountedAppointment(visit_date, hospital, department), made),
        freed_at=changed if status in ("cancelled", "stopped") else None,
        no_show_at=changed if status == "no_show" else None,
        excused_at=excused if status == "no_show" else None,
    )


async def hospital_names(tx: Tx) -> dict[int, tuple[str, str]]:
    """Each hospital's name, and in English."""
    rows = await tx.rows("SELECT id, name, name_en FROM hospitals")
    return {row[0]: (row[1], row[2]) for row in rows}
