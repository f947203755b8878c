"""Register a patient: a real person with a name and an identity document (S2, S3)."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Protocol

from guahao.flows.platform import Platform
from guahao.rules.identity import Document, valid_document
from guahao.rules.kernel.text import NameFault, person_name
from guahao.store import accounts
from guahao.store import patients as store
from guahao.store.db import Tx
from guahao.store.people import privacy
from guahao.store.views import PatientView


class PatientRefusal(StrEnum):
    """Why a patient is not registered, in order of precedence.

    Of a name that cannot be one the flows return the NameFault itself.
    """

    NAME_INVALID = "name_invalid"
    ID_INVALID = "id_invalid"
    PHONE_LIMIT = "phone_limit"
    ID_TAKEN = "id_taken"


class Verifier(Protocol):
    """The real-name check: whether this name and this document are one living person."""

    async def __call__(self, name: str, id_type: str, id_no: str, today: date) -> Document | None:
        """The document, normalised; None where the check fails."""


async def check_document(name: str, id_type: str, id_no: str, today: date) -> Document | None:  # noqa: ARG001 - a verifier's
    """The default check: the document itself can be right."""
    return valid_document(id_type, id_no, today)


async def register_patient(
    platform: Platform,
    account_id: int,
    name: str,
    id_type: str,
    id_no: str,
    verifier: Verifier = check_document,
) -> PatientView | PatientRefusal | NameFault:
    """Register a person to an account's phone; at most two, and each person once.

    Raises LookupError where there is no such account.
    """
    registered_name = person_name(name)
    if isinstance(registered_name, NameFault):
        return registered_name
    # Before the transaction: a verifier may ask another service, and must not hold locks.
    document = await verifier(registered_name, id_type, id_no, platform.db.clock().date())
    if document is None:
        return PatientRefusal.ID_INVALID
    async with platform.db.transaction() as tx:
        return await register_in(tx, platform, account_id, registered_name, document)


async def register_in(
    tx: Tx, platform: Platform, account_id: int, name: str, document: Document
) -> PatientView | PatientRefusal:
    """Register within a transaction a person whose name and document were checked."""
    if not await accounts.lock_account(tx, account_id):
        raise LookupError(f"no account {account_id}")
    slot = await store.free_slot(tx, account_id)
    if slot is None:
        return PatientRefusal.PHONE_LIMIT
    # Nobody escapes no-shows by having their data erased and registering again.
    revived = await privacy.revive(tx, platform.vault, account_id, slot, name, document)
    if revived is not None:
        return revived
    added = await store.add(tx, platform.vault, account_id, slot, name, document)
    return added or PatientRefusal.ID_TAKEN
