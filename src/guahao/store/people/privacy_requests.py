"""Requests for export or erasure that staff file and decide; what they type is encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.rules.people.privacy_requests import RequestFacts
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.people.accounts import open_phone

_REQUEST = """
    SELECT r.id, r.kind, p.id AS patient_id, p.name_enc, p.id_type, p.id_no_enc, p.erased_at,
           p.displaced_at, p.account_id, c.phone_enc,
           (SELECT count(*) FROM patients o
            WHERE o.account_id = p.account_id AND o.id <> p.id
              AND o.merged_into IS DISTINCT FROM p.id) AS others_on_account,
           r.staff_id, s.login AS staff_login, r.reason_enc, r.state, r.created_at,
           r.decided_by, d.login AS decider_login, r.decided_at, r.decision_reason_enc, r.downloads
    FROM privacy_requests r
    JOIN patients asked ON asked.id = r.patient_id
    JOIN patients p ON p.id = coalesce(asked.merged_into, asked.id)
    LEFT JOIN accounts c ON c.id = p.account_id
    JOIN staff s ON s.id = r.staff_id
    LEFT JOIN staff d ON d.id = r.decided_by
"""


@dataclass(frozen=True, slots=True)
class PrivacyRequest(RequestFacts):
    """A request as it is stored, with the person as registered now."""

    id: int
    patient_id: int
    name_enc: bytes
    id_type: str
    id_no_enc: bytes
    erased_at: datetime | None
    displaced_at: datetime | None
    account_id: int | None
    phone_enc: bytes | None
    others_on_account: int
    staff_login: str
    reason_enc: bytes
    decider_login: str | None
    decision_reason_enc: bytes | None

    def name(self, vault: Vault) -> str:
        """Return the registered name."""
        return vault.open("patients", "name", self.patient_id, self.name_enc)

    def id_no(self, vault: Vault) -> str:
        """Return the registered document number."""
        return vault.open("patients", "id_no", self.patient_id, self.id_no_enc)

    def phone(self, vault: Vault) -> str:
        """Return the phone of the person's account; empty where there is none."""
        return "" if self.account_id is None else open_phone(vault, self.account_id, self.phone_enc)

    def reason(self, vault: Vault) -> str:
        """Return why it was filed."""
        return vault.open("privacy_requests", "reason", self.id, self.reason_enc)

    def decision_reason(self, vault: Vault) -> str:
        """Return why it was decided so; empty while it waits."""
        sealed = self.decision_reason_enc
        if sealed is None:
            return ""
        return vault.open("privacy_requests", "decision_reason", self.id, sealed)


async def add(
    tx: Tx,
    vault: Vault,
    kind: str,
    patient_id: int,
    staff_id: int,
    reason: str,
    open_since: datetime,
) -> int | None:
    """Record a request; return None if the person has a waiting request of this kind.

    Requests filed before `open_since` have expired.
    """
    await tx.do(
        """
        UPDATE privacy_requests SET state = 'expired', decided_at = %(now)s
        WHERE patient_id = %(patient_id)s AND kind = %(kind)s AND state = 'waiting'
          AND created_at <= %(open_since)s
        """,
        {"now": tx.now, "patient_id": patient_id, "kind": kind, "open_since": open_since},
    )
    new_id = await next_id(tx, "privacy_requests")
    added = await tx.do(
        """
        INSERT INTO privacy_requests (id, kind, patient_id, staff_id, reason_enc, state, created_at)
        VALUES (%(id)s, %(kind)s, %(patient_id)s, %(staff_id)s, %(reason)s, 'waiting', %(now)s)
        ON CONFLICT (patient_id, kind) WHERE state = 'waiting' DO NOTHING
        """,
        {
            "id": new_id,
            "kind": kind,
            "patient_id": patient_id,
            "staff_id": staff_id,
            "reason": vault.seal("privacy_requests", "reason", new_id, reason),
            "now": tx.now,
        },
    )
    return new_id if added else None


async def by_id(tx: Tx, request_id: int) -> PrivacyRequest | None:
    """Return a request; None where there is none."""
    return await tx.record(PrivacyRequest, f"{_REQUEST} WHERE r.id = %(id)s", {"id": request_id})


async def lock(tx: Tx, request_id: int) -> PrivacyRequest | None:
    """Lock a request and return it as it is now; None where there is none."""
    await tx.do("SELECT FROM privacy_requests WHERE id = %(id)s FOR UPDATE", {"id": request_id})
    return await by_id(tx, request_id)


async def listed(tx: Tx, *, waiting: bool, most: int) -> list[PrivacyRequest]:
    """Return what waits, the oldest first, or what was decided, the newest first."""
    where = (
        "r.state = 'waiting' ORDER BY r.created_at, r.id"
        if waiting
        else "r.state <> 'waiting' ORDER BY r.decided_at DESC, r.id DESC"
    )
    return await tx.records(
        PrivacyRequest, f"{_REQUEST} WHERE {where} LIMIT %(most)s", {"most": most}
    )


async def decide(
    tx: Tx, vault: Vault, request_id: int, state: str, staff_id: int, reason: str
) -> None:
    """Record on a locked request who decided what and why."""
    await tx.do(
        """
        UPDATE privacy_requests
        SET state = %(state)s, decided_by = %(staff_id)s, decided_at = %(now)s,
            decision_reason_enc = %(reason)s
        WHERE id = %(id)s
        """,
        {
            "state": state,
            "staff_id": staff_id,
            "now": tx.now,
            "reason": vault.seal("privacy_requests", "decision_reason", request_id, reason),
            "id": request_id,
        },
    )


async def count_download(tx: Tx, request_id: int) -> None:
    """Count a download of a locked request's export."""
    await tx.do(
        "UPDATE privacy_requests SET downloads = downloads + 1 WHERE id = %(id)s",
        {"id": request_id},
    )
