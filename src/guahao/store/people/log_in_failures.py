"""Failed log-ins of the staff, counted by login and network or by login and known device."""

from __future__ import annotations

from datetime import datetime

from guahao.store.kernel.db import Tx


async def locked_until(tx: Tx, subject: bytes) -> datetime | None:
    """Return until when this subject is not let try, None where it is."""
    row = await tx.row(
        "SELECT locked_until FROM staff_log_in_failures WHERE subject = %s AND locked_until > %s",
        (subject, tx.now),
    )
    return None if row is None else row[0]


async def count(tx: Tx, subject: bytes, login_index: bytes, forgotten_before: datetime) -> int:
    """Count a failure; how many there are in a row. Those of before then are forgotten."""
    row = await tx.row(
        """
        INSERT INTO staff_log_in_failures AS f (subject, login_index, failures, last_at)
        VALUES (%s, %s, 1, %s)
        ON CONFLICT (subject) DO UPDATE
        SET failures = CASE WHEN f.last_at < %s THEN 1 ELSE least(f.failures + 1, 1000) END,
            last_at = excluded.last_at
        RETURNING failures
        """,
        (subject, login_index, tx.now, forgotten_before),
    )
    assert row is not None
    return int(row[0])


async def lock(tx: Tx, subject: bytes, until: datetime | None) -> None:
    """Let nobody of this subject try until then."""
    await tx.do(
        "UPDATE staff_log_in_failures SET locked_until = %s WHERE subject = %s", (until, subject)
    )


async def forgive(tx: Tx, subject: bytes) -> None:
    """Forget the failures of a subject that has logged in."""
    await tx.do("DELETE FROM staff_log_in_failures WHERE subject = %s", (subject,))


async def forgive_login(tx: Tx, login_index: bytes) -> None:
    """Forget the failures of a login, wherever they came from."""
    await tx.do("DELETE FROM staff_log_in_failures WHERE login_index = %s", (login_index,))


async def purge(tx: Tx, before: datetime) -> None:
    """Remove failures of before then."""
    await tx.do("DELETE FROM staff_log_in_failures WHERE last_at < %s", (before,))
