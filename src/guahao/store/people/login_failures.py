"""Failed log-ins of the staff, counted by login and network or by login and known device."""

from __future__ import annotations

from datetime import datetime

from guahao.store.kernel.db import Tx


async def locked_until(tx: Tx, subject: bytes) -> datetime | None:
    """Return until when this subject may not try, None where it may."""
    row = await tx.row(
        """
        SELECT locked_until FROM staff_log_in_failures
        WHERE subject = %(subject)s AND locked_until > %(now)s
        """,
        {"subject": subject, "now": tx.now},
    )
    return None if row is None else row[0]


async def count(tx: Tx, subject: bytes, login_index: bytes, forgotten_before: datetime) -> int:
    """Count a failure; return how many there are in a row since `forgotten_before`."""
    row = await tx.row(
        """
        INSERT INTO staff_log_in_failures AS f (subject, login_index, failures, last_at)
        VALUES (%(subject)s, %(login_index)s, 1, %(now)s)
        ON CONFLICT (subject) DO UPDATE
        SET failures = CASE WHEN f.last_at < %(before)s THEN 1 ELSE least(f.failures + 1, 1000) END,
            last_at = excluded.last_at
        RETURNING failures
        """,
        {
            "subject": subject,
            "login_index": login_index,
            "now": tx.now,
            "before": forgotten_before,
        },
    )
    assert row is not None
    return int(row[0])


async def lock(tx: Tx, subject: bytes, until: datetime | None) -> None:
    """Lock a subject until then."""
    await tx.do(
        "UPDATE staff_log_in_failures SET locked_until = %(until)s WHERE subject = %(subject)s",
        {"until": until, "subject": subject},
    )


async def forgive(tx: Tx, subject: bytes) -> None:
    """Forget the failures of a subject that has logged in."""
    await tx.do(
        "DELETE FROM staff_log_in_failures WHERE subject = %(subject)s", {"subject": subject}
    )


async def forgive_login(tx: Tx, login_index: bytes) -> None:
    """Forget the failures of a login, wherever they came from."""
    await tx.do(
        "DELETE FROM staff_log_in_failures WHERE login_index = %(index)s", {"index": login_index}
    )


async def purge(tx: Tx, before: datetime) -> None:
    """Remove failures of before then."""
    await tx.do("DELETE FROM staff_log_in_failures WHERE last_at < %(before)s", {"before": before})
