"""The city's English for specialties (专业), which hospitals write as they like."""

from __future__ import annotations

from guahao.store.kernel.db import Tx


async def english(tx: Tx) -> dict[str, str]:
    """Return the English of every specialty that has one."""
    rows = await tx.rows("SELECT name, name_en FROM specialties")
    return {str(row[0]): str(row[1]) for row in rows}


async def listed(tx: Tx) -> list[tuple[str, str]]:
    """Return all specialties with their English: those that hospitals write but lack it first."""
    rows = await tx.rows(
        """
        SELECT name, coalesce(e.name_en, '')
        FROM (SELECT specialty AS name FROM timetables WHERE specialty <> ''
              UNION SELECT name FROM specialties) written
        LEFT JOIN specialties e USING (name)
        ORDER BY e.name_en IS NOT NULL, name COLLATE "C"
        """
    )
    return [(name, name_en) for name, name_en in rows]


async def change(tx: Tx, name: str, name_en: str) -> str:
    """Set a specialty's English, or delete it where it is empty; return what it was."""
    row = await tx.row(
        "SELECT name_en FROM specialties WHERE name = %(name)s FOR UPDATE", {"name": name}
    )
    if name_en:
        await tx.do(
            """
            INSERT INTO specialties (name, name_en) VALUES (%(name)s, %(name_en)s)
            ON CONFLICT (name) DO UPDATE SET name_en = excluded.name_en
            """,
            {"name": name, "name_en": name_en},
        )
    else:
        await tx.do("DELETE FROM specialties WHERE name = %(name)s", {"name": name})
    return "" if row is None else str(row[0])
