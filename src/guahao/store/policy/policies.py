"""The platform's policies with the dates from which they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.policies import CANCEL_CHANNELS, DatedPolicy
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import names

# `per_department_and_day` is 1 by the schema; the channels are stored as whether the patient may.
_PLAIN = tuple(
    name for name in names(Policy) if name not in ("per_department_and_day", "cancel_channels")
)
_COLUMNS = (*_PLAIN, "patient_may_cancel")
_PUT = f"""
    INSERT INTO policies (holds_from, {", ".join(_COLUMNS)}, staff_id, reason, decided_at)
    VALUES (%(holds_from)s, {", ".join(f"%({name})s" for name in _COLUMNS)}, %(staff_id)s,
            %(reason)s, %(decided_at)s)
    ON CONFLICT (holds_from) DO UPDATE
    SET ({", ".join(_COLUMNS)}, staff_id, reason, decided_at)
        = ROW ({", ".join(f"excluded.{name}" for name in _COLUMNS)}, excluded.staff_id,
               excluded.reason, excluded.decided_at)
"""


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy with its date, who decided it, when and why."""

    dated: DatedPolicy
    by: str
    reason: str
    decided_at: datetime


async def days(tx: Tx) -> tuple[date, bool]:
    """Return the last day closed, and whether the city began with the fair release.

    A city that worked before there was a fair release began without (docs/decisions/0042).
    """
    [[day, fair]] = await tx.rows("SELECT closed_until, begun_fair FROM policy_days")
    return date.fromisoformat(str(day)), bool(fair)


async def closed_until(tx: Tx) -> date:
    """Return the last day for which a process has read the policy: none begins on it any more."""
    [[day]] = await tx.rows("SELECT closed_until FROM policy_days")
    return date.fromisoformat(str(day))


async def close(tx: Tx, day: date) -> None:
    """Let no policy begin on the day or before; waits for a transaction that changes one."""
    await tx.do(
        "UPDATE policy_days SET closed_until = %(day)s WHERE closed_until < %(day)s", {"day": day}
    )


async def lock(tx: Tx) -> date:
    """Lock out others who change policies or close days; return the last day closed."""
    [[day]] = await tx.rows("SELECT closed_until FROM policy_days FOR NO KEY UPDATE")
    return date.fromisoformat(str(day))


async def begun(tx: Tx, day: date) -> list[DatedPolicy]:
    """Return the policies that have begun by the day, in order."""
    return await tx.records(
        _dated,
        f"""
        SELECT holds_from, {", ".join(_COLUMNS)} FROM policies
        WHERE holds_from <= %(day)s ORDER BY holds_from
        """,
        {"day": day},
    )


async def entries(tx: Tx) -> list[PolicyEntry]:
    """Return every policy, past and to come, in order."""
    return await tx.records(
        _entry,
        f"""
        SELECT holds_from, {", ".join(_COLUMNS)}, s.login AS by, p.reason, p.decided_at
        FROM policies p JOIN staff s ON s.id = p.staff_id ORDER BY holds_from
        """,
    )


def _entry(*, by: str, reason: str, decided_at: datetime, **row: Any) -> PolicyEntry:
    return PolicyEntry(_dated(**row), by, reason, decided_at)


def _dated(*, holds_from: date, patient_may_cancel: bool, **numbers: Any) -> DatedPolicy:
    channels = CANCEL_CHANNELS[patient_may_cancel]
    return DatedPolicy(holds_from, Policy(cancel_channels=channels, **numbers))


async def put(tx: Tx, dated: DatedPolicy, staff_id: int, reason: str) -> None:
    """Save a policy from a date on, in place of one saved for that very date."""
    policy = dated.policy
    await tx.do(
        _PUT,
        {
            **{name: getattr(policy, name) for name in _PLAIN},
            "patient_may_cancel": "patient" in policy.cancel_channels,
            "holds_from": dated.holds_from,
            "staff_id": staff_id,
            "reason": reason,
            "decided_at": tx.now,
        },
    )


async def withdraw(tx: Tx, holds_from: date) -> None:
    """Delete the policy that would hold from that date."""
    await tx.do(
        "DELETE FROM policies WHERE holds_from = %(holds_from)s", {"holds_from": holds_from}
    )


async def not_derived(tx: Tx, today: date) -> list[date]:
    """Return the policies that have begun and whose suspensions were not derived again yet."""
    rows = await tx.rows(
        """
        SELECT holds_from FROM policies
        WHERE suspensions_derived_at IS NULL AND holds_from <= %(today)s ORDER BY holds_from
        """,
        {"today": today},
    )
    return [row[0] for row in rows]


async def mark_derived(tx: Tx, holds_from: Sequence[date]) -> None:
    """Record that suspensions now follow from these policies, too."""
    await tx.do(
        """
        UPDATE policies SET suspensions_derived_at = %(now)s
        WHERE holds_from = ANY(%(holds_from)s)
        """,
        {"now": tx.now, "holds_from": list(holds_from)},
    )


async def ever_suspended(tx: Tx, after: int, limit: int) -> list[int]:
    """Return the patients with a suspension, past ones too, by id above `after`."""
    rows = await tx.rows(
        """
        SELECT id FROM patients WHERE suspended_until IS NOT NULL AND id > %(after)s
        ORDER BY id LIMIT %(limit)s
        """,
        {"after": after, "limit": limit},
    )
    return [row[0] for row in rows]
