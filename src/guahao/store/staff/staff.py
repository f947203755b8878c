"""Members of the staff, their passwords, second factors and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.rules.staff.staff import Role, Staff, Who
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault

_COLUMNS = """
    s.id, s.login, s.name, s.role, s.hospital_id, s.password_is_temporary, s.has_second_factor,
    s.totp_last_step, s.failed_log_ins, s.locked_until, s.disabled_at, s.password_expires_at,
    s.access_by, s.access_at
"""


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of the staff, without the secrets."""

    id: int
    login: str
    name: str
    role: Role
    hospital_id: int | None
    password_is_temporary: bool
    has_second_factor: bool
    totp_last_step: int
    failed_log_ins: int
    locked_until: datetime | None
    disabled_at: datetime | None
    password_expires_at: datetime | None
    access_by: int | None
    access_at: datetime | None

    @property
    def staff(self) -> Staff:
        """Themselves, for the flows."""
        return Staff(
            self.id, self.login, self.role, self.hospital_id, self.access_by, self.access_at
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a member of the staff logs in with. `totp_secret`: in base 32, once it is enrolled."""

    password_hash: str
    totp_secret: str | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A staff session; `verified_at` is None until the second factor was shown."""

    id: int
    staff_id: int
    verified_at: datetime | None
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class StaffListing:
    """A member of the staff as administrators see them."""

    id: int
    login: str
    name: str
    role: Role
    hospital_id: int | None
    hospital_name: str | None
    has_second_factor: bool
    locked_until: datetime | None
    disabled_at: datetime | None
    open_sessions: int
    password_expires_at: datetime | None


async def add(
    tx: Tx,
    login: str,
    name: str,
    role: Role,
    hospital_id: int | None,
    password_hash: str,
    expires_at: datetime,
) -> int | None:
    """A new member with a temporary password; the id, or None where the login is taken."""
    row = await tx.secret_row(
        """
        INSERT INTO staff (login, name, role, hospital_id, password_hash, password_expires_at,
                           created_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (login) DO NOTHING RETURNING id
        """,
        (login, name, role.value, hospital_id, password_hash, expires_at, tx.now),
    )
    return None if row is None else int(row[0])


async def set_access(tx: Tx, staff_id: int, by: Who) -> None:
    """Record who has just let this member in: added, reset or enabled them, or gave a role."""
    await tx.do(
        "UPDATE staff SET access_by = %s, access_at = %s WHERE id = %s",
        (by.id if by.kind == "staff" else None, tx.now, staff_id),
    )


async def by_login(tx: Tx, login: str, *, lock: bool = False) -> StaffRow | None:
    """The member with this login."""
    tail = "FOR NO KEY UPDATE" if lock else ""
    row = await tx.row(f"SELECT {_COLUMNS} FROM staff s WHERE s.login = %s {tail}", (login,))
    return None if row is None else _row(row)


async def by_id(tx: Tx, staff_id: int, *, lock: bool = False) -> StaffRow | None:
    """The member with this id."""
    tail = "FOR NO KEY UPDATE" if lock else ""
    row = await tx.row(f"SELECT {_COLUMNS} FROM staff s WHERE s.id = %s {tail}", (staff_id,))
    return None if row is None else _row(row)


async def credentials_of(tx: Tx, vault: Vault, staff_id: int) -> Credentials | None:
    """Return what the member logs in with; for the log-in and the change of a password alone."""
    row = await tx.secret_row(
        "SELECT password_hash, totp_secret_enc FROM staff WHERE id = %s", (staff_id,)
    )
    if row is None:
        return None
    password_hash, sealed = row
    secret = None if sealed is None else vault.open("staff", "totp_secret", staff_id, sealed)
    return Credentials(password_hash, secret)


async def listed(tx: Tx) -> list[StaffListing]:
    """Everybody, by hospital, role and login."""
    rows = await tx.rows(
        """
        SELECT s.id, s.login, s.name, s.role, s.hospital_id, h.name,
               s.has_second_factor, s.locked_until, s.disabled_at,
               (SELECT count(*) FROM staff_sessions o
                WHERE o.staff_id = s.id AND o.ended_at IS NULL AND o.verified_at IS NOT NULL),
               s.password_expires_at
        FROM staff s LEFT JOIN hospitals h ON h.id = s.hospital_id
        ORDER BY s.hospital_id NULLS FIRST, s.role, s.login
        """
    )
    return [StaffListing(*[*row[:3], Role(row[3]), *row[4:]]) for row in rows]


async def hospital_exists(tx: Tx, hospital_id: int) -> bool:
    """Whether there is such a hospital."""
    return await tx.row("SELECT FROM hospitals WHERE id = %s", (hospital_id,)) is not None


async def hospital_name(tx: Tx, hospital_id: int | None) -> str:
    """The name of a hospital; empty where there is none."""
    row = await tx.row("SELECT name FROM hospitals WHERE id = %s", (hospital_id,))
    return "" if row is None else str(row[0])


async def hospital_id_of(tx: Tx, code: str) -> int | None:
    """The hospital of a code."""
    row = await tx.row("SELECT id FROM hospitals WHERE code = %s", (code,))
    return None if row is None else int(row[0])


async def enabled_administrators(tx: Tx) -> int:
    """How many administrators can log in; locks them all, so that the last one stays."""
    rows = await tx.rows(
        """
        SELECT id FROM staff WHERE role = 'administrator' AND disabled_at IS NULL
        ORDER BY id FOR NO KEY UPDATE
        """
    )
    return len(rows)


async def count_failure(
    tx: Tx, staff_id: int, failures: int, locked_until: datetime | None
) -> None:
    """Note a wrong second factor, and until when no other is tried."""
    await tx.do(
        "UPDATE staff SET failed_log_ins = %s, locked_until = %s WHERE id = %s",
        (failures, locked_until, staff_id),
    )


async def set_password(
    tx: Tx,
    staff_id: int,
    password_hash: str,
    *,
    temporary: bool,
    expires_at: datetime | None = None,
) -> None:
    """Replace the password; failures and locks end with the old one."""
    await tx.do_secret(
        """
        UPDATE staff SET password_hash = %s, password_is_temporary = %s,
               password_expires_at = %s, failed_log_ins = 0, locked_until = NULL
        WHERE id = %s
        """,
        (password_hash, temporary, expires_at, staff_id),
    )


async def rehash(tx: Tx, staff_id: int, password_hash: str) -> None:
    """The same password under newer parameters."""
    await tx.do_secret(
        "UPDATE staff SET password_hash = %s WHERE id = %s", (password_hash, staff_id)
    )


async def set_totp_secret(tx: Tx, vault: Vault, staff_id: int, secret: str | None) -> None:
    """Enrol a second factor, or forget it (None)."""
    sealed = None if secret is None else vault.seal("staff", "totp_secret", staff_id, secret)
    await tx.do_secret(
        "UPDATE staff SET totp_secret_enc = %s, totp_last_step = 0 WHERE id = %s",
        (sealed, staff_id),
    )


async def accept_totp_step(tx: Tx, staff_id: int, step: int) -> None:
    """Use up a time step, and all before it."""
    await tx.do("UPDATE staff SET totp_last_step = %s WHERE id = %s", (step, staff_id))


async def active_logins(tx: Tx, named: Sequence[tuple[str, str]]) -> list[str]:
    """Return which of these (login, name) are there and not disabled."""
    logins, names = [login for login, _ in named], [name for _, name in named]
    rows = await tx.rows(
        """
        SELECT login FROM staff
        JOIN unnest(%s::text[], %s::text[]) AS n (login, name) USING (login, name)
        WHERE disabled_at IS NULL ORDER BY login
        """,
        (logins, names),
    )
    return [row[0] for row in rows]


async def set_disabled(tx: Tx, staff_id: int, disabled_at: datetime | None) -> None:
    """Shut somebody out, or let them in again."""
    await tx.do("UPDATE staff SET disabled_at = %s WHERE id = %s", (disabled_at, staff_id))


async def set_role(tx: Tx, staff_id: int, role: Role, hospital_id: int | None) -> None:
    """Another role, and the hospital that goes with it."""
    await tx.do(
        "UPDATE staff SET role = %s, hospital_id = %s WHERE id = %s",
        (role.value, hospital_id, staff_id),
    )


# Sessions ---------------------------------------------------------------------------------


async def open_session(tx: Tx, staff_id: int, token_index: bytes, *, verified: bool) -> int:
    """A session under the HMAC of its cookie's value."""
    session_id = await next_id(tx, "staff_sessions")
    await tx.do(
        """
        INSERT INTO staff_sessions (id, staff_id, token_index, verified_at, created_at, seen_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (session_id, staff_id, token_index, tx.now if verified else None, tx.now, tx.now),
    )
    return session_id


async def session_of(tx: Tx, token_indexes: list[bytes]) -> SessionRow | None:
    """The open session of this cookie."""
    row = await tx.row(
        """
        SELECT id, staff_id, verified_at, created_at, seen_at FROM staff_sessions
        WHERE token_index = ANY(%s::bytea[]) AND ended_at IS NULL
        """,
        (token_indexes,),
    )
    return None if row is None else SessionRow(*row)


async def sessions_of(tx: Tx, staff_id: int) -> list[SessionRow]:
    """The open sessions of a member, newest first."""
    rows = await tx.rows(
        """
        SELECT id, staff_id, verified_at, created_at, seen_at FROM staff_sessions
        WHERE staff_id = %s AND ended_at IS NULL AND verified_at IS NOT NULL ORDER BY id DESC
        """,
        (staff_id,),
    )
    return [SessionRow(*row) for row in rows]


async def see_session(tx: Tx, session_id: int) -> None:
    """It was used just now."""
    await tx.do("UPDATE staff_sessions SET seen_at = %s WHERE id = %s", (tx.now, session_id))


async def end_session(tx: Tx, session_id: int) -> None:
    """This session is over."""
    await tx.do(
        "UPDATE staff_sessions SET ended_at = %s WHERE id = %s AND ended_at IS NULL",
        (tx.now, session_id),
    )


async def end_sessions_of(tx: Tx, staff_id: int, *, spare: int = 0) -> int:
    """All sessions of a member but `spare` are over; how many were open."""
    return await tx.do(
        """
        UPDATE staff_sessions SET ended_at = %s
        WHERE staff_id = %s AND id <> %s AND ended_at IS NULL
        """,
        (tx.now, staff_id, spare),
    )


async def purge_sessions(tx: Tx, before: datetime) -> int:
    """Forget sessions that began before then; the trail tells of them."""
    return await tx.do("DELETE FROM staff_sessions WHERE created_at < %s", (before,))


def _row(row: tuple[object, ...]) -> StaffRow:
    values = list(row)
    values[3] = Role(str(values[3]))
    return StaffRow(*values)  # type: ignore[arg-type]
