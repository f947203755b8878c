"""The call centre at a glance: calls that go on, tasks that wait, and today's outcomes."""

from __future__ import annotations

from guahao.rules.call_centre.calls import CALL_LASTS
from guahao.rules.call_centre.overview import AgentToday, CallNow, TasksWaiting
from guahao.store.kernel.db import Tx


async def calls_now(tx: Tx) -> list[CallNow]:
    """Return the calls that go on, the longest first."""
    return await tx.records(
        CallNow,
        """
        SELECT s.login, c.opened_at, c.verified_at IS NOT NULL AS is_verified
        FROM calls c JOIN staff s ON s.id = c.staff_id
        WHERE c.ended_at IS NULL AND c.opened_at > %(since)s
        ORDER BY c.opened_at
        """,
        {"since": tx.now - CALL_LASTS},
    )


async def tasks_waiting(tx: Tx) -> list[TasksWaiting]:
    """Return the open call tasks by kind, the longest waiting first."""
    return await tx.records(
        TasksWaiting,
        """
        SELECT kind, count(*)::int AS waiting, min(created_at) AS oldest,
               (count(*) FILTER (WHERE not_before <= %(now)s))::int AS due
        FROM call_tasks WHERE closed_at IS NULL GROUP BY kind ORDER BY oldest
        """,
        {"now": tx.now},
    )


async def agents_today(tx: Tx) -> list[AgentToday]:
    """Return today's calls of each agent by their outcomes, and look-ups that were refused.

    The trail holds every attempt that a limit refused, with its agent.
    """
    return await tx.records(
        AgentToday,
        """
        WITH of_call AS (
            SELECT staff_id, coalesce(result, '') AS result, count(*) AS calls
            FROM calls WHERE opened_at >= %(midnight)s GROUP BY 1, 2
        ), refused AS (
            SELECT who_id AS staff_id, count(*) AS refused FROM audit_trail
            WHERE at >= %(midnight)s AND action IN ('verify_caller', 'send_call_code')
              AND who_kind = 'staff'
              AND detail::jsonb ->> 'refused' IN ('call_too_many_wrong', 'call_codes_too_often')
            GROUP BY 1
        )
        SELECT s.login, coalesce(c.calls, 0)::int AS calls,
               coalesce(c.results, '{}') AS results, coalesce(r.refused, 0)::int AS throttled
        FROM staff s
        LEFT JOIN (SELECT staff_id, sum(calls) AS calls, jsonb_object_agg(result, calls) AS results
                   FROM of_call GROUP BY 1) c ON c.staff_id = s.id
        LEFT JOIN refused r ON r.staff_id = s.id
        WHERE c.calls IS NOT NULL OR r.refused IS NOT NULL
        ORDER BY s.login
        """,
        {"midnight": tx.now.replace(hour=0, minute=0, second=0, microsecond=0)},
    )
