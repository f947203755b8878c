"""What the platform announces to everybody on its first page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.store.db import Tx


@dataclass(frozen=True, slots=True)
class Announcement:
    """A title and a text in both languages; the English ones may be empty."""

    id: int
    title: str
    title_en: str
    body: str
    body_en: str
    shown_from: datetime


_SHOWN = """
    SELECT id, title, title_en, body, body_en, shown_from FROM announcements
    WHERE shown_from <= %s AND %s < shown_until
    ORDER BY shown_from DESC, id DESC
"""


async def shown(tx: Tx) -> list[Announcement]:
    """Those of now, the latest first."""
    return [Announcement(*row) for row in await tx.rows(_SHOWN, (tx.now, tx.now))]
