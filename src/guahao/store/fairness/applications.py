"""Applications and their patients.

Locks come in the order of the desk: accounts by id where something is counted for them, persons
by id, then the applications by id. An application changes only while its row is locked; a draw that
allots a place locks the persons first, so that it sees what a withdrawal or a removal has
committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.fairness.applying import ApplicantFacts, SessionInDraw, Wishes
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import HospitalRules
from guahao.store.booking.appointments import lock_persons
from guahao.store.hospitals.directory import RULES_COLUMNS, rules_on, take_rules
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import columns, parameters, take
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView, SessionView
from guahao.store.people.patients import PATIENT_COLUMNS, PatientRow
from guahao.store.supply import sessions


@dataclass(frozen=True, slots=True)
class ApplicationView:
    """An application for its owner, or for staff whose access is recorded.

    `patients`: those that the account still has. `appointments`: the bookings that it won.
    """

    id: int
    state: str
    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_id: int
    department_name: str
    department_name_en: str
    wishes: Wishes
    channel: str
    lost: int
    created_at: datetime
    changed_at: datetime
    patients: tuple[PatientView, ...]
    appointments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NewApplication:
    """An accepted application, ready to be written."""

    actor: Actor
    key: str
    body_sha256: bytes
    account_id: int
    hospital_id: int
    department_id: int
    patient_ids: tuple[int, ...]
    wishes: Wishes
    channel: str


@dataclass(frozen=True, slots=True)
class EarlierApplication:
    """An application under an idempotency key, and the hash of the request that made it."""

    id: int
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class LockedApplication:
    """An application whose persons and row are locked."""

    id: int
    hospital_id: int
    state: str


@dataclass(frozen=True, slots=True)
class LiveApplication:
    """A live application that may have to end; `rules`: of its hospital, today."""

    id: int
    wishes: Wishes
    patient_ids: tuple[int, ...]
    rules: HospitalRules


# Reading ------------------------------------------------------------------------------------

_WISHES = columns(Wishes, "a")
_PATIENT_IDS = """
    (SELECT array_agg(ap.patient_id ORDER BY ap.position) FROM application_patients ap
     WHERE ap.application_id = a.id) AS patient_ids
"""
# The patients of an application whom its account still has: the account sees no others.
_STILL_OWN = """
    FROM application_patients ap JOIN patients p ON p.id = ap.patient_id
    WHERE ap.application_id = a.id AND p.account_id = a.account_id
"""
_OWNED = f"""
    (%(account_id)s::bigint IS NULL
     OR (a.account_id = %(account_id)s AND EXISTS (SELECT {_STILL_OWN})))
"""
_VIEW = f"""
    SELECT a.id, a.state, a.hospital_id, h.name AS hospital_name, h.name_en AS hospital_name_en,
           a.department_id, d.name AS department_name, d.name_en AS department_name_en,
           {_WISHES}, a.channel, a.lost, a.created_at, a.changed_at,
           (SELECT coalesce(array_agg(w.appointment_id ORDER BY w.appointment_id), '{{}}')
            FROM wins w WHERE w.application_id = a.id) AS appointments
    FROM applications a
    JOIN hospitals h ON h.id = a.hospital_id
    JOIN departments d ON d.id = a.department_id
"""


async def of_account(
    tx: Tx,
    vault: Vault,
    account_id: int,
    before: int | None,
    limit: int,
    *,
    state: str | None = None,
) -> list[ApplicationView]:
    """Return an account's applications, the newest first; those with an id below `before`."""
    return await _views(
        tx,
        vault,
        f"""
        {_VIEW} WHERE {_OWNED} AND a.id < coalesce(%(before)s, 9223372036854775807)
          AND (%(state)s::text IS NULL OR a.state = %(state)s)
        ORDER BY a.id DESC LIMIT %(limit)s
        """,
        {"account_id": account_id, "before": before, "limit": limit, "state": state},
    )


async def view(
    tx: Tx, vault: Vault, application_id: int, account_id: int | None
) -> ApplicationView | None:
    """Return an application; None if unknown or another account's. `account_id` None: staff."""
    found = await _views(
        tx,
        vault,
        f"{_VIEW} WHERE a.id = %(id)s AND {_OWNED}",
        {"id": application_id, "account_id": account_id},
    )
    return found[0] if found else None


async def _views(
    tx: Tx, vault: Vault, sql: str, params: Mapping[str, Any]
) -> list[ApplicationView]:
    found = await tx.records(_application_view, sql, params)
    patients = await _patients_of(tx, vault, [view.id for view in found])
    return [replace(view, patients=tuple(patients.get(view.id, ()))) for view in found]


def _application_view(**row: Any) -> ApplicationView:
    wishes, appointments = take_wishes(row), tuple(row.pop("appointments"))
    return ApplicationView(wishes=wishes, appointments=appointments, patients=(), **row)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OwnPatient(PatientRow):
    application_id: int


async def _patients_of(
    tx: Tx, vault: Vault, application_ids: Sequence[int]
) -> dict[int, list[PatientView]]:
    """Return the patients of each application whom its account still has."""
    rows = await tx.records(
        _OwnPatient,
        f"""
        SELECT a.id AS application_id, {PATIENT_COLUMNS}, p.checked_at IS NOT NULL AS is_checked
        FROM applications a
        JOIN application_patients ap ON ap.application_id = a.id
        JOIN patients p ON p.id = ap.patient_id AND p.account_id = a.account_id
        WHERE a.id = ANY(%(ids)s::bigint[]) ORDER BY a.id, ap.position
        """,
        {"ids": list(application_ids)},
    )
    found: dict[int, list[PatientView]] = {}
    for row in rows:
        found.setdefault(row.application_id, []).append(row.open(vault))
    return found


def take_wishes(row: dict[str, Any]) -> Wishes:
    """Make wishes of their columns, which are removed from the row."""
    for name in ("periods", "iso_weekdays", "ranked_sessions"):
        row[name] = tuple(row[name])
    return take(Wishes, row)


# Applying -----------------------------------------------------------------------------------


async def lock_accounts(tx: Tx, patient_ids: Sequence[int]) -> None:
    """Lock the accounts of these patients, before any person: a day's applications count there."""
    await tx.do(
        """
        SELECT FROM accounts
        WHERE id IN (SELECT account_id FROM patients WHERE id = ANY(%(ids)s::bigint[]))
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"ids": list(patient_ids)},
    )


async def earlier(tx: Tx, actor: Actor, key: str) -> EarlierApplication | None:
    """Return the application that this actor made under a key."""
    return await tx.record(
        EarlierApplication,
        """
        SELECT id, body_sha256 FROM applications
        WHERE actor_kind = %(kind)s AND actor_id = %(actor_id)s AND idempotency_key = %(key)s
        """,
        {"kind": actor.kind, "actor_id": actor.id, "key": key},
    )


async def applicants(
    tx: Tx, patient_ids: Sequence[int], declined_since: datetime
) -> dict[int, ApplicantFacts]:
    """Return the facts of these locked persons by id; without merged or displaced registrations.

    Applications and declines of the registrations that are merged into a person's count as theirs.
    """
    found = await tx.records(
        _applicant,
        """
        SELECT p.id, p.account_id, p.suspended_until, p.document_ends_on,
               c.restricted_until AS account_restricted_until,
               p.checked_at IS NOT NULL AS is_checked,
               (SELECT coalesce(array_agg(ap.department_id), '{}')
                FROM application_patients ap JOIN patients r ON r.id = ap.patient_id
                WHERE ap.is_live AND (r.id = p.id OR r.merged_into = p.id)) AS applied_for,
               (SELECT coalesce(array_agg(w.declined_at), '{}')
                FROM wins w JOIN patients r ON r.id = w.patient_id
                WHERE w.declined_at >= %(since)s AND (r.id = p.id OR r.merged_into = p.id)
               ) AS declined_at
        FROM patients p LEFT JOIN accounts c ON c.id = p.account_id
        WHERE p.id = ANY(%(ids)s::bigint[]) AND p.displaced_at IS NULL AND p.merged_into IS NULL
        """,
        {"ids": list(patient_ids), "since": declined_since},
    )
    return {applicant.id: applicant for applicant in found}


def _applicant(applied_for: list[int], declined_at: list[datetime], **row: Any) -> ApplicantFacts:
    return ApplicantFacts(applied_for=tuple(applied_for), declined_at=tuple(declined_at), **row)


@dataclass(frozen=True, slots=True)
class ApplicationDepartment:
    """A department on the platform: its hospital and the rules in force today."""

    hospital_id: int
    rules: HospitalRules


async def place(tx: Tx, department_id: int) -> ApplicationDepartment | None:
    """Return the hospital of a department that can be booked; None where there is none.

    A department with others below it has no clinics of its own, so that no draw is for it.
    """
    return await tx.record(
        _place,
        f"""
        SELECT d.hospital_id, {RULES_COLUMNS}
        FROM departments d JOIN hospitals h ON h.id = d.hospital_id {rules_on("%(today)s::date")}
        WHERE d.id = %(id)s AND d.on_platform
          AND NOT EXISTS (SELECT FROM departments below WHERE below.parent_id = d.id)
        """,
        {"today": tx.now.date(), "id": department_id},
    )


def _place(**row: Any) -> ApplicationDepartment:
    return ApplicationDepartment(rules=take_rules(row), **row)


async def ranked(
    tx: Tx, department_id: int, session_ids: Sequence[int]
) -> dict[int, SessionInDraw]:
    """Return those of these sessions that are the department's and are not stopped, by id."""
    found = await sessions.by_ids(tx, session_ids) if session_ids else []
    return {
        session.id: in_draw(session, 0)
        for session in found
        if session.department_id == department_id and not session.stopped
    }


def in_draw(session: SessionView, number: int) -> SessionInDraw:
    """Return a session as applications choose it in a draw, under its number there."""
    return SessionInDraw(
        number,
        session.id,
        session.title,
        session.specialty,
        session.visit_date,
        session.period,
        session.starts_at,
        cancel_deadline(session.visit_date, session.rules),
    )


async def applied_since(tx: Tx, account_id: int, since: datetime) -> int:
    """Count an account's applications since a moment, in any state."""
    row = await tx.row(
        """
        SELECT count(*) FROM applications
        WHERE account_id = %(account_id)s AND created_at > %(since)s
        """,
        {"account_id": account_id, "since": since},
    )
    return 0 if row is None else row[0]


async def add(tx: Tx, new: NewApplication) -> int | None:
    """Write an application and its patients; None where the key was used at the same moment."""
    row = await tx.row(
        f"""
        INSERT INTO applications (account_id, hospital_id, department_id,
                                  {columns(Wishes)}, channel, actor_kind, actor_id,
                                  idempotency_key, body_sha256, created_at, changed_at)
        VALUES (%(account_id)s, %(hospital_id)s, %(department_id)s, {parameters(Wishes)},
                %(channel)s, %(actor_kind)s, %(actor_id)s, %(key)s, %(body_sha256)s,
                %(now)s, %(now)s)
        ON CONFLICT (actor_kind, actor_id, idempotency_key) DO NOTHING
        RETURNING id
        """,
        {
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(new.wishes).items()
            },
            "account_id": new.account_id,
            "hospital_id": new.hospital_id,
            "department_id": new.department_id,
            "channel": new.channel,
            "actor_kind": new.actor.kind,
            "actor_id": new.actor.id,
            "key": new.key,
            "body_sha256": new.body_sha256,
            "now": tx.now,
        },
    )
    if row is None:
        return None
    await tx.do(
        """
        INSERT INTO application_patients (application_id, position, patient_id, department_id)
        SELECT %(id)s, n - 1, patient_id, %(department_id)s
        FROM unnest(%(patient_ids)s::bigint[]) WITH ORDINALITY AS patient (patient_id, n)
        """,
        {
            "id": row[0],
            "department_id": new.department_id,
            "patient_ids": list(new.patient_ids),
        },
    )
    return int(row[0])


# Changing -----------------------------------------------------------------------------------


async def lock(tx: Tx, application_id: int, account_id: int | None) -> LockedApplication | None:
    """Lock an application and its persons; None if unknown or another account's.

    `account_id` is None for staff, who act for the person in front of them.
    """
    owner = {"id": application_id, "account_id": account_id}
    persons = await tx.row(
        f"SELECT {_PATIENT_IDS} FROM applications a WHERE a.id = %(id)s AND {_OWNED}", owner
    )
    if persons is None:
        return None
    await lock_persons(tx, persons[0])
    return await tx.record(
        LockedApplication, f"{_LOCKED} WHERE a.id = %(id)s AND {_OWNED} {_FOR_CHANGE}", owner
    )


_LOCKED = "SELECT a.id, a.hospital_id, a.state FROM applications a"
_FOR_CHANGE = "ORDER BY a.id FOR NO KEY UPDATE OF a"


async def lock_many(tx: Tx, application_ids: Sequence[int]) -> dict[int, LockedApplication]:
    """Lock applications whose persons are locked, by id, skipping unknown ids."""
    found = await tx.records(
        LockedApplication,
        f"{_LOCKED} WHERE a.id = ANY(%(ids)s::bigint[]) {_FOR_CHANGE}",
        {"ids": sorted(set(application_ids))},
    )
    return {application.id: application for application in found}


async def end(tx: Tx, application_ids: Sequence[int], state: str) -> list[int]:
    """End applications that are live; return which were."""
    rows = await tx.rows(
        """
        WITH live AS (
            SELECT id FROM applications WHERE id = ANY(%(ids)s::bigint[]) AND state = 'live'
            ORDER BY id FOR NO KEY UPDATE
        ), patients AS (
            UPDATE application_patients ap SET is_live = false
            FROM live WHERE ap.application_id = live.id
        )
        UPDATE applications a SET state = %(state)s, changed_at = %(now)s
        FROM live WHERE a.id = live.id
        RETURNING a.id
        """,
        {"ids": list(application_ids), "state": state, "now": tx.now},
    )
    return sorted(row[0] for row in rows)


# Live applications --------------------------------------------------------------------------

_LIVE = f"""
    SELECT a.id, {_WISHES}, {_PATIENT_IDS}, {RULES_COLUMNS}
    FROM applications a JOIN hospitals h ON h.id = a.hospital_id {rules_on("%(today)s::date")}
    WHERE a.state = 'live'
"""


async def live_of(tx: Tx, patient_ids: Sequence[int]) -> list[LiveApplication]:
    """Return the live applications of these patients, by id."""
    return await _live(
        tx,
        """
        EXISTS (SELECT FROM application_patients ap
                WHERE ap.application_id = a.id AND ap.patient_id = ANY(%(patient_ids)s::bigint[]))
        """,
        {"patient_ids": list(patient_ids)},
    )


async def ending_soon(
    tx: Tx, after: int, last_date_until: date, limit: int
) -> list[LiveApplication]:
    """Return live applications with an id above `after` that may have expired, by id.

    Without those that stand in a draw under way, which decides first.
    """
    return await _live(
        tx,
        """
        a.id > %(after)s AND a.last_date <= %(last_date_until)s
        AND NOT EXISTS (SELECT FROM draw_entries e JOIN draws w ON w.id = e.draw_id
                        WHERE e.application_id = a.id AND w.state <> 'done')
        """,
        {"after": after, "last_date_until": last_date_until},
        limit,
    )


async def _live(
    tx: Tx, condition: str, params: Mapping[str, Any], limit: int | None = None
) -> list[LiveApplication]:
    return await tx.records(
        _live_application,
        f"{_LIVE} AND {condition} ORDER BY a.id LIMIT %(limit)s",
        {**params, "today": tx.now.date(), "limit": limit},
    )


def _live_application(patient_ids: list[int], **row: Any) -> LiveApplication:
    wishes, rules = take_wishes(row), take_rules(row)
    return LiveApplication(wishes=wishes, patient_ids=tuple(patient_ids), rules=rules, **row)
