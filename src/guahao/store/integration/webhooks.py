"""Hospitals' webhooks: where to, how far, what waits, and the dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from guahao.rules.booking.order_no import order_no
from guahao.store.integration.hospital_events import EventCursor, newest
from guahao.store.kernel.db import Tx, recordset
from guahao.store.kernel.vault import Vault

_STATE = """
    w.hospital_id, w.url, w.kinds, w.enabled, w.position, w.event_id, w.failures_in_row, w.probe_at
"""
_IS_FIRST = """
    NOT EXISTS (SELECT FROM hospital_deliveries b
                WHERE b.hospital_id = d.hospital_id AND b.appointment_id = d.appointment_id
                  AND b.dead_at IS NULL AND b.event_id < d.event_id)
"""
_DUE = f"""
    SELECT d.event_id, d.appointment_id, d.kind, d.at, d.attempts, d.due_since
    FROM hospital_deliveries d
    WHERE d.hospital_id = %s AND d.dead_at IS NULL AND (d.next_at <= %s OR %s)
      AND {_IS_FIRST}
    ORDER BY d.next_at, d.event_id LIMIT %s
"""
_WITH_SOMETHING_DUE = f"""
    SELECT w.hospital_id FROM hospital_webhooks w
    WHERE w.enabled AND (w.probe_at IS NULL OR w.probe_at <= %s)
      AND (EXISTS (SELECT FROM hospital_events e
                   WHERE e.hospital_id = w.hospital_id
                     AND (e.position, e.id) > (w.position, w.event_id)
                     AND e.position < hospital_events_settled())
           OR EXISTS (SELECT FROM hospital_deliveries d
                      WHERE d.hospital_id = w.hospital_id AND d.dead_at IS NULL
                        AND (d.next_at <= %s OR w.probe_at IS NOT NULL) AND {_IS_FIRST}))
    ORDER BY w.hospital_id
"""
_SAVE_DELIVERIES = """
    INSERT INTO hospital_deliveries (event_id, hospital_id, appointment_id, kind, at, attempts,
                                     due_since, next_at, dead_at, error)
    SELECT event_id, %s, appointment_id, kind, at, attempts, due_since, next_at, dead_at, error
    FROM json_to_recordset(%s::json)
        AS n (event_id bigint, appointment_id bigint, kind text, at timestamptz, attempts int,
              due_since timestamptz, next_at timestamptz, dead_at timestamptz, error text)
    ON CONFLICT (event_id) DO UPDATE
    SET attempts = excluded.attempts, next_at = excluded.next_at, dead_at = excluded.dead_at,
        error = excluded.error
"""
_STANDING = """
    SELECT w.hospital_id, h.code, h.name, h.name_en, w.url, w.kinds, w.enabled,
           w.failures_in_row, w.probe_at, w.delivered, w.failed, w.succeeded_at, w.failed_at,
           w.error, coalesce(d.waiting, 0), coalesce(d.dead, 0),
           (SELECT min(n.at) FROM (SELECT e.at FROM hospital_events e
                                   WHERE e.hospital_id = w.hospital_id
                                     AND (e.position, e.id) > (w.position, w.event_id)
                                   ORDER BY e.position, e.id LIMIT 1) n)
    FROM hospital_webhooks w
    JOIN hospitals h ON h.id = w.hospital_id
    LEFT JOIN (SELECT hospital_id, count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
                      count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead
               FROM hospital_deliveries GROUP BY hospital_id) d ON d.hospital_id = w.hospital_id
    WHERE %s::bigint IS NULL OR w.hospital_id = %s
    ORDER BY h.code
"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a hospital is told, and how far it has been; without its secrets."""

    hospital_id: int
    url: str
    kinds: frozenset[str]
    enabled: bool
    cursor: EventCursor
    failures_in_row: int
    probe_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way. `attempts` so far; `due_since`: when it was to go first."""

    event_id: int
    appointment_id: int
    kind: str
    at: datetime
    attempts: int
    due_since: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a delivery: when it goes next, or dead; `error` says why."""

    delivery: Delivery
    attempts: int
    next_at: datetime
    dead_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one round changed in how a hospital stands."""

    cursor: EventCursor
    failures_in_row: int
    probe_at: datetime | None
    delivered: int
    failed: int
    error: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a hospital's webhook does. `oldest_unsent`: of the log, what is next, since when."""

    hospital_id: int
    code: str
    name: str
    name_en: str
    url: str
    kinds: tuple[str, ...]
    enabled: bool
    failures_in_row: int
    probe_at: datetime | None
    delivered: int
    failed: int
    succeeded_at: datetime | None
    failed_at: datetime | None
    error: str
    waiting: int
    dead: int
    oldest_unsent: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up."""

    event_id: int
    appointment_id: int
    kind: str
    at: datetime
    attempts: int
    dead_at: datetime
    error: str

    @property
    def order_no(self) -> str:
        """Of its appointment."""
        return order_no(self.appointment_id)


# Settings --------------------------------------------------------------------------------------


async def put(
    tx: Tx, vault: Vault, hospital_id: int, url: str, kinds: Sequence[str], secret: str
) -> bool:
    """A hospital's webhook: new, from now on, with this secret; or changed, with its own.

    Whether it is new. A changed address is tried at once.
    """
    row = await tx.row(
        "UPDATE hospital_webhooks SET url = %s, kinds = %s, failures_in_row = 0, probe_at = NULL,"
        " run = run + 1 WHERE hospital_id = %s RETURNING hospital_id",
        (url, list(kinds), hospital_id),
    )
    if row is not None:
        return False
    now = await newest(tx)
    sealed = vault.seal("hospital_webhooks", "secret", hospital_id, secret)
    await tx.do_secret(
        "INSERT INTO hospital_webhooks (hospital_id, url, kinds, secret_enc, position,"
        " event_id) VALUES (%s, %s, %s, %s, %s, %s)",
        (hospital_id, url, list(kinds), sealed, now.position, now.id),
    )
    return True


async def replace_secret(
    tx: Tx, vault: Vault, hospital_id: int, secret: str, previous_until: datetime
) -> bool:
    """From now on this secret signs; the one before as well, until then. False: no webhook."""
    sealed = vault.seal("hospital_webhooks", "secret", hospital_id, secret)
    changed = await tx.do_secret(
        "UPDATE hospital_webhooks SET previous_secret_enc = secret_enc, previous_until = %s,"
        " secret_enc = %s WHERE hospital_id = %s",
        (previous_until, sealed, hospital_id),
    )
    return changed > 0


async def enable(tx: Tx, hospital_id: int, *, on: bool) -> bool:
    """Push, or keep for later. False: no webhook."""
    changed = await tx.do(
        "UPDATE hospital_webhooks SET enabled = %s, failures_in_row = 0, probe_at = NULL,"
        " run = run + 1 WHERE hospital_id = %s",
        (on, hospital_id),
    )
    return changed > 0


async def secrets_of(tx: Tx, vault: Vault, hospital_id: int) -> list[str]:
    """What to sign with: the secret, and the one before while that still holds."""
    row = await tx.secret_row(
        "SELECT secret_enc, CASE WHEN previous_until > %s THEN previous_secret_enc END"
        " FROM hospital_webhooks WHERE hospital_id = %s",
        (tx.now, hospital_id),
    )
    sealed = [secret for secret in row or () if secret is not None]
    return [vault.open("hospital_webhooks", "secret", hospital_id, secret) for secret in sealed]


# Pushing ---------------------------------------------------------------------------------------


async def with_something_due(tx: Tx) -> list[int]:
    """Hospitals that are to be told something now."""
    return [row[0] for row in await tx.rows(_WITH_SOMETHING_DUE, (tx.now, tx.now))]


async def begin_run(tx: Tx, hospital_id: int) -> int | None:
    """The number of this run, after which an earlier one changes nothing; None: not enabled."""
    row = await tx.row(
        "UPDATE hospital_webhooks SET run = run + 1 WHERE hospital_id = %s AND enabled"
        " RETURNING run",
        (hospital_id,),
    )
    return row[0] if row else None


async def of_run(tx: Tx, hospital_id: int, run: int) -> Webhook | None:
    """The webhook, or None where the run is over: another began, or it was switched off."""
    row = await tx.row(
        f"SELECT {_STATE} FROM hospital_webhooks w"
        " WHERE w.hospital_id = %s AND w.run = %s AND w.enabled",
        (hospital_id, run),
    )
    return None if row is None else _webhook(row)


def _webhook(row: TupleRow) -> Webhook:
    hospital_id, url, kinds, enabled, position, event_id, failures_in_row, probe_at = row
    cursor = EventCursor(position, event_id)
    return Webhook(hospital_id, url, frozenset(kinds), enabled, cursor, failures_in_row, probe_at)


async def due(tx: Tx, hospital_id: int, limit: int, *, any_time: bool) -> list[Delivery]:
    """What goes again, the first of each appointment. `any_time`: also what was to wait."""
    rows = await tx.rows(_DUE, (hospital_id, tx.now, any_time, limit))
    return [Delivery(*row) for row in rows]


async def waiting_appointments(tx: Tx, hospital_id: int) -> set[int]:
    """Appointments of which an event waits: later ones wait behind it."""
    rows = await tx.rows(
        "SELECT DISTINCT appointment_id FROM hospital_deliveries"
        " WHERE hospital_id = %s AND dead_at IS NULL",
        (hospital_id,),
    )
    return {row[0] for row in rows}


async def give_up(tx: Tx, hospital_id: int, due_before: datetime) -> int:
    """What was tried since then and did not go through is dead; how many."""
    return await tx.do(
        "UPDATE hospital_deliveries SET dead_at = %s"
        " WHERE hospital_id = %s AND dead_at IS NULL AND due_since <= %s",
        (tx.now, hospital_id, due_before),
    )


async def finish_round(tx: Tx, hospital_id: int, run: int, result: RunResult) -> bool:
    """Record how the hospital stands; False where the run is over and nothing may be written."""
    changed = await tx.do(
        """
        UPDATE hospital_webhooks
        SET position = %s, event_id = %s, failures_in_row = %s, probe_at = %s,
            delivered = delivered + %s, failed = failed + %s,
            succeeded_at = CASE WHEN %s > 0 THEN %s ELSE succeeded_at END,
            failed_at = CASE WHEN %s > 0 THEN %s ELSE failed_at END,
            error = CASE WHEN %s > 0 THEN %s ELSE error END
        WHERE hospital_id = %s AND run = %s
        """,
        (
            *(result.cursor.position, result.cursor.id, result.failures_in_row, result.probe_at),
            *(result.delivered, result.failed, result.delivered, tx.now),
            *(result.failed, tx.now, result.failed, result.error),
            *(hospital_id, run),
        ),
    )
    return changed > 0


async def save_deliveries(tx: Tx, hospital_id: int, tried: Iterable[Tried]) -> None:
    """What waits or is dead, as it is now."""
    rows = [_delivery_row(one) for one in tried]
    if rows:
        await tx.do(_SAVE_DELIVERIES, (hospital_id, recordset(rows)))


def _delivery_row(one: Tried) -> dict[str, Any]:
    return {
        "event_id": one.delivery.event_id,
        "appointment_id": one.delivery.appointment_id,
        "kind": one.delivery.kind,
        "at": one.delivery.at,
        "attempts": one.attempts,
        "due_since": one.delivery.due_since,
        "next_at": one.next_at,
        "dead_at": one.dead_at,
        "error": one.error,
    }


async def drop_delivered(tx: Tx, event_ids: Sequence[int]) -> None:
    """They went through."""
    await tx.do(
        "DELETE FROM hospital_deliveries WHERE event_id = ANY(%s::bigint[])", (list(event_ids),)
    )


async def hurry(tx: Tx, hospital_id: int) -> None:
    """The hospital is back: what waited for it goes now."""
    await tx.do(
        "UPDATE hospital_deliveries SET next_at = %s WHERE hospital_id = %s AND dead_at IS NULL",
        (tx.now, hospital_id),
    )


# Looking, and sending again --------------------------------------------------------------------


async def standings(tx: Tx, hospital_id: int | None = None) -> list[Standing]:
    """How each webhook does, by the hospital's code; or that of one."""
    rows = await tx.rows(_STANDING, (hospital_id, hospital_id))
    return [Standing(*[*row[:5], tuple(row[5]), *row[6:]]) for row in rows]


async def dead_letters(tx: Tx, hospital_id: int, after: int, limit: int) -> list[DeadLetter]:
    """A hospital's dead letters by event, above `after`."""
    rows = await tx.rows(
        """
        SELECT event_id, appointment_id, kind, at, attempts, dead_at, error
        FROM hospital_deliveries
        WHERE hospital_id = %s AND dead_at IS NOT NULL AND event_id > %s
        ORDER BY event_id LIMIT %s
        """,
        (hospital_id, after, limit),
    )
    return [DeadLetter(*row) for row in rows]


async def send_again(tx: Tx, hospital_id: int, event_id: int | None) -> int:
    """One dead letter, or all, are alive and due; how many."""
    return await tx.do(
        """
        UPDATE hospital_deliveries
        SET dead_at = NULL, attempts = 0, due_since = %s, next_at = %s
        WHERE hospital_id = %s AND dead_at IS NOT NULL
          AND (%s::bigint IS NULL OR event_id = %s)
        """,
        (tx.now, tx.now, hospital_id, event_id, event_id),
    )


async def purge_dead(tx: Tx, before: datetime) -> int:
    """Forget what has been dead since before the moment; how many."""
    return await tx.do("DELETE FROM hospital_deliveries WHERE dead_at < %s", (before,))
