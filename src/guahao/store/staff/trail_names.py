"""The names of what an entry of the audit trail is about: places and staff, never patients."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from guahao.store.kernel.db import Tx

Thing = tuple[str, int]  # its kind in the trail, its id
KINDS = ("hospital", "department", "clinic_session", "staff", "hospital_client")


@dataclass(frozen=True, slots=True)
class ThingName:
    """A thing's name; `within`: of which hospital. `visit_date`, `period`: of a session."""

    kind: str
    id: int
    name: str
    name_en: str
    within: str
    within_en: str
    visit_date: date | None
    period: str | None


async def names(tx: Tx, things: Collection[Thing]) -> dict[Thing, ThingName]:
    """Return the names of those that exist, each by its primary key."""
    ids = {kind: [id for of, id in things if of == kind] for kind in KINDS}
    rows = await tx.records(
        ThingName,
        """
        SELECT 'hospital' AS kind, id, name, name_en, '' AS within, '' AS within_en,
               NULL::date AS visit_date, NULL AS period
        FROM hospitals WHERE id = ANY(%(hospital)s::bigint[])
        UNION ALL
        SELECT 'department', d.id, d.name, d.name_en, h.name, h.name_en, NULL, NULL
        FROM departments d JOIN hospitals h ON h.id = d.hospital_id
        WHERE d.id = ANY(%(department)s::bigint[])
        UNION ALL
        SELECT 'clinic_session', s.id, d.name, d.name_en, h.name, h.name_en, s.visit_date, s.period
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id JOIN hospitals h ON h.id = s.hospital_id
        WHERE s.id = ANY(%(clinic_session)s::bigint[])
        UNION ALL
        SELECT 'staff', s.id, s.name, s.name, coalesce(h.name, ''), coalesce(h.name_en, ''),
               NULL, NULL
        FROM staff s LEFT JOIN hospitals h ON h.id = s.hospital_id
        WHERE s.id = ANY(%(staff)s::bigint[])
        UNION ALL
        SELECT 'hospital_client', c.id, c.name, c.name, h.name, h.name_en, NULL, NULL
        FROM hospital_clients c JOIN hospitals h ON h.id = c.hospital_id
        WHERE c.id = ANY(%(hospital_client)s::bigint[])
        """,
        ids,
    )
    return {(row.kind, row.id): row for row in rows}
