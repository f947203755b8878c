"""Everything that can be booked, hospital by hospital, for open publication."""

from __future__ import annotations

from datetime import date
from typing import Any

from guahao.store.hospitals.directory import rules_on
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.supply.sessions import SESSION_COLUMNS, views

_OF_HOSPITAL = f"""
    FROM clinic_sessions s
    JOIN departments d ON d.id = s.department_id AND d.on_platform
    JOIN hospitals h ON h.id = s.hospital_id
    {rules_on("%(today)s::date")}
    WHERE s.department_id IN (SELECT id FROM departments WHERE hospital_id = %(hospital_id)s)
      AND s.visit_date BETWEEN %(first)s AND %(last)s
"""


async def fingerprint(tx: Tx, hospital_id: int, first: date, last: date) -> str:
    """Return another text whenever anything a reader sees of these sessions has changed."""
    row = await tx.row(
        f"""
        SELECT count(*), sum(hashtextextended(
            concat_ws('|', s.id, s.capacity, s.booked, s.held, s.reserved, s.draw_at,
                      s.stopped_at, s.fee_fen, s.title,
                      s.specialty, s.starts_at, s.ends_at, d.name, d.name_en), 0))
        {_OF_HOSPITAL}
        """,
        _params(tx, hospital_id, first, last),
    )
    assert row is not None
    return f"{row[0]}.{row[1]}"


async def sessions_of_hospital(
    tx: Tx, hospital_id: int, first: date, last: date
) -> list[SessionView]:
    """Return all its sessions of these days, both included, by date and id."""
    return await views(
        tx,
        f"SELECT {SESSION_COLUMNS} {_OF_HOSPITAL} ORDER BY s.visit_date, s.id",
        _params(tx, hospital_id, first, last),
    )


def _params(tx: Tx, hospital_id: int, first: date, last: date) -> dict[str, Any]:
    return {"today": tx.now.date(), "hospital_id": hospital_id, "first": first, "last": last}
