"""Messages to people, written in the transaction of their cause; and the demo's outbox.

A row holds ids, not words: the text is rendered from the records when it is sent. A message
waits as `queued`. A worker that claims it counts the attempt and holds it for a lease, so that
no two workers send it at once; a claim that is never recorded (a crash) ends with its lease,
and the message is sent again under the same key. `due_at` says when it may be claimed again;
the number of the attempt is the claim's fencing token: a worker whose lease has ended records
only that it did send.

Every message is an SMS. Where its account is bound to a WeChat user who follows, another row
beside it goes by that channel, with a key, a state and a job of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from guahao.rules.people.identity import valid_phone
from guahao.store.booking import rescheduling
from guahao.store.booking.appointments import appointments_by_id
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.queue import defer
from guahao.store.kernel.vault import Vault, VaultError
from guahao.store.kernel.views import AppointmentView, PatientView, SessionView
from guahao.store.messages import application_notices
from guahao.store.messages.application_notices import ApplicationNotice
from guahao.store.people import patients
from guahao.store.people.accounts import open_phone
from guahao.store.supply import replacements
from guahao.store.supply.replacements import OfferView

ATTEMPTS_MAX = 20
OFFER_KINDS = ("replacement_offered", "replacement_lapsed")
URGENT = 10  # a job's priority: a person waits for the message in front of a screen
PATIENT = -10  # a job's priority: hundreds of thousands in an evening, behind all others
# A lease must outlast the sending of what is claimed together (notices.deliver). That of a message
# which soon expires (a one-time password) is short: a person waits for it, for half a minute.
LEASE = timedelta(seconds=45)
SHORT_LEASE = timedelta(seconds=15)
SHORT_LIVED = timedelta(
    days=1
)  # short-lived messages have expired by then, and are found by their age
# How late a message's job may be before the message is found without it.
JOB_WITHIN = timedelta(seconds=30)
SHORT_JOB_WITHIN = timedelta(seconds=5)
RECEIPT_WITHIN = timedelta(days=3)  # no receipt comes later
MESSAGES_A_JOB = 64  # so that a job does not occupy the worker for long


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A claimed message with the records it is about, as they are now, in the clear.

    `to` is a phone, or an openid; None where the person is no longer reached by the channel.
    `body` is a one-time password; `attempts` includes the one just claimed.
    """

    id: int
    kind: str
    to: str | None
    language: str
    attempts: int
    created_at: datetime
    expires_at: datetime | None
    body: str | None
    appointment: AppointmentView | None
    patient: PatientView | None
    channel: str = "sms"
    declinable_until: datetime | None = None  # of a booking won in a draw
    application: ApplicationNotice | None = None
    offer: OfferView | None = None  # of a stopped booking
    replaced: SessionView | None = None  # of the booking that was given up for another


@dataclass(frozen=True, slots=True)
class UnreadableMessage:
    """A claimed message of which a record does not open with our keys."""

    id: int
    kind: str
    attempts: int


@dataclass(frozen=True, slots=True)
class LoadedMessages:
    """Claimed messages in the clear, and those that cannot be read."""

    outgoing: list[ClaimedMessage]
    unreadable: list[UnreadableMessage]


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A message that the demo's gateway "sent"."""

    to: str
    kind: str
    text: str
    sent_at: datetime


# Notifying ------------------------------------------------------------------------------------


async def notify(tx: Tx, kind: str, appointment_ids: Sequence[int]) -> dict[int, int]:
    """Notify the accounts of these appointments, in a single job; return messages by appointment.

    Patients without an account get no message.
    """
    rows = await tx.rows(
        """
        INSERT INTO messages (kind, account_id, patient_id, appointment_id, created_at, changed_at)
        SELECT %(kind)s, p.account_id, p.id, a.id, %(now)s, %(now)s
        FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE a.id = ANY(%(ids)s::bigint[]) AND p.account_id IS NOT NULL
        ORDER BY a.id
        RETURNING id, appointment_id
        """,
        {"kind": kind, "now": tx.now, "ids": array(appointment_ids)},
    )
    await defer_delivery(tx, [row[0] for row in rows])
    return {row[1]: row[0] for row in rows}


async def notify_patients(tx: Tx, kind: str, patient_ids: Sequence[int]) -> None:
    """Notify the accounts of these patients, in a single job; those without get no message."""
    rows = await tx.rows(
        """
        INSERT INTO messages (kind, account_id, patient_id, created_at, changed_at)
        SELECT %(kind)s, account_id, id, %(now)s, %(now)s
        FROM patients WHERE id = ANY(%(ids)s::bigint[]) AND account_id IS NOT NULL
        ORDER BY id
        RETURNING id
        """,
        {"kind": kind, "now": tx.now, "ids": array(patient_ids)},
    )
    await defer_delivery(tx, [row[0] for row in rows])


async def notify_accounts_once(tx: Tx, kind: str, patient_ids: Sequence[int]) -> None:
    """Notify the accounts of these patients, each of the first of its own among them."""
    rows = await tx.rows(
        """
        INSERT INTO messages (kind, account_id, patient_id, created_at, changed_at)
        SELECT DISTINCT ON (account_id) %(kind)s, account_id, id, %(now)s, %(now)s
        FROM patients WHERE id = ANY(%(ids)s::bigint[]) AND account_id IS NOT NULL
        ORDER BY account_id, id
        RETURNING id
        """,
        {"kind": kind, "now": tx.now, "ids": array(patient_ids)},
    )
    await defer_delivery(tx, [row[0] for row in rows])


async def notify_of_applications(tx: Tx, kind: str, application_ids: Sequence[int]) -> None:
    """Notify the accounts that the applications' patients have now, each account once.

    A landline hears nothing of a registration, because staff have just made it with the person.
    """
    rows = await tx.rows(
        """
        INSERT INTO messages (kind, account_id, patient_id, application_id, created_at, changed_at)
        SELECT DISTINCT ON (ap.application_id, p.account_id)
               %(kind)s, p.account_id, p.id, ap.application_id, %(now)s, %(now)s
        FROM application_patients ap
        JOIN patients p ON p.id = ap.patient_id
        JOIN accounts c ON c.id = p.account_id
        WHERE ap.application_id = ANY(%(ids)s::bigint[])
          AND NOT (%(kind)s = 'application_registered' AND c.is_landline)
        ORDER BY ap.application_id, p.account_id, ap.position
        RETURNING id
        """,
        {"kind": kind, "ids": list(application_ids), "now": tx.now},
    )
    await defer_delivery(tx, [row[0] for row in rows])


async def withdraw(tx: Tx, patient_id: int) -> None:
    """Expire a person's messages that are not sent yet."""
    await tx.do(
        """
        UPDATE messages SET state = 'expired', changed_at = %(now)s, body_enc = NULL
        WHERE patient_id = %(patient_id)s AND state = 'queued'
        """,
        {"now": tx.now, "patient_id": patient_id},
    )


async def notify_account(tx: Tx, kind: str, account_id: int, patient_id: int) -> None:
    """Notify an account of a patient who is, or was until now, its own."""
    rows = await tx.rows(
        """
        INSERT INTO messages (kind, account_id, patient_id, created_at, changed_at)
        VALUES (%(kind)s, %(account_id)s, %(patient_id)s, %(now)s, %(now)s) RETURNING id
        """,
        {"kind": kind, "account_id": account_id, "patient_id": patient_id, "now": tx.now},
    )
    await defer_delivery(tx, [row[0] for row in rows])


async def notify_phone(
    tx: Tx, vault: Vault, kind: str, phone: str, language: str, body: str, expires_at: datetime
) -> None:
    """Notify a phone that may have no account yet; not after `expires_at`."""
    new_id = await next_id(tx, "messages")
    await tx.do(
        """
        INSERT INTO messages (id, kind, to_enc, body_enc, language, expires_at,
                              created_at, changed_at)
        VALUES (%(id)s, %(kind)s, %(to_enc)s, %(body_enc)s, %(language)s, %(expires_at)s,
                %(now)s, %(now)s)
        """,
        {
            "id": new_id,
            "kind": kind,
            "to_enc": vault.seal("messages", "to", new_id, phone),
            "body_enc": vault.seal("messages", "body", new_id, body),
            "language": language,
            "expires_at": expires_at,
            "now": tx.now,
        },
    )
    await defer_delivery(tx, [new_id], priority=URGENT)


async def sessions_to_remind_of(tx: Tx, visit_date: date) -> list[int]:
    """Return the sessions of the date."""
    rows = await tx.rows(
        """
        SELECT id FROM clinic_sessions WHERE visit_date = %(visit_date)s AND settled_at IS NULL
        """,
        {"visit_date": visit_date},
    )
    return [row[0] for row in rows]


async def remind(tx: Tx, session_ids: Sequence[int], booked_before: datetime) -> int:
    """Remind of these sessions' bookings that are not reminded of yet; return how many.

    Of bookings made before `booked_before`. Once an appointment: a unique index decides.
    """
    # OFFSET 0 keeps this a lookup for each booking. Without it, and before its statistics know of
    # this evening's reminders, PostgreSQL compares every booking with every reminder. By id, so
    # that two workers do not deadlock.
    rows = await tx.rows(
        """
        INSERT INTO messages (kind, account_id, patient_id, appointment_id, created_at, changed_at)
        SELECT 'reminder', p.account_id, p.id, a.id, %(now)s, %(now)s
        FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE a.clinic_session_id = ANY(%(ids)s::bigint[])
          AND a.status = 'booked' AND a.booked_at < %(booked_before)s AND p.account_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM messages m
                          WHERE m.appointment_id = a.id AND m.kind = 'reminder'
                            AND m.channel = 'sms' OFFSET 0)
        ORDER BY a.id
        ON CONFLICT (appointment_id) WHERE kind = 'reminder' AND channel = 'sms' DO NOTHING
        RETURNING id
        """,
        {"now": tx.now, "ids": array(session_ids), "booked_before": booked_before},
    )
    await defer_delivery(tx, [row[0] for row in rows], priority=PATIENT)
    return len(rows)


async def defer_delivery(tx: Tx, message_ids: Sequence[int], priority: int = 0) -> None:
    """Queue the delivery of new messages, some in each job."""
    for start in range(0, len(message_ids), MESSAGES_A_JOB):
        await defer(
            tx,
            "deliver_messages",
            queue="notices",
            priority=priority,
            message_ids=list(message_ids[start : start + MESSAGES_A_JOB]),
        )


# Delivering ---------------------------------------------------------------------------------

# Claimed or held by a release before `due_at`, while both run: neither has written it.
_DUE = """
    CASE WHEN due_at IS NOT NULL THEN due_at <= %(now)s
         ELSE (attempts = 0 OR changed_at <= %(now)s - interval '100 seconds')
              AND coalesce(held_until <= %(now)s, true) END
"""


async def claim(tx: Tx, message_ids: Sequence[int], *, wechat: bool = False) -> list[int]:
    """Claim those of these messages that wait and are not claimed; count the attempt.

    `wechat`: notify the account's WeChat user, if one follows, beside the SMS.
    """
    rows = await tx.rows(
        f"""
        UPDATE messages
        SET attempts = attempts + 1, changed_at = %(now)s,
            due_at = %(now)s + CASE WHEN expires_at IS NULL THEN %(lease)s ELSE %(short)s END
        WHERE id IN (
            SELECT id FROM messages
            WHERE id = ANY(%(ids)s::bigint[]) AND state = 'queued' AND attempts < %(most)s
              AND {_DUE}
            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id, attempts
        """,
        {
            "now": tx.now,
            "ids": list(message_ids),
            "most": ATTEMPTS_MAX,
            "lease": LEASE,
            "short": SHORT_LEASE,
        },
    )
    by_phone = await _hand_to_agents(tx, [row[0] for row in rows])
    if wechat:
        await _notify_by_wechat(tx, [id for id, attempts in rows if attempts == 1])
    return sorted(row[0] for row in rows if row[0] not in by_phone)


async def _hand_to_agents(tx: Tx, message_ids: Sequence[int]) -> set[int]:
    """Leave claimed SMS to landlines to the call centre, which makes call tasks of them."""
    rows = await tx.rows(
        """
        UPDATE messages m SET state = 'by_phone', changed_at = %(now)s
        FROM accounts a
        WHERE m.id = ANY(%(ids)s::bigint[]) AND m.channel = 'sms' AND m.to_enc IS NULL
          AND a.id = m.account_id AND a.is_landline
        RETURNING m.id
        """,
        {"now": tx.now, "ids": list(message_ids)},
    )
    return {row[0] for row in rows}


async def _notify_by_wechat(tx: Tx, message_ids: Sequence[int]) -> None:
    """Add a message beside each SMS whose account is bound to a follower, in a single job."""
    rows = await tx.rows(
        """
        INSERT INTO messages (channel, beside_id, kind, account_id, patient_id, appointment_id,
                              application_id, created_at, changed_at)
        SELECT 'wechat', m.id, m.kind, m.account_id, m.patient_id, m.appointment_id,
               m.application_id, %(now)s, %(now)s
        FROM messages m JOIN wechat_users u ON u.account_id = m.account_id
        WHERE m.id = ANY(%(ids)s::bigint[]) AND m.channel = 'sms' AND u.follows IS NOT FALSE
        ORDER BY m.id
        ON CONFLICT (beside_id, channel) WHERE beside_id IS NOT NULL DO NOTHING
        RETURNING id
        """,
        {"now": tx.now, "ids": list(message_ids)},
    )
    await defer_delivery(tx, [row[0] for row in rows])


async def load(tx: Tx, vault: Vault, message_ids: Sequence[int]) -> LoadedMessages:
    """Return messages with their recipients and the records they are about, by id.

    A record that does not open holds back its own messages only.
    """
    rows = await tx.records(
        _LoadedRow,
        """
        SELECT m.id, m.kind, m.attempts, m.expires_at, m.appointment_id, m.patient_id,
               m.to_enc, m.body_enc, a.id AS account_id, a.phone_enc,
               coalesce(m.language, a.language) AS language,
               m.channel, m.created_at, u.id AS wechat_user_id, u.openid_enc,
               m.application_id, w.declinable_until
        FROM messages m
        LEFT JOIN accounts a ON a.id = m.account_id
        LEFT JOIN wechat_users u
            ON u.account_id = a.id AND m.channel = 'wechat' AND u.follows IS NOT FALSE
        LEFT JOIN wins w ON m.kind = 'draw_won' AND w.appointment_id = m.appointment_id
        WHERE m.id = ANY(%(ids)s::bigint[]) ORDER BY m.id
        """,
        {"ids": list(message_ids)},
    )
    try:
        return LoadedMessages(await _opened(tx, vault, rows), [])
    except VaultError:
        pass
    outgoing, unreadable = [], []
    for row in rows:
        try:
            outgoing += await _opened(tx, vault, [row])
        except VaultError:
            unreadable.append(UnreadableMessage(row.id, row.kind, row.attempts))
    return LoadedMessages(outgoing, unreadable)


@dataclass(frozen=True, slots=True)
class _LoadedRow:
    """A message, its account, and the WeChat user that it goes to, all sealed."""

    id: int
    kind: str
    attempts: int
    expires_at: datetime | None
    appointment_id: int | None
    patient_id: int | None
    to_enc: bytes | None
    body_enc: bytes | None
    account_id: int | None
    phone_enc: bytes | None
    language: str
    channel: str
    created_at: datetime
    wechat_user_id: int | None
    openid_enc: bytes | None
    application_id: int | None
    declinable_until: datetime | None


async def _opened(tx: Tx, vault: Vault, rows: Sequence[_LoadedRow]) -> list[ClaimedMessage]:
    appointments = await appointments_by_id(
        tx, vault, [row.appointment_id for row in rows if row.appointment_id]
    )
    about = await patients.by_id(
        tx, vault, [row.patient_id for row in rows if row.patient_id and not row.appointment_id]
    )
    of_applications = [row.id for row in rows if row.application_id is not None]
    applications = {}
    if of_applications:
        applications = await application_notices.of_messages(tx, vault, of_applications)
    of_offers = [row.appointment_id for row in rows if row.kind in OFFER_KINDS]
    offers = {}
    if of_offers:
        offers = await replacements.by_stopped(tx, [id for id in of_offers if id is not None])
    replaced = await _replaced(
        tx, vault, [row.appointment_id for row in rows if row.kind == "rescheduled"]
    )
    opened = []
    for row in rows:
        body = None
        if row.body_enc is not None:
            body = vault.open("messages", "body", row.id, row.body_enc)
        appointment = appointments.get(row.appointment_id or 0)
        patient = appointment.patient if appointment else about.get(row.patient_id or 0)
        opened.append(
            ClaimedMessage(
                id=row.id,
                kind=row.kind,
                to=_recipient(vault, row),
                language=row.language,
                attempts=row.attempts,
                created_at=row.created_at,
                expires_at=row.expires_at,
                body=body,
                appointment=appointment,
                patient=patient,
                channel=row.channel,
                declinable_until=row.declinable_until,
                application=applications.get(row.id),
                offer=offers.get(row.appointment_id or 0) if row.kind in OFFER_KINDS else None,
                replaced=replaced.get(row.appointment_id or 0),
            )
        )
    return opened


async def _replaced(
    tx: Tx, vault: Vault, appointment_ids: Sequence[int | None]
) -> dict[int, SessionView]:
    """Return the sessions of the bookings that these replaced, by the new booking."""
    asked = [id for id in appointment_ids if id is not None]
    if not asked:
        return {}
    old_ids = await rescheduling.replaced_by(tx, asked)
    old = await appointments_by_id(tx, vault, list(old_ids.values()))
    return {id: old[old_id].session for id, old_id in old_ids.items()}


def _recipient(vault: Vault, row: _LoadedRow) -> str | None:
    """Return the phone or the openid that a message goes to by its channel."""
    if row.channel == "wechat":
        if row.wechat_user_id is None or row.openid_enc is None:
            return None
        return vault.open("wechat_users", "openid", row.wechat_user_id, row.openid_enc)
    if row.to_enc is not None:
        return vault.open("messages", "to", row.id, row.to_enc)
    if row.account_id is None:
        return None
    return open_phone(vault, row.account_id, row.phone_enc) or None


async def record(tx: Tx, states: Mapping[int, tuple[str, int]]) -> None:
    """Record what became of claimed messages, each a state and the attempt that it came of.

    A message that is over loses its body. Where another worker has claimed the message
    meanwhile, only that it was sent counts: that worker decides the rest.
    """
    await _lock(tx, list(states))
    await tx.do(
        """
        UPDATE messages m SET state = n.state, changed_at = %(now)s, body_enc = NULL
        FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(attempts)s::int[])
            AS n (id, state, attempt)
        WHERE m.id = n.id AND m.state = 'queued'
          AND (m.attempts = n.attempt OR n.state IN ('submitted', 'delivered'))
        """,
        {
            "now": tx.now,
            "ids": list(states),
            "states": [state for state, _ in states.values()],
            "attempts": [attempt for _, attempt in states.values()],
        },
    )


async def retry(tx: Tx, attempts: Mapping[int, tuple[int, float]]) -> None:
    """Release claimed messages after an attempt, each to be claimed again in so many seconds.

    Except those that another worker has claimed meanwhile.
    """
    await _lock(tx, list(attempts))
    await tx.do(
        """
        UPDATE messages m
        SET due_at = %(now)s + make_interval(secs => n.wait), changed_at = %(now)s
        FROM unnest(%(ids)s::bigint[], %(attempts)s::int[], %(waits)s::float[])
            AS n (id, attempt, wait)
        WHERE m.id = n.id AND m.state = 'queued' AND m.attempts = n.attempt
        """,
        {
            "now": tx.now,
            "ids": list(attempts),
            "attempts": [attempt for attempt, _ in attempts.values()],
            "waits": [wait for _, wait in attempts.values()],
        },
    )


async def hold(tx: Tx, until: Mapping[int, datetime]) -> None:
    """Release claimed messages until a time; their attempt does not count."""
    await _lock(tx, list(until))
    await tx.do(
        """
        UPDATE messages m
        SET held_until = n.until, due_at = n.until, attempts = m.attempts - 1,
            changed_at = %(now)s
        FROM unnest(%(ids)s::bigint[], %(until)s::timestamptz[]) AS n (id, until)
        WHERE m.id = n.id AND m.state = 'queued' AND m.attempts > 0
        """,
        {"now": tx.now, "ids": list(until), "until": list(until.values())},
    )


async def _lock(tx: Tx, message_ids: Sequence[int]) -> None:
    """Lock messages by id, so that a batch of receipts and a worker do not deadlock."""
    await tx.do(
        "SELECT FROM messages WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        {"ids": list(message_ids)},
    )


async def record_receipts(tx: Tx, delivered: Sequence[int], failed: Sequence[int]) -> None:
    """Record delivery receipts of SMS; unknown ids are ignored.

    Receipts come late, twice and out of order, even before the answer to the sending. A message
    that was reported as delivered stays delivered.
    """
    await _lock(tx, [*delivered, *failed])
    await tx.do(
        """
        UPDATE messages SET state = 'delivered', changed_at = %(now)s, body_enc = NULL
        WHERE id = ANY(%(ids)s::bigint[]) AND channel = 'sms' AND attempts > 0
          AND state <> 'delivered'
        """,
        {"now": tx.now, "ids": list(delivered)},
    )
    await tx.do(
        """
        UPDATE messages SET state = 'failed', changed_at = %(now)s, body_enc = NULL
        WHERE id = ANY(%(ids)s::bigint[]) AND channel = 'sms' AND attempts > 0
          AND state IN ('queued', 'submitted', 'unknown')
        """,
        {"now": tx.now, "ids": list(failed)},
    )


async def overdue(tx: Tx, limit: int, *, soon_expired: bool = False) -> list[int]:
    """Return messages that should have been claimed, as their job was lost or died, oldest first.

    `soon_expired`: those of no use after a few minutes (one-time passwords), or all others.
    """
    rows = await tx.rows(
        f"""
        SELECT id FROM messages
        WHERE state = 'queued' AND (expires_at IS NOT NULL) = %(soon_expired)s
          AND created_at BETWEEN %(from)s AND %(late)s
          AND coalesce(due_at, created_at) <= %(late)s AND attempts < %(most)s AND {_DUE}
        ORDER BY created_at LIMIT %(limit)s
        """,
        {
            "now": tx.now,
            "soon_expired": soon_expired,
            # Messages expire at their next claim; these are few, and are found every time.
            "from": tx.now - SHORT_LIVED if soon_expired else datetime.min.replace(tzinfo=UTC),
            "late": tx.now - (SHORT_JOB_WITHIN if soon_expired else JOB_WITHIN),
            "most": ATTEMPTS_MAX,
            "limit": limit,
        },
    )
    return [row[0] for row in rows]


async def give_up(tx: Tx) -> int:
    """Mark as unknown messages whose last attempt was never recorded, and SMS without a receipt
    for days; return how many."""
    return await tx.do(
        """
        UPDATE messages SET state = 'unknown', changed_at = %(now)s, body_enc = NULL
        WHERE id IN (
            SELECT id FROM messages
            WHERE state = 'queued' AND attempts >= %(most)s
              AND coalesce(due_at, changed_at + %(lease)s) <= %(now)s
               OR state = 'submitted' AND channel = 'sms' AND created_at <= %(sent_before)s
            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
        """,
        {
            "now": tx.now,
            "most": ATTEMPTS_MAX,
            "lease": LEASE,
            "sent_before": tx.now - RECEIPT_WITHIN,
        },
    )


async def claim_without_receipt(tx: Tx, wait: timedelta, limit: int) -> list[int]:
    """Claim SMS that the provider accepted without a receipt for `wait`, the oldest first."""
    rows = await tx.rows(
        """
        UPDATE messages SET changed_at = %(now)s
        WHERE id IN (
            SELECT id FROM messages
            WHERE state = 'submitted' AND channel = 'sms' AND created_at <= %(before)s
              AND changed_at <= %(before)s
            ORDER BY created_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id
        """,
        {"now": tx.now, "before": tx.now - wait, "limit": limit},
    )
    return [row[0] for row in rows]


async def forget_recipients(tx: Tx, before: datetime) -> int:
    """Delete the phones without an account that codes were sent to; return how many."""
    return await tx.do(
        """
        UPDATE messages SET to_enc = ''
        WHERE account_id IS NULL AND length(to_enc) > 0 AND changed_at < %(before)s
          AND state <> 'queued'
        """,
        {"before": before},
    )


# The demo's outbox --------------------------------------------------------------------------


async def put_in_outbox(tx: Tx, vault: Vault, key: str, kind: str, to: str, text: str) -> None:
    """Store a message as sent; a known key changes nothing."""
    new_id = await next_id(tx, "outbox")
    await tx.do(
        """
        INSERT INTO outbox (id, key, kind, to_enc, to_index, text_enc, sent_at)
        VALUES (%(id)s, %(key)s, %(kind)s, %(to_enc)s, %(to_index)s, %(text_enc)s, %(now)s)
        ON CONFLICT (key) DO NOTHING
        """,
        {
            "id": new_id,
            "key": key,
            "kind": kind,
            "to_enc": vault.seal("outbox", "to", new_id, to),
            "to_index": vault.index("phone", to),
            "text_enc": vault.seal("outbox", "text", new_id, text),
            "now": tx.now,
        },
    )


async def outbox(tx: Tx, vault: Vault, phone: str | None, limit: int) -> list[OutboxItem]:
    """Return what was sent to a phone, however it is written, or to all, newest first."""

    def opened(
        *, id: int, to_enc: bytes, kind: str, text_enc: bytes, sent_at: datetime
    ) -> OutboxItem:
        to = vault.open("outbox", "to", id, to_enc)
        return OutboxItem(to, kind, vault.open("outbox", "text", id, text_enc), sent_at)

    return await tx.records(
        opened,
        """
        SELECT id, to_enc, kind, text_enc, sent_at FROM outbox
        WHERE %(to)s::bytea[] IS NULL OR to_index = ANY(%(to)s)
        ORDER BY id DESC LIMIT %(limit)s
        """,
        {
            "to": None if phone is None else vault.indexes("phone", valid_phone(phone) or phone),
            "limit": limit,
        },
    )
