"""What the platform announces to everybody on its first page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Announcement:
    """A title and a text in both languages; the English ones may be empty."""

    id: int
    title: str
    title_en: str
    body: str
    body_en: str
    shown_from: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What an administrator writes; `shown_until` None: until it is withdrawn."""

    title: str
    title_en: str
    body: str
    body_en: str
    shown_from: datetime
    shown_until: datetime | None
    is_maintenance: bool = False  # shown on the status page as well


@dataclass(frozen=True, slots=True)
class Kept:
    """An announcement with what became of it."""

    id: int
    withdrawn_at: datetime | None
    written: Written


_SHOWN = """
    SELECT id, title, title_en, body, body_en, shown_from FROM announcements
    WHERE shown_from <= %s AND %s < shown_until AND withdrawn_at IS NULL
    ORDER BY shown_from DESC, id DESC
"""


async def shown(tx: Tx) -> list[Announcement]:
    """Those of now, the latest first."""
    return [Announcement(*row) for row in await tx.rows(_SHOWN, (tx.now, tx.now))]


# Writing ------------------------------------------------------------------------------------

# The calendar has no "for ever" of its own.
_KEPT = """
    SELECT id, withdrawn_at, title, title_en, body, body_en, shown_from,
           nullif(shown_until, 'infinity'), is_maintenance
    FROM announcements
"""


def _kept(row: Sequence[object]) -> Kept:
    return Kept(*[*row[:2], Written(*row[2:])])  # type: ignore[arg-type]


async def latest(tx: Tx, limit: int) -> list[Kept]:
    """Those of now, before and later, the latest first."""
    rows = await tx.rows(f"{_KEPT} ORDER BY shown_from DESC, id DESC LIMIT %s", (limit,))
    return [_kept(row) for row in rows]


async def one(tx: Tx, announcement_id: int, *, lock: bool = False) -> Kept | None:
    """An announcement, or None."""
    row = await tx.row(
        f"{_KEPT} WHERE id = %s {'FOR NO KEY UPDATE' if lock else ''}", (announcement_id,)
    )
    return None if row is None else _kept(row)


async def add(tx: Tx, written: Written) -> int:
    """A new announcement; its id."""
    row = await tx.row(
        """
        INSERT INTO announcements
            (title, title_en, body, body_en, shown_from, shown_until, is_maintenance)
        VALUES (%s, %s, %s, %s, %s, coalesce(%s::timestamptz, 'infinity'), %s) RETURNING id
        """,
        astuple(written),
    )
    assert row is not None
    return int(row[0])


async def change(tx: Tx, announcement_id: int, written: Written) -> None:
    """Other words or another time."""
    await tx.do(
        """
        UPDATE announcements
        SET (title, title_en, body, body_en, shown_from, shown_until, is_maintenance)
            = (%s, %s, %s, %s, %s, coalesce(%s::timestamptz, 'infinity'), %s)
        WHERE id = %s
        """,
        (*astuple(written), announcement_id),
    )


async def withdraw(tx: Tx, announcement_id: int) -> None:
    """It is shown no more, from now on."""
    await tx.do(
        "UPDATE announcements SET withdrawn_at = %s WHERE id = %s", (tx.now, announcement_id)
    )
