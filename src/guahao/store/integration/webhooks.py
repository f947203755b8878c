"""Hospitals' webhooks: address, cursor, deliveries that wait, and dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guahao.rules.booking.order_no import order_no
from guahao.store.integration.hospital_events import EventCursor, newest
from guahao.store.kernel.db import Tx, recordset
from guahao.store.kernel.vault import Vault

_IS_FIRST = """
    NOT EXISTS (SELECT FROM hospital_deliveries b
                WHERE b.hospital_id = d.hospital_id AND b.appointment_id = d.appointment_id
                  AND b.dead_at IS NULL AND b.event_id < d.event_id)
"""
_DUE = f"""
    SELECT d.event_id, d.appointment_id, d.kind, d.at, d.attempts, d.due_since
    FROM hospital_deliveries d
    WHERE d.hospital_id = %(hospital_id)s AND d.dead_at IS NULL
      AND (d.next_at <= %(now)s OR %(any_time)s) AND {_IS_FIRST}
    ORDER BY d.next_at, d.event_id LIMIT %(limit)s
"""
_WITH_SOMETHING_DUE = f"""
    SELECT w.hospital_id FROM hospital_webhooks w
    WHERE w.enabled AND (w.probe_at IS NULL OR w.probe_at <= %(now)s)
      AND (EXISTS (SELECT FROM hospital_events e
                   WHERE e.hospital_id = w.hospital_id
                     AND (e.position, e.id) > (w.position, w.event_id)
                     AND e.position < hospital_events_settled())
           OR EXISTS (SELECT FROM hospital_deliveries d
                      WHERE d.hospital_id = w.hospital_id AND d.dead_at IS NULL
                        AND (d.next_at <= %(now)s OR w.probe_at IS NOT NULL) AND {_IS_FIRST}))
    ORDER BY w.hospital_id
"""
_SAVE_DELIVERIES = """
    INSERT INTO hospital_deliveries (event_id, hospital_id, appointment_id, kind, at, attempts,
                                     due_since, next_at, dead_at, error)
    SELECT event_id, %(hospital_id)s, appointment_id, kind, at, attempts, due_since, next_at,
           dead_at, error
    FROM json_to_recordset(%(rows)s::json)
        AS n (event_id bigint, appointment_id bigint, kind text, at timestamptz, attempts int,
              due_since timestamptz, next_at timestamptz, dead_at timestamptz, error text)
    ON CONFLICT (event_id) DO UPDATE
    SET attempts = excluded.attempts, next_at = excluded.next_at, dead_at = excluded.dead_at,
        error = excluded.error
"""
_STATES = """
    SELECT w.hospital_id, h.code, h.name, h.name_en, w.url, w.kinds, w.enabled,
           w.failures_in_row, w.probe_at, w.delivered, w.failed, w.succeeded_at, w.failed_at,
           w.error, coalesce(d.waiting, 0) AS waiting, coalesce(d.dead, 0) AS dead,
           (SELECT min(n.at) FROM (SELECT e.at FROM hospital_events e
                                   WHERE e.hospital_id = w.hospital_id
                                     AND (e.position, e.id) > (w.position, w.event_id)
                                   ORDER BY e.position, e.id LIMIT 1) n) AS oldest_unsent
    FROM hospital_webhooks w
    JOIN hospitals h ON h.id = w.hospital_id
    LEFT JOIN (SELECT hospital_id, count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
                      count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead
               FROM hospital_deliveries GROUP BY hospital_id) d ON d.hospital_id = w.hospital_id
    WHERE %(hospital_id)s::bigint IS NULL OR w.hospital_id = %(hospital_id)s
    ORDER BY h.code
"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a hospital's events are sent, and how far they were; without its secrets."""

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
class Attempt:
    """The outcome of trying a delivery: when it is retried, or dead; `error` says why."""

    delivery: Delivery
    attempts: int
    next_at: datetime
    dead_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one round changed in the state of a hospital's webhook."""

    cursor: EventCursor
    failures_in_row: int
    probe_at: datetime | None
    delivered: int
    failed: int
    error: str


@dataclass(frozen=True, slots=True)
class WebhookState:
    """The state of a hospital's webhook. `oldest_unsent`: since when the next event waits."""

    hospital_id: int
    code: str
    name: str
    name_en: str
    url: str
    kinds: list[str]
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
        """Return the order number of its appointment."""
        return order_no(self.appointment_id)


# Settings --------------------------------------------------------------------------------------


async def put(
    tx: Tx, vault: Vault, hospital_id: int, url: str, kinds: Sequence[str], secret: str
) -> bool:
    """Set a hospital's webhook; return whether it is new.

    A new one begins now, with this secret; a changed one goes on with its own, and its address
    is tried at once.
    """
    params = {"hospital_id": hospital_id, "url": url, "kinds": list(kinds)}
    changed = await tx.do(
        """
        UPDATE hospital_webhooks
        SET url = %(url)s, kinds = %(kinds)s, failures_in_row = 0, probe_at = NULL, run = run + 1
        WHERE hospital_id = %(hospital_id)s
        """,
        params,
    )
    if changed:
        return False
    now = await newest(tx)
    await tx.do_secret(
        """
        INSERT INTO hospital_webhooks (hospital_id, url, kinds, secret_enc, position, event_id)
        VALUES (%(hospital_id)s, %(url)s, %(kinds)s, %(secret)s, %(position)s, %(event_id)s)
        """,
        {
            **params,
            "secret": vault.seal("hospital_webhooks", "secret", hospital_id, secret),
            "position": now.position,
            "event_id": now.id,
        },
    )
    return True


async def replace_secret(
    tx: Tx, vault: Vault, hospital_id: int, secret: str, previous_until: datetime
) -> bool:
    """Sign with this secret from now on, and with the one before until then.

    Return False where there is no webhook.
    """
    changed = await tx.do_secret(
        """
        UPDATE hospital_webhooks
        SET previous_secret_enc = secret_enc, previous_until = %(until)s, secret_enc = %(secret)s
        WHERE hospital_id = %(hospital_id)s
        """,
        {
            "until": previous_until,
            "secret": vault.seal("hospital_webhooks", "secret", hospital_id, secret),
            "hospital_id": hospital_id,
        },
    )
    return changed > 0


async def enable(tx: Tx, hospital_id: int, *, on: bool) -> bool:
    """Send events, or hold them; return False where there is no webhook."""
    changed = await tx.do(
        """
        UPDATE hospital_webhooks
        SET enabled = %(on)s, failures_in_row = 0, probe_at = NULL, run = run + 1
        WHERE hospital_id = %(hospital_id)s
        """,
        {"on": on, "hospital_id": hospital_id},
    )
    return changed > 0


async def secrets_of(tx: Tx, vault: Vault, hospital_id: int) -> list[str]:
    """Return what to sign with: the secret, and the one before while that still holds."""
    row = await tx.secret_row(
        """
        SELECT secret_enc, CASE WHEN previous_until > %(now)s THEN previous_secret_enc END
        FROM hospital_webhooks WHERE hospital_id = %(hospital_id)s
        """,
        {"now": tx.now, "hospital_id": hospital_id},
    )
    sealed = [secret for secret in row or () if secret is not None]
    return [vault.open("hospital_webhooks", "secret", hospital_id, secret) for secret in sealed]


# Pushing ---------------------------------------------------------------------------------------


async def with_something_due(tx: Tx) -> list[int]:
    """Return the hospitals that have events to be sent now."""
    return [row[0] for row in await tx.rows(_WITH_SOMETHING_DUE, {"now": tx.now})]


async def begin_run(tx: Tx, hospital_id: int) -> int | None:
    """Begin a run, after which an earlier one changes nothing; None where it is not enabled."""
    row = await tx.row(
        """
        UPDATE hospital_webhooks SET run = run + 1
        WHERE hospital_id = %(hospital_id)s AND enabled
        RETURNING run
        """,
        {"hospital_id": hospital_id},
    )
    return row[0] if row else None


async def of_run(tx: Tx, hospital_id: int, run: int) -> Webhook | None:
    """Return the webhook, or None where the run is over: superseded, or switched off."""
    return await tx.record(
        _webhook,
        """
        SELECT hospital_id, url, kinds, enabled, position, event_id, failures_in_row, probe_at
        FROM hospital_webhooks WHERE hospital_id = %(hospital_id)s AND run = %(run)s AND enabled
        """,
        {"hospital_id": hospital_id, "run": run},
    )


def _webhook(*, kinds: Sequence[str], position: int, event_id: int, **row: Any) -> Webhook:
    return Webhook(kinds=frozenset(kinds), cursor=EventCursor(position, event_id), **row)


async def due(tx: Tx, hospital_id: int, limit: int, *, any_time: bool) -> list[Delivery]:
    """Return what is retried, the first of each appointment. `any_time`: also before its time."""
    return await tx.records(
        Delivery,
        _DUE,
        {"hospital_id": hospital_id, "now": tx.now, "any_time": any_time, "limit": limit},
    )


async def waiting_appointments(tx: Tx, hospital_id: int) -> set[int]:
    """Return the appointments with an event that waits: their later events wait behind it."""
    rows = await tx.rows(
        """
        SELECT DISTINCT appointment_id FROM hospital_deliveries
        WHERE hospital_id = %(hospital_id)s AND dead_at IS NULL
        """,
        {"hospital_id": hospital_id},
    )
    return {row[0] for row in rows}


async def give_up(tx: Tx, hospital_id: int, due_before: datetime) -> int:
    """Declare dead what has been retried since before that moment; return how many."""
    return await tx.do(
        """
        UPDATE hospital_deliveries SET dead_at = %(now)s
        WHERE hospital_id = %(hospital_id)s AND dead_at IS NULL AND due_since <= %(due_before)s
        """,
        {"now": tx.now, "hospital_id": hospital_id, "due_before": due_before},
    )


async def finish_round(tx: Tx, hospital_id: int, run: int, result: RunResult) -> bool:
    """Save the state after a round; return False where the run is over and nothing is written."""
    changed = await tx.do(
        """
        UPDATE hospital_webhooks
        SET position = %(position)s, event_id = %(event_id)s,
            failures_in_row = %(failures_in_row)s, probe_at = %(probe_at)s,
            delivered = delivered + %(delivered)s, failed = failed + %(failed)s,
            succeeded_at = CASE WHEN %(delivered)s > 0 THEN %(now)s ELSE succeeded_at END,
            failed_at = CASE WHEN %(failed)s > 0 THEN %(now)s ELSE failed_at END,
            error = CASE WHEN %(failed)s > 0 THEN %(error)s ELSE error END
        WHERE hospital_id = %(hospital_id)s AND run = %(run)s
        """,
        {
            "position": result.cursor.position,
            "event_id": result.cursor.id,
            "failures_in_row": result.failures_in_row,
            "probe_at": result.probe_at,
            "delivered": result.delivered,
            "failed": result.failed,
            "error": result.error,
            "now": tx.now,
            "hospital_id": hospital_id,
            "run": run,
        },
    )
    return changed > 0


async def save_deliveries(tx: Tx, hospital_id: int, attempts: Iterable[Attempt]) -> None:
    """Save what waits or is dead, as it is now."""
    rows = [
        {
            "event_id": attempt.delivery.event_id,
            "appointment_id": attempt.delivery.appointment_id,
            "kind": attempt.delivery.kind,
            "at": attempt.delivery.at,
            "attempts": attempt.attempts,
            "due_since": attempt.delivery.due_since,
            "next_at": attempt.next_at,
            "dead_at": attempt.dead_at,
            "error": attempt.error,
        }
        for attempt in attempts
    ]
    if rows:
        await tx.do(_SAVE_DELIVERIES, {"hospital_id": hospital_id, "rows": recordset(rows)})


async def drop_delivered(tx: Tx, event_ids: Sequence[int]) -> None:
    """Delete the deliveries of events that were delivered."""
    await tx.do(
        "DELETE FROM hospital_deliveries WHERE event_id = ANY(%(ids)s::bigint[])",
        {"ids": list(event_ids)},
    )


async def retry_now(tx: Tx, hospital_id: int) -> None:
    """Make everything due that waits for a hospital, which answers again."""
    await tx.do(
        """
        UPDATE hospital_deliveries SET next_at = %(now)s
        WHERE hospital_id = %(hospital_id)s AND dead_at IS NULL
        """,
        {"now": tx.now, "hospital_id": hospital_id},
    )


# Looking, and sending again --------------------------------------------------------------------


async def states(tx: Tx, hospital_id: int | None = None) -> list[WebhookState]:
    """Return the state of every webhook, by the hospital's code, or of one hospital's."""
    return await tx.records(WebhookState, _STATES, {"hospital_id": hospital_id})


async def dead_letters(tx: Tx, hospital_id: int, after: int, limit: int) -> list[DeadLetter]:
    """Return a hospital's dead letters by event, above `after`."""
    return await tx.records(
        DeadLetter,
        """
        SELECT event_id, appointment_id, kind, at, attempts, dead_at, error
        FROM hospital_deliveries
        WHERE hospital_id = %(hospital_id)s AND dead_at IS NOT NULL AND event_id > %(after)s
        ORDER BY event_id LIMIT %(limit)s
        """,
        {"hospital_id": hospital_id, "after": after, "limit": limit},
    )


async def send_again(tx: Tx, hospital_id: int, event_id: int | None) -> int:
    """Make one dead letter, or all, alive and due again; return how many."""
    return await tx.do(
        """
        UPDATE hospital_deliveries
        SET dead_at = NULL, attempts = 0, due_since = %(now)s, next_at = %(now)s
        WHERE hospital_id = %(hospital_id)s AND dead_at IS NOT NULL
          AND (%(event_id)s::bigint IS NULL OR event_id = %(event_id)s)
        """,
        {"now": tx.now, "hospital_id": hospital_id, "event_id": event_id},
    )


async def purge_dead(tx: Tx, before: datetime) -> int:
    """Delete what has been dead since before the moment; return how many."""
    return await tx.do(
        "DELETE FROM hospital_deliveries WHERE dead_at < %(before)s", {"before": before}
    )
