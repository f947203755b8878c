"""Read and write batches of the booking desk.

Locks come first, in the same order everywhere (patients, then clinic sessions, each by id).
All facts are read in separate statements after the locks, so that READ COMMITTED shows what
the previous holder of the locks committed.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from psycopg.rows import TupleRow

from guahao.rules.kernel.facts import (
    BookingRequest,
    CountedAppointment,
    EarlierUse,
    KeyScope,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import CODE_DIGITS
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.values import value
from guahao.store.hospitals.directory import RULES_ASKED
from guahao.store.kernel.db import PipelinedTx, Tx, array, bytes_array, hexed, recordset
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView, SessionView
from guahao.store.people.patients import open_patient
from guahao.store.supply.sessions import SESSION_COLUMNS, session_view

LIVE_CODE = "appointments_live_code"  # the unique index of codes in use
_SPARE_CODES = 8
_CODES = 10**CODE_DIGITS
_NUMBER = struct.Struct("I")
_NUMBERS_EVEN = 2**32 // _CODES * _CODES
# OFFSET 0: looks patients up by id; PostgreSQL 15 would keep a plan from a nearly empty table that
# reads all patients by another index.
_LOCK_PATIENTS = """
    SELECT id, account_id, suspended_until, name_enc, id_type, id_no_enc,
           (SELECT a.restricted_until FROM accounts a WHERE a.id = account_id),
           document_ends_on, checked_at IS NOT NULL, person_index
    FROM (SELECT * FROM patients WHERE id = ANY(%s::bigint[])
          ORDER BY id OFFSET 0 FOR NO KEY UPDATE) locked
    WHERE displaced_at IS NULL AND merged_into IS NULL
"""
# OFFSET 0: looks up the department of each session; PostgreSQL would read all departments of the
# city for every batch. The ids in a subquery: their number is unknown to the planner, so that it
# keeps its plan; for few ids it made a new one for every batch, 0.3 ms.
_LOCK_SESSIONS = f"""
    SELECT {SESSION_COLUMNS}
    FROM clinic_sessions s
    JOIN hospitals h ON h.id = s.hospital_id
    {RULES_ASKED}
    JOIN LATERAL (SELECT * FROM departments WHERE id = s.department_id OFFSET 0) d ON d.on_platform
    WHERE s.id = ANY((SELECT %s::bigint[])::bigint[])
    ORDER BY s.id FOR NO KEY UPDATE OF s
"""
_COUNTED = """
    SELECT patient_id, visit_date, hospital_id, department_id, status = 'booked'
    FROM appointments
    WHERE patient_id = ANY(%(patients)s::bigint[]) AND visit_date > %(since)s
      AND status IN ('booked', 'picked_up', 'no_show', 'unverified')
    UNION ALL
    SELECT m.survivor_id, a.visit_date, a.hospital_id, a.department_id, a.status = 'booked'
    FROM person_merges m CROSS JOIN LATERAL (
        SELECT visit_date, hospital_id, department_id, status FROM appointments
        WHERE patient_id = m.patient_id AND visit_date > %(since)s
          AND status IN ('booked', 'picked_up', 'no_show', 'unverified')
        OFFSET 0) a  -- an index scan for each of the few merged registrations
    WHERE m.survivor_id = ANY(%(patients)s::bigint[])
"""
_OWN_PATIENTS = """
    SELECT p.id, p.account_id, p.suspended_until, p.document_ends_on, p.checked_at IS NOT NULL,
           p.person_index, a.restricted_until
    FROM patients p JOIN accounts a ON a.id = p.account_id
    WHERE p.account_id = %s AND p.displaced_at IS NULL AND p.merged_into IS NULL
    ORDER BY p.id
"""
# A plan that the desk keeps may be from when a table was nearly empty, and reading all of it cost
# least; it would still read all of it at the next release. Off until the end of the transaction,
# as is compiling: up to version 17, scans that are switched off but cannot be avoided seem dear
# enough to compile the statement, which takes far longer than the batch.
_NO_SCANS = "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"
# OFFSET 0: looks up each key; PostgreSQL expects a hundred, for which it would read all requests
# of a small city.
_EARLIER = """
    SELECT r.actor_kind, r.actor_id, r.idempotency_key,
           r.patient_id, r.clinic_session_id, r.outcome, r.appointment_id,
           r.retry_from, r.visit_from, r.together_with, r.replaces
    FROM json_to_recordset(%s::json) AS k (kind text, actor bigint, key text)
    CROSS JOIN LATERAL (
        SELECT * FROM booking_requests
        WHERE actor_kind = k.kind AND actor_id = k.actor AND idempotency_key = k.key OFFSET 0) r
"""
# Read in the batch's own pipeline, so that checking log-ins costs no round trip. The generation
# is not compared: raising it ends every log-in, and waits for those that are being created
# (store/people/logins.py). OFFSET 0: finds log-ins by id; a plan from when there were few reads all
# that have not expired.
_LOGINS = """
    SELECT id, account_id, confirmed_at IS NOT NULL
    FROM (SELECT * FROM log_ins WHERE id = ANY(%s::bigint[]) OFFSET 0) found
    WHERE ended_at IS NULL AND expires_at > %s
"""
_TAKEN_CODES = (
    "SELECT code_index FROM appointments WHERE code_live AND code_index = ANY(%s::bytea[])"
)
_RESERVE_IDS = """
    SELECT nextval('appointments_id_seq'), nextval('messages_id_seq')
    FROM generate_series(1, %s)
"""
# What a batch decided, in a single statement with a single parameter, so that PostgreSQL parses it
# once: counters, appointments and messages of the rows with an id, answers of those with a key.
_SAVE = """
    WITH n AS MATERIALIZED (
        SELECT * FROM json_to_recordset(%(rows)s::json)
            AS n (id bigint, message_id bigint, account_id bigint, patient_id bigint,
                  session_id bigint, hospital_id bigint, department_id bigint, visit_date date,
                  channel text, code_enc bytea, code_index bytea, at timestamptz, kind text,
                  actor bigint, key text, outcome text, retry_from timestamptz, visit_from date,
                  together_with bigint, replaces bigint)
    ), counted AS (
        UPDATE clinic_sessions s SET booked = s.booked + taken.places
        FROM (SELECT session_id, count(*) AS places FROM n WHERE id IS NOT NULL GROUP BY 1) taken
        WHERE s.id = taken.session_id
    ), made AS (
        INSERT INTO appointments (id, patient_id, clinic_session_id, hospital_id, department_id,
                                  visit_date, channel, code_enc, code_index, booked_at,
                                  changed_at)
        SELECT id, patient_id, session_id, hospital_id, department_id,
               visit_date, channel, code_enc, code_index, at, at
        FROM n WHERE id IS NOT NULL
    ), told AS (
        INSERT INTO messages (id, kind, account_id, patient_id, appointment_id,
                              created_at, changed_at)
        SELECT message_id, %(message_kind)s, account_id, patient_id, id, at, at
        FROM n WHERE account_id IS NOT NULL
    )
    INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                                  clinic_session_id, outcome, appointment_id,
                                  retry_from, visit_from, decided_at, together_with,
                                  replaces)
    SELECT kind, actor, key, patient_id, session_id, outcome, id,
           retry_from, visit_from, at, together_with, replaces
    FROM n WHERE key IS NOT NULL
"""


class Code(NamedTuple):
    """An identification code with its index, by which it is found and kept unique."""

    text: str
    lookup: bytes


@value
class LockedPatient:
    """A locked patient, whose personal data stays encrypted until it is needed."""

    facts: PatientFacts
    name_enc: bytes
    id_type: str
    id_no_enc: bytes

    def view(self, vault: Vault) -> PatientView:
        """Return the patient with decrypted personal data."""
        return open_patient(
            vault,
            self.facts.id,
            self.name_enc,
            self.id_type,
            self.id_no_enc,
            self.facts.suspended_until,
        )


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """The facts of a batch, read under its locks."""

    patients: dict[int, LockedPatient]
    sessions: dict[int, SessionView]
    earlier: dict[KeyScope, EarlierUse]
    free_codes: list[Code]
    reserved_ids: list[tuple[int, int]]  # (appointment id, message id) for each request
    logins: dict[int, tuple[int, bool]]  # live log-ins: account, whether confirmed


@value
class NewAppointment:
    """An accepted booking and its message, ready to be written."""

    id: int
    message_id: int
    code: Code
    request: BookingRequest
    session: SessionView
    account_id: int | None


async def load_batch(
    tx: PipelinedTx,
    vault: Vault,
    requests: Sequence[BookingRequest],
    counted_since: date,
    codes: Sequence[str],
    login_ids: Sequence[int] = (),
) -> LoadedBatch:
    """Lock, then read, in a single round trip of a pipelined transaction.

    `counted_since`: only appointments with a later visit date are counted.
    `codes`: candidates for identification codes; those not in use are returned.
    """
    patient_ids = sorted({request.patient_id for request in requests})
    session_ids = sorted({request.session_id for request in requests})
    # All requests of a batch have the same time, except in a replay, where each hospital has a
    # single set of rules.
    day = requests[0].at.date()
    keys = [{"kind": r.actor.kind, "actor": r.actor.id, "key": r.key} for r in requests]
    candidates = _candidates(vault, codes)
    tx.send(_NO_SCANS, ())
    patients = tx.send(_LOCK_PATIENTS, (array(patient_ids),))
    sessions = tx.send(_LOCK_SESSIONS, (day, array(session_ids)))
    counted = tx.send(_COUNTED, _counting(patient_ids, counted_since))
    earlier = tx.send(_EARLIER, (recordset(keys),))
    taken = tx.send(_TAKEN_CODES, (bytes_array(candidates),))
    reserved = tx.send(_RESERVE_IDS, (len(requests),))
    logins = tx.send(_LOGINS, (array(login_ids), tx.now)) if login_ids else None
    await tx.flush()
    by_patient = _by_patient(counted.rows)
    return LoadedBatch(
        {row[0]: _locked_patient(row, by_patient) for row in patients.rows},
        {row[0]: session_view(row) for row in sessions.rows},
        {(row[0], row[1], row[2]): EarlierUse(*row[3:]) for row in earlier.rows},
        _free(candidates, taken.rows),
        [(row[0], row[1]) for row in reserved.rows],
        {row[0]: (row[1], row[2]) for row in (logins.rows if logins else ())},
    )


def new_codes(bookings: int) -> list[str]:
    """Draw distinct candidates for identification codes from a cryptographic source (S8).

    More than there are bookings: with millions of live codes some are in use.
    """
    wanted = bookings * 3 // 2 + _SPARE_CODES
    codes: dict[str, None] = {}
    while len(codes) < wanted:
        # One call for all: a call of the system for each took a tenth of the desk's time.
        for (number,) in _NUMBER.iter_unpack(secrets.token_bytes(wanted * _NUMBER.size)):
            if number < _NUMBERS_EVEN:  # else the first codes would be likelier than the others
                codes[f"{number % _CODES:0{CODE_DIGITS}d}"] = None
    return list(codes)[:wanted]


def _candidates(vault: Vault, codes: Sequence[str]) -> dict[bytes, Code]:
    """Return codes by each index under which they may be stored."""
    found = {}
    for text in codes:
        indexes = vault.indexes("code", text)
        code = Code(text, indexes[0])
        found.update(dict.fromkeys(indexes, code))
    return found


def _free(candidates: dict[bytes, Code], taken: Sequence[TupleRow]) -> list[Code]:
    """Return the candidates that are not in use."""
    in_use = {candidates[row[0]] for row in taken}
    return [
        code for index, code in candidates.items() if index == code.lookup and code not in in_use
    ]


async def lock_for_draw(
    tx: Tx, patient_ids: Sequence[int], session_ids: Sequence[int], day: date, counted_since: date
) -> tuple[dict[int, LockedPatient], dict[int, SessionView]]:
    """Lock patients, then sessions, and read what counts, as for a batch of the desk."""
    patients = await tx.rows(_LOCK_PATIENTS, (array(sorted(patient_ids)),))
    sessions = await tx.rows(_LOCK_SESSIONS, (day, array(sorted(session_ids))))
    counted = _by_patient(await tx.rows(_COUNTED, _counting(patient_ids, counted_since)))
    return (
        {row[0]: _locked_patient(row, counted) for row in patients},
        {row[0]: session_view(row) for row in sessions},
    )


async def reserve(tx: Tx, vault: Vault, count: int) -> list[tuple[int, int, Code]]:
    """Return ids for so many appointments and their messages, each with a code not in use."""
    candidates = _candidates(vault, new_codes(count))
    taken = await tx.rows(_TAKEN_CODES, (bytes_array(candidates),))
    free = iter(_free(candidates, taken))
    return [(*ids, next(free)) for ids in await tx.rows(_RESERVE_IDS, (count,))]


def _counting(patient_ids: Sequence[int], since: date) -> dict[str, Any]:
    """Return the parameters of _COUNTED."""
    return {"patients": array(patient_ids), "since": since}


def _by_patient(rows: Iterable[TupleRow]) -> dict[int, list[CountedAppointment]]:
    found: dict[int, list[CountedAppointment]] = {}
    for patient_id, visit_date, hospital_id, department_id, is_live in rows:
        counted = CountedAppointment(visit_date, hospital_id, department_id, is_live)
        found.setdefault(patient_id, []).append(counted)
    return found


def _locked_patient(row: TupleRow, counted: dict[int, list[CountedAppointment]]) -> LockedPatient:
    patient_id, account_id, suspended_until, name_enc, id_type, id_no_enc, *standing, person = row
    facts = PatientFacts(
        patient_id,
        account_id,
        suspended_until,
        tuple(counted.get(patient_id, ())),
        *standing,  # the account's restriction, the document's end, whether checked
        person=person,
    )
    return LockedPatient(facts, name_enc, id_type, id_no_enc)


async def counted_of(
    tx: Tx, patient_ids: Sequence[int], since: date
) -> dict[int, list[CountedAppointment]]:
    """Return what counts against the limits of these persons (S12) after `since`."""
    return _by_patient(await tx.rows(_COUNTED, _counting(patient_ids, since)))


async def own_patients(tx: Tx, account_id: int, counted_since: date) -> dict[int, PatientFacts]:
    """Return the facts of an account's patients by id, without a lock."""
    rows = await tx.rows(_OWN_PATIENTS, (account_id,))
    counted = await counted_of(tx, [row[0] for row in rows], counted_since)
    return {
        id: PatientFacts(
            id,
            owner,
            suspended_until,
            tuple(counted.get(id, ())),
            restricted_until,
            ends_on,
            is_checked,
            person=person,
        )
        for id, owner, suspended_until, ends_on, is_checked, person, restricted_until in rows
    }


def session_facts(session: SessionView) -> SessionFacts:
    """Return the facts that the rules need of a session."""
    return SessionFacts(
        session.id,
        session.hospital_id,
        session.department_id,
        session.visit_date,
        session.period,
        session.capacity,
        session.booked,
        session.stopped,
        session.rules,
        session.title,
        session.held,
        session.reserved,
        session.draw_at,
    )


async def save_bookings(
    tx: Tx, vault: Vault, made: Sequence[NewAppointment], message_kind: str = "booked"
) -> None:
    """Write the counters, appointments and messages of bookings that nobody sent a request for."""
    rows = recordset([_appointment_row(vault, new) for new in made])
    await tx.do(_SAVE, {"rows": rows, "message_kind": message_kind})


async def save_decided(
    tx: Tx,
    vault: Vault,
    decided: Sequence[tuple[BookingRequest, NewAppointment | Refused[StrEnum]]],
    message_kind: str = "booked",
) -> None:
    """Write accepted bookings, and each answer under its idempotency key."""
    rows = recordset([_decided_row(vault, *answered) for answered in decided])
    await tx.do(_SAVE, {"rows": rows, "message_kind": message_kind})


def _appointment_row(vault: Vault, new: NewAppointment) -> dict[str, Any]:
    session, request = new.session, new.request
    return {
        "id": new.id,
        "message_id": new.message_id,
        "account_id": new.account_id,
        "patient_id": request.patient_id,
        "session_id": session.id,
        "hospital_id": session.hospital_id,
        "department_id": session.department_id,
        "visit_date": session.visit_date,
        "channel": request.channel,
        "code_enc": hexed(vault.seal("appointments", "code", new.id, new.code.text)),
        "code_index": hexed(new.code.lookup),
        "at": request.at,
    }


def _decided_row(
    vault: Vault, request: BookingRequest, answer: NewAppointment | Refused[StrEnum]
) -> dict[str, Any]:
    if isinstance(answer, Refused):
        row = {
            "patient_id": request.patient_id,
            "session_id": request.session_id,
            "at": request.at,
            "outcome": answer.reason,
            "retry_from": answer.retry_from,
            "visit_from": answer.visit_from,
        }
    else:
        row = _appointment_row(vault, answer)
        row["outcome"] = "booked"
    row["kind"], row["actor"], row["key"] = request.scope
    if request.together_with is not None:
        row["together_with"] = request.together_with
    if request.replaces is not None:
        row["replaces"] = request.replaces
    return row
