"""The platform's policies with the dates from which they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.policies import CANCEL_CHANNELS, DatedPolicy
from guahao.store.kernel.db import Tx

_NUMBERS = (
    *("horizon_months", "per_day", "per_short_window", "short_window_days"),
    *("per_long_window", "long_window_months"),
    *("first_suspension_no_shows", "first_suspension_months"),
    *("second_suspension_no_shows", "second_suspension_months"),
    "unchecked_live_bookings",
    *("review_bookings", "review_cancellations", "review_days"),
)
_TIMES = ("quiet_from", "quiet_until")
_PLAIN = (*_NUMBERS, *_TIMES, "unchecked_may_book_experts")
_COLUMNS = ", ".join((*_PLAIN, "patient_may_cancel"))
_PLACES = ", ".join(["%s"] * (len(_PLAIN) + 1))


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy with its date, who decided it, when and why."""

    dated: DatedPolicy
    by: str
    reason: str
    decided_at: datetime


async def closed_until(tx: Tx) -> date:
    """The last day for which somebody has asked what holds: no policy begins on it any more."""
    [[day]] = await tx.rows("SELECT closed_until FROM policy_days")
    return date.fromisoformat(str(day))


async def close(tx: Tx, day: date) -> None:
    """From here on no policy can begin on the day or before; waits for whoever changes one."""
    await tx.do("UPDATE policy_days SET closed_until = %s WHERE closed_until < %s", (day, day))


async def lock(tx: Tx) -> date:
    """Whoever changes a policy waits for whoever does, or closes a day; the last one closed."""
    [[day]] = await tx.rows("SELECT closed_until FROM policy_days FOR NO KEY UPDATE")
    return date.fromisoformat(str(day))


async def begun(tx: Tx, day: date) -> list[DatedPolicy]:
    """The policies that have begun by the day, in order."""
    rows = await tx.rows(
        f"SELECT holds_from, {_COLUMNS} FROM policies WHERE holds_from <= %s ORDER BY holds_from",
        (day,),
    )
    return [_dated(row) for row in rows]


async def entries(tx: Tx) -> list[PolicyEntry]:
    """Every policy, past and to come, in order."""
    rows = await tx.rows(
        f"""
        SELECT holds_from, {_COLUMNS}, s.login, p.reason, p.decided_at
        FROM policies p JOIN staff s ON s.id = p.staff_id ORDER BY holds_from
        """
    )
    return [PolicyEntry(_dated(row[:-3]), *row[-3:]) for row in rows]


async def put(tx: Tx, dated: DatedPolicy, staff_id: int, reason: str) -> None:
    """A policy from a date on; one already kept for that very date is replaced."""
    await tx.do(
        f"""
        INSERT INTO policies (holds_from, {_COLUMNS}, staff_id, reason, decided_at)
        VALUES (%s, {_PLACES}, %s, %s, %s)
        ON CONFLICT (holds_from) DO UPDATE SET ({_COLUMNS}, staff_id, reason, decided_at)
            = ROW ({", ".join(f"excluded.{name}" for name in _PLAIN)},
                   excluded.patient_may_cancel, excluded.staff_id, excluded.reason,
                   excluded.decided_at)
        """,
        (dated.holds_from, *_values(dated.policy), staff_id, reason, tx.now),
    )


async def withdraw(tx: Tx, holds_from: date) -> Policy | None:
    """Remove the policy that would hold from that date; it, or None if there was none."""
    row = await tx.row(
        f"DELETE FROM policies WHERE holds_from = %s RETURNING holds_from, {_COLUMNS}",
        (holds_from,),
    )
    return None if row is None else _dated(row).policy


async def not_derived(tx: Tx, today: date) -> list[date]:
    """Policies that have begun and under which suspensions were not derived again yet."""
    rows = await tx.rows(
        """
        SELECT holds_from FROM policies
        WHERE suspensions_derived_at IS NULL AND holds_from <= %s ORDER BY holds_from
        """,
        (today,),
    )
    return [row[0] for row in rows]


async def mark_derived(tx: Tx, holds_from: Sequence[date]) -> None:
    """Suspensions now follow from these policies, too."""
    await tx.do(
        "UPDATE policies SET suspensions_derived_at = %s WHERE holds_from = ANY(%s)",
        (tx.now, list(holds_from)),
    )


async def ever_suspended(tx: Tx, after: int, limit: int) -> list[int]:
    """Patients with a suspension, past ones too, by id above `after`."""
    rows = await tx.rows(
        """
        SELECT id FROM patients WHERE suspended_until IS NOT NULL AND id > %s
        ORDER BY id LIMIT %s
        """,
        (after, limit),
    )
    return [row[0] for row in rows]


def _values(policy: Policy) -> tuple[Any, ...]:
    plain = (getattr(policy, name) for name in _PLAIN)
    return (*plain, "patient" in policy.cancel_channels)


def _dated(row: Sequence[Any]) -> DatedPolicy:
    plain = dict(zip(_PLAIN, row[1 : 1 + len(_PLAIN)], strict=True))
    policy = Policy(**plain, cancel_channels=CANCEL_CHANNELS[row[1 + len(_PLAIN)]])
    return DatedPolicy(row[0], policy)
