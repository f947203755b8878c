"""Imports of sessions and timetables: the file, how far it has come, and files handed out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from guahao.rules.staff.staff import Who
from guahao.rules.supply.changes import Clinic
from guahao.store.kernel.db import Tx
from guahao.store.supply.import_rows import ACTION

CLAIMED_FOR = timedelta(minutes=5)
LEFT_AFTER = timedelta(minutes=1)  # its own job comes within seconds


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it stands; `found` is JSON. `hospital_id` None: of hospitals it names."""

    id: int
    hospital_id: int | None
    who: Who
    filename: str
    state: str
    step: str
    step_done: int
    step_of: int
    found: str
    checked_anew: bool
    at: datetime
    decided_at: datetime | None
    include_hidden: bool

    @property
    def is_open(self) -> bool:
        """Return whether a worker has something to do for it."""
        return self.state in ("waiting", "confirmed")


@dataclass(frozen=True, slots=True)
class ImportDepartment:
    """A department as a file may name it."""

    id: int
    hospital_id: int
    code: str
    name: str
    is_head: bool
    on_platform: bool


# The import -----------------------------------------------------------------------------------

_IMPORT = """
    SELECT id, hospital_id, who_kind, who_id, who_name, filename, state, step, step_done, step_of,
           found, checked_anew, at, decided_at, include_hidden
    FROM supply_imports
"""


def _import(
    *, hospital_id: int | None, who_kind: str, who_id: int, who_name: str, **fields: Any
) -> Import:
    who = Who(who_kind, who_id, who_name, hospital_id)
    return Import(hospital_id=hospital_id, who=who, **fields)


async def add(
    tx: Tx,
    hospital_id: int | None,
    who: Who,
    filename: str,
    content: bytes,
    *,
    include_hidden: bool,
) -> int:
    """Add an import that waits to be checked; return its id."""
    row = await tx.row(
        """
        INSERT INTO supply_imports (hospital_id, who_kind, who_id, who_name, filename, content, at,
                                    include_hidden)
        VALUES (%(hospital_id)s, %(who_kind)s, %(who_id)s, %(who_name)s, %(filename)s, %(content)s,
                %(now)s, %(include_hidden)s)
        RETURNING id
        """,
        {
            "hospital_id": hospital_id,
            "who_kind": who.kind,
            "who_id": who.id,
            "who_name": who.name,
            "filename": filename,
            "content": content,
            "now": tx.now,
            "include_hidden": include_hidden,
        },
    )
    assert row is not None
    return int(row[0])


async def by_id(tx: Tx, import_id: int) -> Import | None:
    """Return an import; None if unknown or another hospital's."""
    return await tx.record(_import, _IMPORT + "WHERE id = %(id)s", {"id": import_id})


async def latest(tx: Tx, hospital_id: int, limit: int) -> list[Import]:
    """Return a hospital's imports, the newest first."""
    return await tx.records(
        _import,
        _IMPORT + "WHERE hospital_id = %(hospital_id)s ORDER BY id DESC LIMIT %(limit)s",
        {"hospital_id": hospital_id, "limit": limit},
    )


async def unfinished(tx: Tx) -> list[int]:
    """Return the imports that have waited for LEFT_AFTER and that no worker has claimed."""
    rows = await tx.rows(
        """
        SELECT id FROM supply_imports
        WHERE state IN ('waiting', 'confirmed')
          AND coalesce(taken_until, '-infinity') < %(now)s
          AND greatest(at, decided_at) < %(before)s
        ORDER BY id
        """,
        {"now": tx.now, "before": tx.now - LEFT_AFTER},
    )
    return [row[0] for row in rows]


async def claim(tx: Tx, import_id: int) -> Import | None:
    """Claim an import for CLAIMED_FOR; None where another worker has it or it is done."""
    row = await tx.row(
        """
        UPDATE supply_imports SET taken_until = %(until)s
        WHERE id = (SELECT id FROM supply_imports
                    WHERE id = %(id)s AND state IN ('waiting', 'confirmed')
                      AND coalesce(taken_until, '-infinity') < %(now)s
                    FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id
        """,
        {"until": tx.now + CLAIMED_FOR, "id": import_id, "now": tx.now},
    )
    return None if row is None else await by_id(tx, import_id)


async def release(tx: Tx, import_id: int) -> None:
    """Give a claim up."""
    await tx.do("UPDATE supply_imports SET taken_until = NULL WHERE id = %(id)s", {"id": import_id})


async def content(tx: Tx, import_id: int) -> bytes:
    """Return the file."""
    row = await tx.row("SELECT content FROM supply_imports WHERE id = %(id)s", {"id": import_id})
    assert row is not None
    return bytes(row[0])


async def note_step(tx: Tx, import_id: int, step: str, done: int, of: int) -> None:
    """Save how far the work has come, and renew the claim."""
    await tx.do(
        """
        UPDATE supply_imports
        SET step = %(step)s, step_done = %(done)s, step_of = %(of)s, taken_until = %(until)s
        WHERE id = %(id)s
        """,
        {"step": step, "done": done, "of": of, "until": tx.now + CLAIMED_FOR, "id": import_id},
    )


async def lock_waiting(tx: Tx, import_id: int) -> bool:
    """Lock an import for what its check has found; False where it no longer waits for it."""
    row = await tx.row(
        """
        SELECT 1 FROM supply_imports WHERE id = %(id)s AND state = 'waiting' FOR NO KEY UPDATE
        """,
        {"id": import_id},
    )
    return row is not None


async def note_checked(tx: Tx, import_id: int, state: str, found: str) -> None:
    """Save what the check of a locked import has found; a faulty file is no longer needed."""
    await tx.do(
        """
        UPDATE supply_imports
        SET state = %(state)s, found = %(found)s,
            content = CASE WHEN %(state)s = 'faulty' THEN NULL ELSE content END
        WHERE id = %(id)s
        """,
        {"state": state, "found": found, "id": import_id},
    )


async def decide(tx: Tx, import_id: int, state: str, *before: str) -> bool:
    """Confirm or withdraw an import that is in one of the states `before`; whether it was."""
    done = await tx.do(
        """
        UPDATE supply_imports
        SET state = %(state)s, decided_at = %(now)s, checked_anew = false,
            content = CASE WHEN %(state)s = 'withdrawn' THEN NULL ELSE content END
        WHERE id = %(id)s AND state = ANY(%(before)s)
        """,
        {"state": state, "now": tx.now, "id": import_id, "before": list(before)},
    )
    return done == 1


async def withdraw_forgotten(tx: Tx, before: datetime) -> int:
    """Withdraw what came before then and was never confirmed; return how many files went."""
    params = {"before": before, "now": tx.now}
    await tx.do(
        """
        DELETE FROM supply_import_rows
        WHERE import_id IN (SELECT id FROM supply_imports
                            WHERE state = 'checked' AND at < %(before)s)
        """,
        params,
    )
    return await tx.do(
        """
        UPDATE supply_imports SET state = 'withdrawn', decided_at = %(now)s, content = NULL
        WHERE state = 'checked' AND at < %(before)s
        """,
        params,
    )


async def count_open(tx: Tx, hospital_id: int) -> int:
    """Return how many of a hospital's files wait for a worker."""
    row = await tx.row(
        """
        SELECT count(*) FROM supply_imports
        WHERE hospital_id = %(hospital_id)s AND state IN ('waiting', 'confirmed')
        """,
        {"hospital_id": hospital_id},
    )
    assert row is not None
    return int(row[0])


async def check_anew(tx: Tx, import_id: int) -> None:
    """Send an import back to the check, as what was confirmed is no longer what would happen."""
    await tx.do(
        "UPDATE supply_imports SET state = 'waiting', checked_anew = true WHERE id = %(id)s",
        {"id": import_id},
    )


async def note_applied(tx: Tx, import_id: int, found: str) -> None:
    """Mark an import applied; what it added and changed stays, the file and the rest go."""
    await tx.do(
        f"DELETE FROM supply_import_rows WHERE import_id = %(id)s AND {ACTION} = 'same'",
        {"id": import_id},
    )
    await tx.do(
        """
        UPDATE supply_imports
        SET state = 'applied', applied_at = %(now)s, content = NULL, found = %(found)s
        WHERE id = %(id)s
        """,
        {"now": tx.now, "found": found, "id": import_id},
    )


async def departments(tx: Tx, hospital_id: int | None) -> list[ImportDepartment]:
    """Return every department of the hospital, or of all of them."""
    return await tx.records(
        ImportDepartment,
        """
        SELECT id, hospital_id, code, name, parent_id IS NULL AS is_head, on_platform
        FROM departments WHERE hospital_id = coalesce(%(hospital_id)s, hospital_id)
        """,
        {"hospital_id": hospital_id},
    )


async def hospital_codes(tx: Tx, hospital_id: int | None) -> dict[str, int]:
    """Return ids by code, of the hospital or of all."""
    rows = await tx.rows(
        "SELECT code, id FROM hospitals WHERE id = coalesce(%(hospital_id)s, id)",
        {"hospital_id": hospital_id},
    )
    return dict(rows)


# Handing out -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExportedSession:
    """A session as a file holds it."""

    id: int
    hospital_code: str
    department_code: str
    department_name: str
    visit_date: date
    booked: int
    stopped: bool
    clinic: Clinic


async def sessions_between(
    tx: Tx, hospital_id: int, first: date, last: date, limit: int
) -> list[ExportedSession]:
    """Return a hospital's sessions of these days, both included."""
    return await tx.records(
        _exported,
        """
        SELECT s.id, h.code AS hospital_code, d.code AS department_code,
               d.name AS department_name, s.visit_date, s.booked,
               s.stopped_at IS NOT NULL AS stopped,
               s.title, s.specialty, s.period, s.starts_at, s.ends_at, s.fee_fen, s.capacity
        FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
        JOIN hospitals h ON h.id = s.hospital_id
        WHERE s.department_id IN (SELECT id FROM departments WHERE hospital_id = %(hospital_id)s)
          AND s.visit_date BETWEEN %(first)s AND %(last)s
        ORDER BY s.visit_date, d.code, array_position('{morning,afternoon,evening}', s.period),
                 s.starts_at NULLS FIRST, s.title, s.id
        LIMIT %(limit)s
        """,
        {"hospital_id": hospital_id, "first": first, "last": last, "limit": limit},
    )


def _exported(
    *,
    id: int,
    hospital_code: str,
    department_code: str,
    department_name: str,
    visit_date: date,
    booked: int,
    stopped: bool,
    **clinic: Any,
) -> ExportedSession:
    return ExportedSession(
        *(id, hospital_code, department_code, department_name, visit_date, booked, stopped),
        Clinic(**clinic),
    )
