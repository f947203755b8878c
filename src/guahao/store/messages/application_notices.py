"""Load the applications that messages name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import PATIENT_COLUMNS, PatientRow


@dataclass(frozen=True, slots=True)
class ApplicationNotice:
    """An application as it is now; `patients`: the names of those whom the account has."""

    state: str
    hospital_name: str
    department_name: str
    first_date: date
    last_date: date
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PatientOf(PatientRow):
    message_id: int


async def of_messages(
    tx: Tx, vault: Vault, message_ids: Sequence[int]
) -> dict[int, ApplicationNotice]:
    """Return the applications that these messages are about, by the message's id."""
    params = {"ids": list(message_ids)}
    patients = await tx.records(
        _PatientOf,
        f"""
        SELECT m.id AS message_id, {PATIENT_COLUMNS}
        FROM messages m
        JOIN application_patients ap ON ap.application_id = m.application_id
        JOIN patients p ON p.id = ap.patient_id AND p.account_id = m.account_id
        WHERE m.id = ANY(%(ids)s::bigint[]) ORDER BY m.id, ap.position
        """,
        params,
    )
    names: dict[int, list[str]] = {}
    for patient in patients:
        names.setdefault(patient.message_id, []).append(patient.open(vault).name)

    def notice(message_id: int, **facts: Any) -> tuple[int, ApplicationNotice]:
        patients = tuple(names.get(message_id, ()))
        return message_id, ApplicationNotice(patients=patients, **facts)

    found = await tx.records(
        notice,
        """
        SELECT m.id AS message_id, a.state, h.name AS hospital_name, d.name AS department_name,
               a.first_date, a.last_date
        FROM messages m
        JOIN applications a ON a.id = m.application_id
        JOIN hospitals h ON h.id = a.hospital_id
        JOIN departments d ON d.id = a.department_id
        WHERE m.id = ANY(%(ids)s::bigint[])
        """,
        params,
    )
    return dict(found)
