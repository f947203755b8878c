"""Comparisons of a hospital's own list of bookings with ours, and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.booking.order_no import appointment_id, order_no
from guahao.rules.integration.reconciling import Comparison, Cure, Difference, Ours
from guahao.store.kernel.db import Tx, recordset
from guahao.store.kernel.vault import Vault

_COLUMNS = """
    r.id, r.hospital_id, r.at, r.made_at, r.first_date, r.last_date, r.sent_by, r.listed,
    r.agreed, r.too_new, count(d.id), count(d.id) FILTER (WHERE d.settled_at IS NULL)
"""
_FROM = (
    "FROM reconciliations r LEFT JOIN reconciliation_differences d ON d.reconciliation_id = r.id"
)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison. `listed`: how many the hospital sent; `open`: differences not yet settled."""

    id: int
    hospital_id: int
    at: datetime
    made_at: datetime
    first_date: date
    last_date: date
    sent_by: str
    listed: int
    agreed: int
    too_new: int
    differing: int
    open: int


@dataclass(frozen=True, slots=True)
class KeptDifference:
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
        """Of the booking here, where there is one."""
        return None if self.kind is Difference.UNKNOWN_HERE else appointment_id(self.order_no)


async def ours(
    tx: Tx, hospital_id: int, first: date, last: date, named: Sequence[str]
) -> list[Ours]:
    """The hospital's bookings of these days, both included, and others that are named."""
    ids = [id for one in named if (id := appointment_id(one)) is not None]
    rows = await tx.rows(
        """
        SELECT a.id, a.status, s.visit_date, s.period, s.external_id, p.person_index, a.changed_at
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN patients p ON p.id = a.patient_id
        WHERE a.hospital_id = %s AND (a.visit_date BETWEEN %s AND %s OR a.id = ANY(%s::bigint[]))
        """,
        (hospital_id, first, last, ids),
    )
    return [Ours(*[order_no(row[0]), *row[1:5], bytes(row[5]), row[6]]) for row in rows]


async def add(
    tx: Tx,
    hospital_id: int,
    made_at: datetime,
    days: tuple[date, date],
    sent_by: str,
    listed: int,
    comparison: Comparison,
) -> int:
    """Keep a comparison; its id."""
    row = await tx.row(
        """
        INSERT INTO reconciliations
            (hospital_id, at, made_at, first_date, last_date, sent_by, listed, agreed, too_new)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (
            *(hospital_id, tx.now, made_at, *days),
            *(sent_by, listed, comparison.agreed, comparison.too_new),
        ),
    )
    assert row is not None
    rows = [
        {
            "order_no": found.order_no,
            "visit_date": found.visit_date,
            "kind": found.kind,
            "here": found.here,
            "there": found.there,
            "cure": found.cure,
        }
        for found in comparison.found
    ]
    await tx.do(
        """
        INSERT INTO reconciliation_differences
            (reconciliation_id, hospital_id, order_no, visit_date, kind, here, there, cure)
        SELECT %s, %s, * FROM json_to_recordset(%s::json)
            AS n (order_no text, visit_date date, kind text, here text, there text, cure text)
        """,
        (row[0], hospital_id, recordset(rows)),
    )
    return int(row[0])


async def listed(tx: Tx, hospital_id: int, before: int | None, limit: int) -> list[Reconciliation]:
    """A hospital's comparisons with an id below `before`, newest first."""
    rows = await tx.rows(
        f"""
        SELECT {_COLUMNS} {_FROM}
        WHERE r.hospital_id = %s AND r.id < coalesce(%s, 9223372036854775807)
        GROUP BY r.id ORDER BY r.id DESC LIMIT %s
        """,
        (hospital_id, before, limit),
    )
    return [Reconciliation(*row) for row in rows]


async def one(tx: Tx, hospital_id: int, id: int) -> Reconciliation | None:
    """A comparison of the hospital's."""
    row = await tx.row(
        f"SELECT {_COLUMNS} {_FROM} WHERE r.hospital_id = %s AND r.id = %s GROUP BY r.id",
        (hospital_id, id),
    )
    return None if row is None else Reconciliation(*row)


async def differences(tx: Tx, vault: Vault, reconciliation_id: int) -> list[KeptDifference]:
    """All of a comparison's, in the order in which they were found."""
    rows = await tx.rows(
        """
        SELECT id, order_no, visit_date, kind, here, there, cure, settled_at, settled_by,
               note_enc
        FROM reconciliation_differences WHERE reconciliation_id = %s ORDER BY id
        """,
        (reconciliation_id,),
    )
    return [
        KeptDifference(
            *[*row[:3], Difference(row[3]), *row[4:6], Cure(row[6]), *row[7:9], _note(vault, row)]
        )
        for row in rows
    ]


def _note(vault: Vault, row: Sequence[Any]) -> str | None:
    if row[9] is None:
        return None
    return vault.open("reconciliation_differences", "note", row[0], row[9])


async def settle(
    tx: Tx, vault: Vault, hospital_id: int, reconciliation_id: int, id: int, by: str, note: str
) -> bool:
    """Note who settled an open difference and how; False where there is none (any more)."""
    changed = await tx.do(
        """
        UPDATE reconciliation_differences SET settled_at = %s, settled_by = %s, note_enc = %s
        WHERE hospital_id = %s AND reconciliation_id = %s AND id = %s AND settled_at IS NULL
        """,
        (
            *(tx.now, by, vault.seal("reconciliation_differences", "note", id, note)),
            *(hospital_id, reconciliation_id, id),
        ),
    )
    return changed > 0


@dataclass(frozen=True, slots=True)
class Newest:
    """A hospital and its newest comparison; None where it has never sent a list."""

    hospital_id: int
    name: str
    name_en: str
    reconciliation: Reconciliation | None


async def newest(tx: Tx) -> list[Newest]:
    """Every hospital that has a system connected, those with open differences first."""
    rows = await tx.rows(
        f"""
        SELECT h.id, h.name, h.name_en, found.*
        FROM hospitals h
        LEFT JOIN LATERAL (
            SELECT {_COLUMNS} {_FROM}
            WHERE r.id = (SELECT max(id) FROM reconciliations WHERE hospital_id = h.id)
            GROUP BY r.id
        ) found ON true
        WHERE EXISTS (SELECT FROM hospital_clients c
                      WHERE c.hospital_id = h.id AND c.disabled_at IS NULL)
           OR EXISTS (SELECT FROM reconciliations r WHERE r.hospital_id = h.id)
        ORDER BY h.id
        """
    )
    found = [
        Newest(*[*row[:3], None if row[3] is None else Reconciliation(*row[3:])]) for row in rows
    ]
    return sorted(found, key=lambda one: -(one.reconciliation.open if one.reconciliation else 0))
