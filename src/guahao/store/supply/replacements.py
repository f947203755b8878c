"""Places in other sessions that are offered to patients of a stopped clinic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.booking.replacing import Allotted, StoppedPatient
from guahao.store.hospitals.directory import rules_on
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.supply.sessions import SESSION_COLUMNS, session_view, views

_ACCOUNT = """
    JOIN appointments a ON a.id = o.stopped_appointment_id
    JOIN patients q ON q.id = a.patient_id
    JOIN patients p ON p.id = coalesce(q.merged_into, q.id)
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offered place as it stands; `account_id`: the patient's, who may have moved since."""

    id: int
    stopped_appointment_id: int
    clinic_session_id: int
    patient_id: int
    account_id: int | None
    state: str
    appointment_id: int | None
    accept_until: datetime


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer with its session, for its patient, for staff on the line and for messages."""

    stopped_appointment_id: int
    state: str
    accept_until: datetime
    session: SessionView

    def is_open(self, now: datetime) -> bool:
        """Return whether the place can still be accepted or declined."""
        return self.state == "open" and now < self.accept_until


@dataclass(frozen=True, slots=True)
class OfferCounts:
    """How many places were offered for a stop, and what became of them."""

    open: int
    accepted: int
    declined: int
    lapsed: int

    @property
    def offered(self) -> int:
        """Return how many patients were offered a place."""
        return self.open + self.accepted + self.declined + self.lapsed


@dataclass(frozen=True, slots=True)
class Waiting:
    """Stopped bookings of a department and title whose patients can be offered a place."""

    department_id: int
    department_name: str
    department_name_en: str
    title: str
    patients: int


# Of a stop's bookings b: what is stopped, of an account, and neither offered nor answered.
_WAITING = """
    FROM stop_bookings b
    JOIN appointments a ON a.id = b.appointment_id AND a.status = 'stopped'
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN patients q ON q.id = a.patient_id
    JOIN patients p ON p.id = coalesce(q.merged_into, q.id)
    WHERE b.stop_id = %(stop_id)s AND b.restored_at IS NULL AND p.account_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM replacement_offers o
                      WHERE o.stopped_appointment_id = a.id AND o.state <> 'lapsed')
"""


async def waiting(tx: Tx, stop_id: int) -> list[Waiting]:
    """Return how many patients of a stop can be offered a place, by department and title."""
    return await tx.records(
        Waiting,
        f"""
        SELECT w.*, d.name AS department_name, d.name_en AS department_name_en
        FROM (SELECT s.department_id, s.title, count(*)::int AS patients {_WAITING}
              GROUP BY s.department_id, s.title) w
        JOIN departments d ON d.id = w.department_id
        ORDER BY w.patients DESC, w.department_id, w.title
        """,
        {"stop_id": stop_id},
    )


async def stopped_patients(tx: Tx, stop_id: int) -> list[StoppedPatient]:
    """Return whose booking a stop took and who was offered nothing, in the order of booking."""
    return await tx.records(
        StoppedPatient,
        f"""
        SELECT a.id AS appointment_id, p.id AS patient_id, p.account_id, s.department_id, s.title
        {_WAITING}
        ORDER BY a.booked_at, a.id
        """,
        {"stop_id": stop_id},
    )


async def candidates(
    tx: Tx, hospital_id: int, kinds: Sequence[tuple[int, str]], first: date, last: date
) -> list[SessionView]:
    """Return the hospital's sessions of these departments and titles, by date."""
    return await views(
        tx,
        f"""
        SELECT {SESSION_COLUMNS}
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id AND d.on_platform
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("%(today)s::date")}
        JOIN unnest(%(departments)s::bigint[], %(titles)s::text[]) AS k (department_id, title)
          ON k.department_id = s.department_id AND k.title = s.title
        WHERE s.hospital_id = %(hospital_id)s AND s.stopped_at IS NULL
          AND s.visit_date BETWEEN %(first)s AND %(last)s
        ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period), s.id
        """,
        {
            "today": tx.now.date(),
            "hospital_id": hospital_id,
            "departments": [department_id for department_id, _ in kinds],
            "titles": [title for _, title in kinds],
            "first": first,
            "last": last,
        },
    )


async def add(tx: Tx, allotted: Sequence[Allotted], until: Mapping[int, datetime]) -> None:
    """Save offers in locked sessions; `until`: when they lapse, by session.

    A booking whose earlier offer has lapsed gets the new one in its place.
    """
    await tx.do(
        """
        INSERT INTO replacement_offers AS o (stopped_appointment_id, clinic_session_id, account_id,
                                             patient_id, offered_at, accept_until)
        SELECT n.*, %(now)s, u.accept_until
        FROM unnest(%(stopped)s::bigint[], %(sessions)s::bigint[], %(accounts)s::bigint[],
                    %(patients)s::bigint[]) AS n (stopped, session_id, account_id, patient_id)
        JOIN unnest(%(of)s::bigint[], %(until)s::timestamptz[]) AS u (session_id, accept_until)
          ON u.session_id = n.session_id
        ON CONFLICT (stopped_appointment_id) DO UPDATE
        SET clinic_session_id = excluded.clinic_session_id, account_id = excluded.account_id,
            patient_id = excluded.patient_id, state = 'open', decided_at = NULL,
            offered_at = excluded.offered_at, accept_until = excluded.accept_until
        WHERE o.state = 'lapsed'
        """,
        {
            "now": tx.now,
            "stopped": [offer.stopped.appointment_id for offer in allotted],
            "sessions": [offer.session_id for offer in allotted],
            "accounts": [offer.stopped.account_id for offer in allotted],
            "patients": [offer.stopped.patient_id for offer in allotted],
            "of": list(until),
            "until": list(until.values()),
        },
    )


async def reserve(tx: Tx, places: Mapping[int, int], added: Mapping[int, int]) -> None:
    """Reserve places of locked sessions, by id, after adding those that are added."""
    await tx.do(
        """
        UPDATE clinic_sessions s
        SET reserved = s.reserved + n.places, capacity = s.capacity + n.added
        FROM unnest(%(ids)s::bigint[], %(places)s::int[], %(added)s::int[])
            AS n (id, places, added)
        WHERE s.id = n.id
        """,
        {
            "ids": list(places),
            "places": list(places.values()),
            "added": [added.get(id, 0) for id in places],
        },
    )


async def unreserve(tx: Tx, session_ids: Sequence[int]) -> None:
    """Take one place off the reserved ones of a locked session for each time it is named."""
    await tx.do(
        """
        UPDATE clinic_sessions s SET reserved = s.reserved - n.places
        FROM (SELECT id, count(*) AS places FROM unnest(%(ids)s::bigint[]) AS i (id)
              GROUP BY id) n
        WHERE s.id = n.id
        """,
        {"ids": list(session_ids)},
    )


_OFFER = f"""
    SELECT o.id, o.stopped_appointment_id, o.clinic_session_id, p.id AS patient_id, p.account_id,
           o.state, o.appointment_id, o.accept_until
    FROM replacement_offers o {_ACCOUNT}
"""


async def of_stopped(tx: Tx, appointment_id: int, *, lock: bool = False) -> Offer | None:
    """Return the offer for a stopped booking, or None; lock patient and session before it."""
    return await tx.record(
        Offer,
        f"""
        {_OFFER} WHERE o.stopped_appointment_id = %(id)s {"FOR NO KEY UPDATE OF o" if lock else ""}
        """,
        {"id": appointment_id},
    )


async def set_accepted(tx: Tx, offer_id: int, appointment_id: int) -> None:
    """Record that a locked offer was accepted, and by which booking."""
    await tx.do(
        """
        UPDATE replacement_offers
        SET state = 'accepted', appointment_id = %(appointment_id)s, decided_at = %(now)s
        WHERE id = %(id)s
        """,
        {"id": offer_id, "appointment_id": appointment_id, "now": tx.now},
    )


async def end(tx: Tx, offer_ids: Sequence[int], state: str) -> None:
    """Record that locked offers are declined or lapsed."""
    await tx.do(
        """
        UPDATE replacement_offers SET state = %(state)s, decided_at = %(now)s
        WHERE id = ANY(%(ids)s::bigint[])
        """,
        {"ids": list(offer_ids), "state": state, "now": tx.now},
    )


async def sessions_of_overdue(tx: Tx, limit: int) -> list[int]:
    """Return sessions with open offers that nobody has accepted in time, by id."""
    rows = await tx.rows(
        """
        SELECT DISTINCT clinic_session_id FROM replacement_offers
        WHERE state = 'open' AND accept_until <= %(now)s
        ORDER BY clinic_session_id LIMIT %(limit)s
        """,
        {"now": tx.now, "limit": limit},
    )
    return [row[0] for row in rows]


async def sessions_of_stop(tx: Tx, stop_id: int) -> list[int]:
    """Return the sessions in which places are offered for a stop, by id."""
    rows = await tx.rows(
        """
        SELECT DISTINCT o.clinic_session_id
        FROM stop_bookings b
        JOIN replacement_offers o ON o.stopped_appointment_id = b.appointment_id
        WHERE b.stop_id = %(stop_id)s AND o.state = 'open'
        ORDER BY o.clinic_session_id
        """,
        {"stop_id": stop_id},
    )
    return [row[0] for row in rows]


async def lock_open(
    tx: Tx, session_ids: Sequence[int], *, overdue: bool = False, stop_id: int | None = None
) -> list[Offer]:
    """Lock the open offers in locked sessions; `overdue` alone, or those for a stop alone."""
    return await tx.records(
        Offer,
        f"""
        {_OFFER}
        WHERE o.clinic_session_id = ANY(%(ids)s::bigint[]) AND o.state = 'open'
          AND (NOT %(overdue)s OR o.accept_until <= %(now)s)
          AND (%(stop_id)s::bigint IS NULL
               OR EXISTS (SELECT FROM stop_bookings b
                          WHERE b.stop_id = %(stop_id)s AND b.appointment_id = a.id))
        ORDER BY o.id FOR NO KEY UPDATE OF o
        """,
        {"ids": list(session_ids), "overdue": overdue, "now": tx.now, "stop_id": stop_id},
    )


async def open_for(tx: Tx, appointment_ids: Sequence[int]) -> set[int]:
    """Return which of these stopped bookings have an open offer."""
    rows = await tx.rows(
        """
        SELECT stopped_appointment_id FROM replacement_offers
        WHERE stopped_appointment_id = ANY(%(ids)s::bigint[]) AND state = 'open'
        """,
        {"ids": list(appointment_ids)},
    )
    return {row[0] for row in rows}


async def counts(tx: Tx, stop_id: int) -> OfferCounts:
    """Count what was offered for a stop."""
    found = await tx.record(
        OfferCounts,
        """
        SELECT count(*) FILTER (WHERE o.state = 'open')::int AS open,
               count(*) FILTER (WHERE o.state = 'accepted')::int AS accepted,
               count(*) FILTER (WHERE o.state = 'declined')::int AS declined,
               count(*) FILTER (WHERE o.state = 'lapsed')::int AS lapsed
        FROM stop_bookings b
        JOIN replacement_offers o ON o.stopped_appointment_id = b.appointment_id
        WHERE b.stop_id = %(stop_id)s
        """,
        {"stop_id": stop_id},
    )
    assert found is not None
    return found


_SHOWN = f"""
    SELECT {SESSION_COLUMNS}, o.stopped_appointment_id, o.state, o.accept_until
    FROM replacement_offers o {_ACCOUNT}
    JOIN clinic_sessions s ON s.id = o.clinic_session_id
    JOIN departments d ON d.id = s.department_id
    JOIN hospitals h ON h.id = s.hospital_id
    {rules_on("%(today)s::date")}
"""


async def of_account(tx: Tx, account_id: int) -> dict[int, OfferView]:
    """Return the offers to an account's patients for visits to come, by the stopped booking."""
    return await _shown(
        tx,
        f"{_SHOWN} WHERE p.account_id = %(account_id)s AND s.visit_date >= %(today)s",
        {"account_id": account_id},
    )


async def by_stopped(tx: Tx, appointment_ids: Sequence[int]) -> dict[int, OfferView]:
    """Return offers by the stopped booking; the caller has checked that they may be shown."""
    return await _shown(
        tx,
        f"{_SHOWN} WHERE o.stopped_appointment_id = ANY(%(ids)s::bigint[])",
        {"ids": list(appointment_ids)},
    )


async def _shown(tx: Tx, sql: str, params: Mapping[str, Any]) -> dict[int, OfferView]:
    rows = await tx.rows(sql, {"today": tx.now.date(), **params})
    return {
        stopped_id: OfferView(stopped_id, state, until, session_view(columns))
        for *columns, stopped_id, state, until in rows
    }
