"""Comparisons of a hospital's own list of bookings with ours, and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.booking.order_no import appointment_id, order_no
from guahao.rules.integration.reconciling import (
    Comparison,
    Cure,
    Difference,
    FoundDifference,
    PlatformBooking,
)
from guahao.store.kernel.db import Tx, json_columns, recordset
from guahao.store.kernel.records import columns
from guahao.store.kernel.vault import Vault

_COLUMNS = """
    r.id, r.hospital_id, r.at, r.made_at, r.first_date, r.last_date, r.listed,
    r.agreed, r.too_new, count(d.id) AS differing,
    count(d.id) FILTER (WHERE d.settled_at IS NULL) AS open
"""
_FROM = (
    "FROM reconciliations r LEFT JOIN reconciliation_differences d ON d.reconciliation_id = r.id"
)
_ADD = """
    INSERT INTO reconciliations
        (hospital_id, at, made_at, first_date, last_date, sent_by, listed, agreed, too_new)
    VALUES (%(hospital_id)s, %(at)s, %(made_at)s, %(first)s, %(last)s, %(sent_by)s, %(listed)s,
            %(agreed)s, %(too_new)s)
    RETURNING id
"""
_ADD_DIFFERENCES = f"""
    INSERT INTO reconciliation_differences
        (reconciliation_id, hospital_id, {columns(FoundDifference)})
    SELECT %(id)s, %(hospital_id)s, {columns(FoundDifference)}
    FROM json_to_recordset(%(found)s::json)
        AS n (order_no text, visit_date date, kind text, here text, there text, cure text)
"""
_NEWEST = f"""
    SELECT h.id AS of_hospital, h.name, h.name_en, found.*
    FROM hospitals h
    LEFT JOIN LATERAL (
        SELECT {_COLUMNS} {_FROM}
        WHERE r.id = (SELECT max(id) FROM reconciliations WHERE hospital_id = h.id)
        GROUP BY r.id
    ) found ON true
    WHERE EXISTS (SELECT FROM hospital_clients c
                  WHERE c.hospital_id = h.id AND c.disabled_at IS NULL)
       OR EXISTS (SELECT FROM reconciliations r WHERE r.hospital_id = h.id)
    ORDER BY coalesce(found.open, 0) DESC, h.id
"""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A comparison. `listed`: how many the hospital sent; `open`: differences not yet settled."""

    id: int
    hospital_id: int
    at: datetime
    made_at: datetime
    first_date: date
    last_date: date
    listed: int
    agreed: int
    too_new: int
    differing: int
    open: int


@dataclass(frozen=True, slots=True)
class SavedDifference:
    """A difference as it was found, and who settled it with which note."""

    id: int
    order_no: str
    visit_date: date
    kind: Difference
    here: str
    there: str
    cure: Cure
    settled_at: datetime | None
    settled_by: str | None
    note: str | None

    @property
    def appointment_id(self) -> int | None:
        """Return the id of the booking here, where there is one."""
        return None if self.kind is Difference.UNKNOWN_HERE else appointment_id(self.order_no)


@dataclass(frozen=True, slots=True)
class NewestReconciliation:
    """A hospital and its newest comparison; None where it has never sent a list."""

    hospital_id: int
    name: str
    name_en: str
    reconciliation: Reconciliation | None


async def ours(
    tx: Tx, hospital_id: int, days: tuple[date, date], named: Sequence[str]
) -> list[PlatformBooking]:
    """Return the hospital's bookings of these days, both included, and others that are named."""
    first, last = days
    return await tx.records(
        _ours,
        """
        SELECT a.id, a.status, s.visit_date, s.period, s.external_id AS session_external_id,
               p.person_index AS document, a.changed_at
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN patients p ON p.id = a.patient_id
        WHERE a.hospital_id = %(hospital_id)s
          AND (a.visit_date BETWEEN %(first)s AND %(last)s OR a.id = ANY(%(ids)s::bigint[]))
        """,
        {
            "hospital_id": hospital_id,
            "first": first,
            "last": last,
            "ids": [id for no in named if (id := appointment_id(no)) is not None],
        },
    )


def _ours(*, id: int, **row: Any) -> PlatformBooking:
    return PlatformBooking(order_no(id), **row)


async def add(
    tx: Tx,
    hospital_id: int,
    made_at: datetime,
    days: tuple[date, date],
    sent_by: str,
    listed: int,
    comparison: Comparison,
) -> int:
    """Save a comparison; return its id."""
    first, last = days
    row = await tx.row(
        _ADD,
        {
            "hospital_id": hospital_id,
            "at": tx.now,
            "made_at": made_at,
            "first": first,
            "last": last,
            "sent_by": sent_by,
            "listed": listed,
            "agreed": comparison.agreed,
            "too_new": comparison.too_new,
        },
    )
    assert row is not None
    id = int(row[0])
    found = recordset([json_columns(difference) for difference in comparison.found])
    await tx.do(_ADD_DIFFERENCES, {"id": id, "hospital_id": hospital_id, "found": found})
    return id


async def listed(tx: Tx, hospital_id: int, before: int | None, limit: int) -> list[Reconciliation]:
    """Return a hospital's comparisons with an id below `before`, newest first."""
    return await tx.records(
        Reconciliation,
        f"""
        SELECT {_COLUMNS} {_FROM}
        WHERE r.hospital_id = %(hospital_id)s
          AND r.id < coalesce(%(before)s, 9223372036854775807)
        GROUP BY r.id ORDER BY r.id DESC LIMIT %(limit)s
        """,
        {"hospital_id": hospital_id, "before": before, "limit": limit},
    )


async def one(tx: Tx, hospital_id: int, id: int) -> Reconciliation | None:
    """Return a comparison of the hospital's, or None."""
    return await tx.record(
        Reconciliation,
        f"""
        SELECT {_COLUMNS} {_FROM}
        WHERE r.hospital_id = %(hospital_id)s AND r.id = %(id)s GROUP BY r.id
        """,
        {"hospital_id": hospital_id, "id": id},
    )


async def differences(tx: Tx, vault: Vault, reconciliation_id: int) -> list[SavedDifference]:
    """Return all differences of a comparison, in the order in which they were found."""

    def opened(
        *, id: int, kind: str, cure: str, note_enc: bytes | None, **row: Any
    ) -> SavedDifference:
        note = None
        if note_enc is not None:
            note = vault.open("reconciliation_differences", "note", id, note_enc)
        return SavedDifference(id=id, kind=Difference(kind), cure=Cure(cure), note=note, **row)

    return await tx.records(
        opened,
        """
        SELECT id, order_no, visit_date, kind, here, there, cure, settled_at, settled_by,
               note_enc
        FROM reconciliation_differences WHERE reconciliation_id = %(id)s ORDER BY id
        """,
        {"id": reconciliation_id},
    )


async def lock_open(tx: Tx, hospital_id: int, reconciliation_id: int, id: int) -> bool:
    """Lock a difference of the hospital's; return whether it is there and not yet settled."""
    row = await tx.row(
        """
        SELECT FROM reconciliation_differences
        WHERE hospital_id = %(hospital_id)s AND reconciliation_id = %(reconciliation_id)s
          AND id = %(id)s AND settled_at IS NULL
        FOR NO KEY UPDATE
        """,
        {"hospital_id": hospital_id, "reconciliation_id": reconciliation_id, "id": id},
    )
    return row is not None


async def lock_open_of_kind(
    tx: Tx, hospital_id: int, reconciliation_id: int, kind: str, limit: int
) -> list[int]:
    """Lock the first differences of a kind that are not yet settled, by id."""
    rows = await tx.rows(
        """
        SELECT id FROM reconciliation_differences
        WHERE hospital_id = %(hospital_id)s AND reconciliation_id = %(reconciliation_id)s
          AND kind = %(kind)s AND settled_at IS NULL
        ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE
        """,
        {
            "hospital_id": hospital_id,
            "reconciliation_id": reconciliation_id,
            "kind": kind,
            "limit": limit,
        },
    )
    return [id for (id,) in rows]


async def settle(tx: Tx, vault: Vault, id: int, by: str, note: str) -> None:
    """Record who settled a locked difference, and how."""
    await tx.do(
        """
        UPDATE reconciliation_differences
        SET settled_at = %(now)s, settled_by = %(by)s, note_enc = %(note)s
        WHERE id = %(id)s
        """,
        {
            "now": tx.now,
            "by": by,
            "note": vault.seal("reconciliation_differences", "note", id, note),
            "id": id,
        },
    )


async def newest(tx: Tx) -> list[NewestReconciliation]:
    """Return every hospital with a connected system, those with most open differences first."""
    return await tx.records(_newest, _NEWEST)


def _newest(*, of_hospital: int, name: str, name_en: str, **row: Any) -> NewestReconciliation:
    found = None if row["id"] is None else Reconciliation(**row)
    return NewestReconciliation(of_hospital, name, name_en, found)
