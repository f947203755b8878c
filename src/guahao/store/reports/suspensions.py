"""The no-shows from which suspensions follow (S16): dates by person, without the person."""

from __future__ import annotations

from datetime import date

from guahao.store.kernel.db import Tx


async def counting_no_shows(tx: Tx, at_least: int) -> list[list[date]]:
    """Return the no-shows that are not excused of each person who has so many."""
    rows = await tx.rows(
        """
        SELECT array_agg(a.visit_date ORDER BY a.visit_date)
        FROM appointments a
        WHERE a.status = 'no_show'
          AND NOT EXISTS (SELECT FROM no_show_excuses e
                          WHERE e.appointment_id = a.id AND e.withdrawn_at IS NULL)
        GROUP BY a.patient_id HAVING count(*) >= %(at_least)s
        """,
        {"at_least": at_least},
    )
    return [list(row[0]) for row in rows]
