"""The statements that follow from the demo's past bookings, each over all of them at once.

What differs from row to row follows from a hash of its id, so that the same city comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from guahao.store.kernel.db import Tx
from guahao.store.staff.trail import TrailHead

MESSAGES_KEPT = timedelta(days=390)
REQUESTS_KEPT = timedelta(days=98)


def _of_hundred(column: str, seed: int) -> str:
    """Return a number below 100 that follows from an id."""
    return f"(abs(hashint8extended({column}, {seed}) %% 1000) / 10.0)"


# Of ten thousand messages: most arrive, some do not, of a few nobody knows.
_MESSAGES = f"""
    INSERT INTO messages (kind, account_id, patient_id, appointment_id, state, attempts, created_at,
                          changed_at, channel)
    SELECT kind, account_id, patient_id, id,
           CASE WHEN luck < 96.5 THEN 'delivered' WHEN luck < 98.4 THEN 'failed'
                WHEN luck < 99.4 THEN 'unknown' ELSE 'expired' END,
           CASE WHEN luck < 90 THEN 1 ELSE 2 END, at,
           at + make_interval(secs => 2 + luck / 4), 'sms'
    FROM (SELECT a.id, a.patient_id, p.account_id, told.kind, told.at,
                 {_of_hundred("a.id * 8 + told.number", 1)} AS luck
          FROM appointments a JOIN patients p ON p.id = a.patient_id
          CROSS JOIN LATERAL (VALUES
              (1, 'booked', a.booked_at),
              (2, CASE WHEN a.status IN ('cancelled', 'no_show', 'stopped') THEN a.status END,
                  a.changed_at + CASE a.status WHEN 'stopped' THEN interval '5 minutes'
                                 ELSE interval '0' END),
              (3, CASE WHEN a.status NOT IN ('cancelled', 'stopped')
                            AND a.booked_at < (a.visit_date - 1 + time '17:00')
                                              AT TIME ZONE 'Asia/Shanghai'
                       THEN 'reminder' END,
                  (a.visit_date - 1 + time '18:00') AT TIME ZONE 'Asia/Shanghai')
          ) told (number, kind, at)
          WHERE p.account_id IS NOT NULL AND told.kind IS NOT NULL
            AND told.at BETWEEN %(since)s AND %(until)s) written
    ORDER BY at, id
"""
_BY_WECHAT = f"""
    INSERT INTO messages (kind, account_id, patient_id, appointment_id, state, attempts, created_at,
                          changed_at, channel, beside_id)
    SELECT m.kind, m.account_id, m.patient_id, m.appointment_id,
           CASE WHEN {_of_hundred("m.id", 2)} < 98 THEN 'delivered' ELSE 'failed' END,
           1, m.created_at, m.created_at + interval '1 second', 'wechat', m.id
    FROM messages m JOIN appointments a ON a.id = m.appointment_id AND a.channel = 'wechat'
    ORDER BY m.id
"""
_OF_ACCOUNTS = f"""
    INSERT INTO messages (kind, account_id, state, attempts, created_at, changed_at, channel)
    SELECT 'otp', id, CASE WHEN {_of_hundred("id", 3)} < 97 THEN 'delivered' ELSE 'failed' END,
           1, created_at, created_at + interval '4 seconds', 'sms'
    FROM accounts WHERE created_at BETWEEN %(since)s AND %(until)s ORDER BY id
"""
_SUSPENDED = """
    INSERT INTO messages (kind, account_id, patient_id, state, attempts, created_at, changed_at,
                          channel)
    SELECT 'suspended', p.account_id, p.id, 'delivered', 1, n.at, n.at + interval '6 seconds', 'sms'
    FROM unnest(%(patients)s::bigint[], %(at)s::timestamptz[]) n (id, at)
    JOIN patients p ON p.id = n.id
    WHERE n.at BETWEEN %(since)s AND %(until)s ORDER BY n.at, p.id
"""
# Who was not reached by any message was called by an agent, unless the visit was past already.
_CALL_TASKS = f"""
    INSERT INTO call_tasks (appointment_id, kind, message_id, visit_date, created_at, tries,
                            not_before, outcome, closed_at)
    SELECT appointment_id, kind, id, visit_date, created_at, 1 + (luck > 80)::int, created_at,
           CASE WHEN luck < 72 THEN 'reached' WHEN luck < 80 THEN 'wrong_number'
                WHEN luck < 90 THEN 'given_up' ELSE 'no_need' END,
           created_at + make_interval(mins => 20 + luck::int * 3)
    FROM (SELECT DISTINCT ON (m.appointment_id, m.kind) m.*, a.visit_date,
                 {_of_hundred("m.id", 4)} AS luck
          FROM messages m JOIN appointments a ON a.id = m.appointment_id
          WHERE m.state = 'failed' AND m.channel = 'sms' AND a.status = m.kind
            AND m.kind IN ('booked', 'cancelled', 'stopped')
            AND m.created_at < %(until)s - interval '6 hours'
            AND NOT EXISTS (SELECT FROM messages w WHERE w.beside_id = m.id
                            AND w.state = 'delivered')
          ORDER BY m.appointment_id, m.kind, m.id) lost
    ORDER BY created_at, id
    RETURNING id, appointment_id, kind, outcome, closed_at
"""
_REQUESTS = """
    INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                                  clinic_session_id, outcome, appointment_id, decided_at)
    SELECT CASE a.channel WHEN 'phone' THEN 'staff' ELSE 'account' END,
           CASE a.channel WHEN 'phone' THEN %(agent)s ELSE p.account_id END,
           'demo-' || a.id, a.patient_id, a.clinic_session_id, 'booked', a.id, a.booked_at
    FROM appointments a JOIN patients p ON p.id = a.patient_id
    WHERE p.account_id IS NOT NULL AND a.booked_at BETWEEN %(since)s AND %(until)s
      AND (a.channel <> 'phone' OR a.id = ANY(%(by_phone)s::bigint[]))
    ORDER BY a.booked_at, a.id
"""
_REFUSED = """
    INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                                  clinic_session_id, outcome, decided_at)
    SELECT 'account', p.account_id, 'demo-refused-' || n.number, p.id, n.session_id, n.outcome, n.at
    FROM unnest(%(patients)s::bigint[], %(sessions)s::bigint[], %(outcomes)s::text[],
                %(at)s::timestamptz[])
         WITH ORDINALITY n (patient_id, session_id, outcome, at, number)
    JOIN patients p ON p.id = n.patient_id
    WHERE p.account_id IS NOT NULL
"""
_STOPPED = """
    INSERT INTO stop_sessions (stop_id, clinic_session_id)
    SELECT id, clinic_session_id FROM stops WHERE clinic_session_id IS NOT NULL
"""
_STOPPED_BOOKINGS = """
    INSERT INTO stop_bookings (stop_id, appointment_id, told_at, message_id)
    SELECT s.id, a.id, s.told_at, m.id
    FROM stops s JOIN appointments a ON a.clinic_session_id = s.clinic_session_id
    LEFT JOIN messages m ON m.appointment_id = a.id AND m.kind = 'stopped' AND m.channel = 'sms'
    WHERE a.status = 'stopped'
"""
# Told until now, but for a few that went wrong; switched off, so that nothing is called.
_TOLD = """
    SELECT max(position), max(id), count(*), max(at) FROM hospital_events WHERE hospital_id = %s
"""
_WEBHOOK = """
    INSERT INTO hospital_webhooks (hospital_id, url, kinds, enabled, secret_enc, position, event_id,
                                   delivered, failed, succeeded_at, failed_at, error)
    VALUES (%s, %s, %s, false, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_DEAD_LETTERS = f"""
    INSERT INTO hospital_deliveries (event_id, hospital_id, appointment_id, kind, at, attempts,
                                     due_since, next_at, dead_at, error)
    SELECT id, hospital_id, appointment_id, kind, at, 12, at, at + interval '3 days',
           at + interval '3 days', %(error)s
    FROM hospital_events
    WHERE hospital_id = %(hospital)s AND at BETWEEN %(since)s AND %(until)s - interval '4 days'
      AND {_of_hundred("id", 7)} < 4
"""
_HEAD = "UPDATE audit_trail_head SET seq = %s, hash = %s, mac = %s"


async def add_messages(
    tx: Tx, suspended: dict[int, datetime]
) -> list[tuple[int, int, str, str, datetime]]:
    """Write every message, with what became of it, and the calls to those it did not reach.

    Return the call tasks: id, appointment, kind, outcome and when it was closed.
    """
    span = {"since": tx.now - MESSAGES_KEPT, "until": tx.now}
    await tx.do(_OF_ACCOUNTS, span)
    await tx.do(_MESSAGES, span)
    patients = {"patients": list(suspended), "at": list(suspended.values())}
    await tx.do(_SUSPENDED, span | patients)
    await tx.do(_BY_WECHAT)
    rows = await tx.rows(_CALL_TASKS, span)
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


async def add_requests(
    tx: Tx, agent_id: int, by_phone: list[int], refused: Sequence[tuple[int, int, str, datetime]]
) -> None:
    """Write the requests that are still kept: those that booked, and those refused.

    `refused`: patient, session, reason and moment of each.
    """
    span = {"since": tx.now - REQUESTS_KEPT, "until": tx.now}
    await tx.do(_REQUESTS, span | {"agent": agent_id, "by_phone": by_phone})
    patients, sessions, outcomes, at = (
        map(list, zip(*refused, strict=True)) if refused else [[]] * 4
    )
    await tx.do(
        _REFUSED, {"patients": patients, "sessions": sessions, "outcomes": outcomes, "at": at}
    )


async def add_stopped(tx: Tx) -> None:
    """Write what each stop touched."""
    await tx.do(_STOPPED)
    await tx.do(_STOPPED_BOOKINGS)


async def add_webhook(
    tx: Tx, hospital_id: int, url: str, kinds: list[str], secret: bytes, error: str
) -> None:
    """Write a webhook that has told everything until now, and its dead letters."""
    row = await tx.row(_TOLD, (hospital_id,))
    if row is None or not row[2]:
        return
    position, event_id, told, at = row
    failed = (told // 40, at, at - timedelta(hours=2), error)
    await tx.do_secret(
        _WEBHOOK, (hospital_id, url, kinds, secret, position, event_id, told, *failed)
    )
    span = {"since": tx.now - timedelta(days=40), "until": tx.now}
    await tx.do(_DEAD_LETTERS, {"hospital": hospital_id, "error": error} | span)


async def accounts_of(tx: Tx) -> dict[int, int]:
    """Return the account of every patient."""
    rows = await tx.rows("SELECT id, account_id FROM patients WHERE account_id IS NOT NULL")
    return {row[0]: row[1] for row in rows}


async def set_trail_head(tx: Tx, head: TrailHead, mac: bytes) -> None:
    """Put the end of the chain behind entries that were copied in."""
    await tx.do(_HEAD, (head.seq, head.hash, mac))
