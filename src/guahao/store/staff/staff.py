"""Members of the staff, their passwords, second factors and log-ins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.rules.staff.logins import LoginFacts
from guahao.rules.staff.members import MemberFacts
from guahao.rules.staff.staff import Role, Staff, Who
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault

_COLUMNS = """
    s.id, s.login, s.name, s.role, s.hospital_id, s.password_is_temporary, s.has_second_factor,
    s.totp_last_step, s.failed_log_ins, s.locked_until, s.disabled_at, s.password_expires_at,
    s.access_by, s.access_at,
    coalesce((SELECT h.name FROM hospitals h WHERE h.id = s.hospital_id), '') AS hospital_name,
    coalesce((SELECT h.name_en FROM hospitals h WHERE h.id = s.hospital_id), '')
        AS hospital_name_en
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
    hospital_name: str
    hospital_name_en: str

    def __post_init__(self) -> None:
        """Make the column's text a member of its enumeration."""
        object.__setattr__(self, "role", Role(self.role))

    @property
    def facts(self) -> MemberFacts:
        """Return what decides about a change."""
        return MemberFacts(self.role, self.disabled_at is not None)

    @property
    def staff(self) -> Staff:
        """Return the member, as the flows name them."""
        return Staff(
            *(self.id, self.login, self.role, self.hospital_id, self.access_by, self.access_at),
            *(self.hospital_name, self.hospital_name_en),
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a member of the staff logs in with. `totp_secret`: in base 32, once it is enrolled."""

    password_hash: str
    totp_secret: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRow(LoginFacts):
    """A log-in of a member of the staff."""

    id: int
    staff_id: int


@dataclass(frozen=True, slots=True)
class StaffListing:
    """A member of the staff as administrators see them."""

    id: int
    login: str
    name: str
    role: Role
    hospital_id: int | None
    hospital_name: str | None
    hospital_name_en: str | None
    has_second_factor: bool
    locked_until: datetime | None
    disabled_at: datetime | None
    open_logins: int
    password_expires_at: datetime | None

    def __post_init__(self) -> None:
        """Make the column's text a member of its enumeration."""
        object.__setattr__(self, "role", Role(self.role))


async def add(
    tx: Tx,
    login: str,
    name: str,
    role: Role,
    hospital_id: int | None,
    password_hash: str,
    expires_at: datetime,
) -> int | None:
    """Add a member with a temporary password; return the id, None where the login is taken."""
    row = await tx.secret_row(
        """
        INSERT INTO staff (login, name, role, hospital_id, password_hash, password_expires_at,
                           created_at)
        VALUES (%(login)s, %(name)s, %(role)s, %(hospital_id)s, %(password_hash)s,
                %(expires_at)s, %(now)s)
        ON CONFLICT (login) DO NOTHING RETURNING id
        """,
        {
            "login": login,
            "name": name,
            "role": role.value,
            "hospital_id": hospital_id,
            "password_hash": password_hash,
            "expires_at": expires_at,
            "now": tx.now,
        },
    )
    return None if row is None else int(row[0])


async def set_access(tx: Tx, staff_id: int, by: Who) -> None:
    """Record who has just let this member in: added, reset or enabled them, or gave a role."""
    await tx.do(
        "UPDATE staff SET access_by = %(by)s, access_at = %(now)s WHERE id = %(id)s",
        {"by": by.id if by.kind == "staff" else None, "now": tx.now, "id": staff_id},
    )


async def by_login(tx: Tx, login: str) -> StaffRow | None:
    """Return the member with this login."""
    return await tx.record(
        StaffRow, f"SELECT {_COLUMNS} FROM staff s WHERE s.login = %(login)s", {"login": login}
    )


async def by_id(tx: Tx, staff_id: int, *, lock: bool = False) -> StaffRow | None:
    """Return the member with this id."""
    tail = "FOR NO KEY UPDATE" if lock else ""
    return await tx.record(
        StaffRow, f"SELECT {_COLUMNS} FROM staff s WHERE s.id = %(id)s {tail}", {"id": staff_id}
    )


async def credentials_of(tx: Tx, vault: Vault, staff_id: int) -> Credentials | None:
    """Return what the member logs in with; for the log-in and the change of a password alone."""
    row = await tx.secret_row(
        "SELECT password_hash, totp_secret_enc FROM staff WHERE id = %(id)s", {"id": staff_id}
    )
    if row is None:
        return None
    password_hash, sealed = row
    secret = None if sealed is None else vault.open("staff", "totp_secret", staff_id, sealed)
    return Credentials(password_hash, secret)


async def listed(tx: Tx) -> list[StaffListing]:
    """Return all members, by hospital, role and login."""
    return await tx.records(
        StaffListing,
        """
        SELECT s.id, s.login, s.name, s.role, s.hospital_id, h.name AS hospital_name,
               h.name_en AS hospital_name_en, s.has_second_factor, s.locked_until, s.disabled_at,
               (SELECT count(*) FROM staff_sessions o
                WHERE o.staff_id = s.id AND o.ended_at IS NULL
                  AND o.verified_at IS NOT NULL) AS open_logins,
               s.password_expires_at
        FROM staff s LEFT JOIN hospitals h ON h.id = s.hospital_id
        ORDER BY s.hospital_id NULLS FIRST, s.role, s.login
        """,
    )


async def hospital_exists(tx: Tx, hospital_id: int) -> bool:
    """Return whether there is such a hospital."""
    found = await tx.row("SELECT FROM hospitals WHERE id = %(id)s", {"id": hospital_id})
    return found is not None


async def hospital_name(tx: Tx, hospital_id: int | None) -> str:
    """Return the name of a hospital; empty where there is none."""
    row = await tx.row("SELECT name FROM hospitals WHERE id = %(id)s", {"id": hospital_id})
    return "" if row is None else str(row[0])


async def hospital_id_of(tx: Tx, code: str) -> int | None:
    """Return the id of the hospital with this code."""
    row = await tx.row("SELECT id FROM hospitals WHERE code = %(code)s", {"code": code})
    return None if row is None else int(row[0])


async def enabled_administrators(tx: Tx) -> int:
    """Count the administrators who can log in; locks them all, so that the last one stays."""
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
    """Record a wrong second factor, and until when no other is tried."""
    await tx.do(
        "UPDATE staff SET failed_log_ins = %(failures)s, locked_until = %(until)s"
        " WHERE id = %(id)s",
        {"failures": failures, "until": locked_until, "id": staff_id},
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
        UPDATE staff SET password_hash = %(hash)s, password_is_temporary = %(temporary)s,
               password_expires_at = %(expires_at)s, failed_log_ins = 0, locked_until = NULL
        WHERE id = %(id)s
        """,
        {
            "hash": password_hash,
            "temporary": temporary,
            "expires_at": expires_at,
            "id": staff_id,
        },
    )


async def rehash(tx: Tx, staff_id: int, password_hash: str) -> None:
    """Store the same password hashed with newer parameters."""
    await tx.do_secret(
        "UPDATE staff SET password_hash = %(hash)s WHERE id = %(id)s",
        {"hash": password_hash, "id": staff_id},
    )


async def set_totp_secret(tx: Tx, vault: Vault, staff_id: int, secret: str | None) -> None:
    """Enrol a second factor, or forget it (None)."""
    sealed = None if secret is None else vault.seal("staff", "totp_secret", staff_id, secret)
    await tx.do_secret(
        "UPDATE staff SET totp_secret_enc = %(sealed)s, totp_last_step = 0 WHERE id = %(id)s",
        {"sealed": sealed, "id": staff_id},
    )


async def accept_totp_step(tx: Tx, staff_id: int, step: int) -> None:
    """Use up a time step, and all before it."""
    await tx.do(
        "UPDATE staff SET totp_last_step = %(step)s WHERE id = %(id)s",
        {"step": step, "id": staff_id},
    )


async def active_logins(tx: Tx, named: Sequence[tuple[str, str]]) -> list[str]:
    """Return which of these (login, name) are there and not disabled."""
    rows = await tx.rows(
        """
        SELECT login FROM staff
        JOIN unnest(%(logins)s::text[], %(names)s::text[]) AS n (login, name) USING (login, name)
        WHERE disabled_at IS NULL ORDER BY login
        """,
        {"logins": [login for login, _ in named], "names": [name for _, name in named]},
    )
    return [login for (login,) in rows]


async def set_disabled(tx: Tx, staff_id: int, disabled_at: datetime | None) -> None:
    """Disable a member, or enable them again (None)."""
    await tx.do(
        "UPDATE staff SET disabled_at = %(at)s WHERE id = %(id)s",
        {"at": disabled_at, "id": staff_id},
    )


async def set_role(tx: Tx, staff_id: int, role: Role, hospital_id: int | None) -> None:
    """Give a member a role, and the hospital that goes with it."""
    await tx.do(
        "UPDATE staff SET role = %(role)s, hospital_id = %(hospital_id)s WHERE id = %(id)s",
        {"role": role.value, "hospital_id": hospital_id, "id": staff_id},
    )


# Log-ins ----------------------------------------------------------------------------------

_LOGIN = "SELECT id, staff_id, verified_at, created_at, seen_at FROM staff_sessions"


async def begin_login(tx: Tx, staff_id: int, token_index: bytes, *, verified: bool) -> int:
    """Begin a log-in under the HMAC of its cookie's value; return its id."""
    login_id = await next_id(tx, "staff_sessions")
    await tx.do(
        """
        INSERT INTO staff_sessions (id, staff_id, token_index, verified_at, created_at, seen_at)
        VALUES (%(id)s, %(staff_id)s, %(token_index)s, %(verified_at)s, %(now)s, %(now)s)
        """,
        {
            "id": login_id,
            "staff_id": staff_id,
            "token_index": token_index,
            "verified_at": tx.now if verified else None,
            "now": tx.now,
        },
    )
    return login_id


async def login_of(tx: Tx, token_indexes: list[bytes]) -> LoginRow | None:
    """Return the log-in of a cookie, where nobody has ended it."""
    return await tx.record(
        LoginRow,
        f"{_LOGIN} WHERE token_index = ANY(%(indexes)s::bytea[]) AND ended_at IS NULL",
        {"indexes": token_indexes},
    )


async def logins_of(tx: Tx, staff_id: int) -> list[LoginRow]:
    """Return a member's log-ins with both factors that nobody has ended, newest first."""
    return await tx.records(
        LoginRow,
        f"""
        {_LOGIN} WHERE staff_id = %(staff_id)s AND ended_at IS NULL AND verified_at IS NOT NULL
        ORDER BY id DESC
        """,
        {"staff_id": staff_id},
    )


async def note_use(tx: Tx, login_id: int) -> None:
    """Record that a log-in was used just now."""
    await tx.do(
        "UPDATE staff_sessions SET seen_at = %(now)s WHERE id = %(id)s",
        {"now": tx.now, "id": login_id},
    )


async def end_login(tx: Tx, login_id: int) -> None:
    """End a log-in."""
    await tx.do(
        "UPDATE staff_sessions SET ended_at = %(now)s WHERE id = %(id)s AND ended_at IS NULL",
        {"now": tx.now, "id": login_id},
    )


async def end_logins_of(tx: Tx, staff_id: int, *, spare: int = 0) -> int:
    """End all log-ins of a member but `spare`; return how many were open."""
    return await tx.do(
        """
        UPDATE staff_sessions SET ended_at = %(now)s
        WHERE staff_id = %(staff_id)s AND id <> %(spare)s AND ended_at IS NULL
        """,
        {"now": tx.now, "staff_id": staff_id, "spare": spare},
    )


async def purge_logins(tx: Tx, before: datetime) -> int:
    """Delete log-ins that began before then; the audit trail keeps their record."""
    return await tx.do(
        "DELETE FROM staff_sessions WHERE created_at < %(before)s", {"before": before}
    )
