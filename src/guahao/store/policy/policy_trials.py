"""Trials of a policy: the recorded requests they replay, how far they are, what came of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from guahao.rules.booking.together import Companion
from guahao.rules.kernel.facts import Actor, BookingRequest, CountedAppointment, SessionFacts
from guahao.rules.kernel.limits import CITY_TIME, HospitalRules
from guahao.rules.policy.trying import AppointmentHistory, Recorded, TriedSession, World
from guahao.store.hospitals.directory import take_rules
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.records import columns

# No limit or suspension of a request reaches back further.
_REACH = timedelta(days=800)
_RULES = columns(HospitalRules)
_LIFE = """
    SELECT a.id, a.patient_id, a.clinic_session_id AS session_id, a.visit_date, a.hospital_id,
           a.department_id, a.booked_at, a.status, a.changed_at, e.excused_at
    FROM appointments a
    LEFT JOIN no_show_excuses e ON e.appointment_id = a.id AND e.withdrawn_at IS NULL
"""
# In three parts, one for each index.
_HISTORIES = f"""
    {_LIFE} WHERE a.patient_id = ANY(%(patients)s::bigint[]) AND a.visit_date >= %(since)s
        AND a.status IN ('booked', 'picked_up', 'no_show', 'unverified')
    UNION
    {_LIFE} WHERE a.patient_id = ANY(%(patients)s::bigint[]) AND a.visit_date >= %(since)s
        AND a.status IN ('cancelled', 'stopped')
    UNION
    {_LIFE} WHERE a.clinic_session_id = ANY(%(sessions)s::bigint[])
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
        """Return whether the trial waits or runs."""
        return self.finished_at is None and self.failed_at is None


_TRIALS = """
    SELECT t.id, s.login AS by, t.asked_at, t.holds_from, t.days, t.proposed, t.in_force, t.result,
           t.requests_done, t.requests_total, t.finished_at, t.failed_at
    FROM policy_trials t JOIN staff s ON s.id = t.staff_id
"""


async def add(
    tx: Tx, staff_id: int, holds_from: date, days: int, proposed: str, in_force: str
) -> int:
    """Add a trial that waits; return its id."""
    [[id]] = await tx.rows(
        """
        INSERT INTO policy_trials (staff_id, asked_at, holds_from, days, proposed, in_force)
        VALUES (%(staff_id)s, %(now)s, %(holds_from)s, %(days)s, %(proposed)s, %(in_force)s)
        RETURNING id
        """,
        {
            "staff_id": staff_id,
            "now": tx.now,
            "holds_from": holds_from,
            "days": days,
            "proposed": proposed,
            "in_force": in_force,
        },
    )
    return int(id)


async def one(tx: Tx, trial_id: int) -> PolicyTrial | None:
    """Return a trial, or None."""
    return await tx.record(PolicyTrial, _TRIALS + "WHERE t.id = %(id)s", {"id": trial_id})


async def latest(tx: Tx, limit: int) -> list[PolicyTrial]:
    """Return the latest trials, the newest first."""
    return await tx.records(
        PolicyTrial, _TRIALS + "ORDER BY t.id DESC LIMIT %(limit)s", {"limit": limit}
    )


async def progress(tx: Tx, trial_id: int, done: int, total: int) -> None:
    """Save how far a trial has come."""
    await tx.do(
        """
        UPDATE policy_trials SET requests_done = %(done)s, requests_total = %(total)s
        WHERE id = %(id)s
        """,
        {"done": done, "total": total, "id": trial_id},
    )


async def finish(tx: Tx, trial_id: int, result: str) -> None:
    """Save the result of a trial."""
    await tx.do(
        """
        UPDATE policy_trials SET result = %(result)s, finished_at = %(now)s, failed_at = NULL,
            requests_done = requests_total
        WHERE id = %(id)s
        """,
        {"result": result, "now": tx.now, "id": trial_id},
    )


async def fail(tx: Tx, trial_id: int) -> None:
    """Record that a trial failed."""
    await tx.do(
        "UPDATE policy_trials SET failed_at = %(now)s WHERE id = %(id)s",
        {"now": tx.now, "id": trial_id},
    )


# What is replayed ---------------------------------------------------------------------------


async def first_day(tx: Tx, since: date, most: int) -> tuple[date | None, bool]:
    """Return the day from which on the requests since then are at most so many, None without any.

    And whether there are earlier requests.
    """
    rows = await tx.rows(
        """
        SELECT min(day) FILTER (WHERE so_far <= %(most)s OR so_far = requests), min(day) FROM (
            SELECT day, sum(requests) OVER (ORDER BY day DESC) AS so_far, requests
            FROM (SELECT (decided_at AT TIME ZONE 'Asia/Shanghai')::date AS day,
                         count(*) AS requests
                  FROM booking_requests WHERE decided_at >= %(since)s GROUP BY 1) days
        ) summed
        """,
        {"most": most, "since": datetime.combine(since, datetime.min.time(), CITY_TIME)},
    )
    [[first, earliest]] = rows
    return first, first != earliest


async def world(tx: Tx, first: date) -> World:
    """Return everything about the requests from a day on."""
    requests = await _requests(tx, first)
    patient_ids = array({recorded.request.patient_id for recorded in requests})
    session_ids = array({recorded.request.session_id for recorded in requests})
    histories = await tx.records(
        _history,
        _HISTORIES,
        {"patients": patient_ids, "since": first - _REACH, "sessions": session_ids},
    )
    patients = await tx.rows(
        "SELECT id, account_id, checked_at FROM patients WHERE id = ANY(%(ids)s::bigint[])",
        {"ids": patient_ids},
    )
    return World(
        requests,
        await _sessions(tx, session_ids),
        {id: account_id for id, account_id, _ in patients},
        histories,
        await _rules(tx),
        {id: checked_at for id, _, checked_at in patients if checked_at is not None},
    )


async def _requests(tx: Tx, first: date) -> list[Recorded]:
    """Return requests in the order of their answers; of a batch, those booked first, by number."""

    def recorded(
        *,
        actor_kind: str,
        actor_id: int,
        idempotency_key: str,
        patient_id: int,
        session_id: int,
        decided_at: datetime,
        outcome: str,
        appointment_id: int | None,
    ) -> Recorded:
        actor, at = Actor(actor_kind, actor_id), decided_at.astimezone(CITY_TIME)
        request = BookingRequest(actor, idempotency_key, patient_id, session_id, "", at)
        return Recorded(request, outcome, appointment_id)

    return await tx.records(
        recorded,
        """
        SELECT actor_kind, actor_id, idempotency_key, patient_id,
               clinic_session_id AS session_id, decided_at, outcome, appointment_id
        FROM booking_requests WHERE decided_at >= %(first)s AND outcome <> %(companion)s
        ORDER BY decided_at, appointment_id NULLS LAST, actor_kind, actor_id, idempotency_key
        """,
        {
            "first": datetime.combine(first, datetime.min.time(), CITY_TIME),
            "companion": Companion.REFUSED,
        },
    )


async def _sessions(tx: Tx, session_ids: str) -> dict[int, TriedSession]:
    usual = HospitalRules()

    def tried(*, stopped_at: datetime | None, **columns: Any) -> TriedSession:
        facts = SessionFacts(booked=0, stopped=False, rules=usual, **columns)
        return TriedSession(facts, stopped_at)

    found = await tx.records(
        tried,
        """
        SELECT s.id, s.hospital_id, s.department_id, s.visit_date, s.period, s.capacity,
               s.stopped_at, s.title
        FROM clinic_sessions s JOIN departments d ON d.id = s.department_id AND d.on_platform
        WHERE s.id = ANY(%(ids)s::bigint[])
        """,
        {"ids": session_ids},
    )
    return {session.facts.id: session for session in found}


async def _rules(tx: Tx) -> dict[int, list[tuple[date, HospitalRules]]]:
    def dated(
        *, hospital_id: int, holds_from: date | None, **rules: Any
    ) -> tuple[int, date, HospitalRules]:
        return hospital_id, holds_from or date.min, take_rules(rules)

    found: defaultdict[int, list[tuple[date, HospitalRules]]] = defaultdict(list)
    for hospital_id, holds_from, rules in await tx.records(
        dated,
        f"""
        SELECT id AS hospital_id, NULL::date AS holds_from, {_RULES} FROM hospitals
        UNION ALL
        SELECT hospital_id, holds_from, {_RULES} FROM hospital_rules
        ORDER BY holds_from NULLS FIRST
        """,
    ):
        found[hospital_id].append((holds_from, rules))
    return dict(found)


def _history(
    *,
    id: int,
    patient_id: int,
    session_id: int,
    visit_date: date,
    hospital_id: int,
    department_id: int,
    booked_at: datetime,
    status: str,
    changed_at: datetime,
    excused_at: datetime | None,
) -> AppointmentHistory:
    place = CountedAppointment(visit_date, hospital_id, department_id)
    return AppointmentHistory(
        *(id, patient_id, session_id, place, booked_at),
        freed_at=changed_at if status in ("cancelled", "stopped") else None,
        no_show_at=changed_at if status == "no_show" else None,
        excused_at=excused_at if status == "no_show" else None,
    )


async def hospital_names(tx: Tx) -> dict[int, tuple[str, str]]:
    """Return each hospital's names, in Chinese and in English."""
    rows = await tx.rows("SELECT id, name, name_en FROM hospitals")
    return {row[0]: (row[1], row[2]) for row in rows}
