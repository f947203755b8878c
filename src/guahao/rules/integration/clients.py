"""A hospital's information system as a client: who it is, what it may do, when it is let in."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from guahao.rules.staff.staff import Who

NAME_LENGTH_MAX = 80
OVERLAP_HOURS_MAX = 30 * 24
_THUMBPRINT = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """What a client may do."""

    SUPPLY = "supply"  # publish departments and sessions, change places, stop
    BOOKINGS = "bookings"  # read the bookings made there, with the persons in full
    ATTENDANCE = "attendance"  # hand out numbers, say who came, close a session


@dataclass(frozen=True, slots=True)
class Client:
    """A client that has proven itself. `client_id` is its public name, `id` our own."""

    id: int
    client_id: str
    own_hospital_id: int
    scopes: frozenset[Scope]

    @property
    def who(self) -> Who:
        """Return the client as the audit trail names it."""
        return Who("client", self.id, self.client_id, self.own_hospital_id)


def thumbprint(text: str) -> str | None:
    """Return a certificate's SHA-256 as 64 hex digits, None where it is none; without colons."""
    digits = text.strip().replace(":", "").lower()
    return digits if _THUMBPRINT.fullmatch(digits) else None


# Adding and changing ----------------------------------------------------------------------


class ClientRefusal(StrEnum):
    """Why a client is not added or changed, in order of precedence."""

    NAME_INVALID = "client_name_invalid"
    SCOPES_NEEDED = "client_scopes_needed"
    THUMBPRINT_INVALID = "client_thumbprint_invalid"
    OVERLAP_INVALID = "client_overlap_invalid"
    HOSPITAL_UNKNOWN = "client_hospital_unknown"
    UNKNOWN = "client_unknown"


def check_access(scopes: Collection[Scope], certificate: str) -> ClientRefusal | None:
    """Return what is wrong with scopes and a pinned certificate; empty: none is pinned."""
    if not scopes:
        return ClientRefusal.SCOPES_NEEDED
    if certificate.strip() and thumbprint(certificate) is None:
        return ClientRefusal.THUMBPRINT_INVALID
    return None


def decide_addition(
    name: str, scopes: Collection[Scope], certificate: str, *, hospital_exists: bool
) -> ClientRefusal | None:
    """Return why a client is not added to a hospital."""
    if not name.isprintable() or not 1 <= len(name) <= NAME_LENGTH_MAX:
        return ClientRefusal.NAME_INVALID
    refusal = check_access(scopes, certificate)
    if refusal is not None:
        return refusal
    return None if hospital_exists else ClientRefusal.HOSPITAL_UNKNOWN


def decide_change(
    scopes: Collection[Scope], certificate: str, *, exists: bool
) -> ClientRefusal | None:
    """Return why a client is not given other scopes or another certificate."""
    return check_access(scopes, certificate) or (None if exists else ClientRefusal.UNKNOWN)


def decide_rotation(overlap_hours: int, *, exists: bool) -> ClientRefusal | None:
    """Return why a client is not given another secret."""
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MAX:
        return ClientRefusal.OVERLAP_INVALID
    return None if exists else ClientRefusal.UNKNOWN


# Letting in -------------------------------------------------------------------------------


class AccessRefusal(StrEnum):
    """What is wrong with credentials, in order of precedence; the log of calls shows it."""

    SECRET_WRONG = "secret_wrong"  # noqa: S105 - words, no secrets
    SECRET_EXPIRED = "secret_expired"  # noqa: S105
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    DISABLED = "client_disabled"
    CERTIFICATE_WRONG = "certificate_wrong"
    SCOPE_MISSING = "scope_missing"


@dataclass(frozen=True, slots=True)
class SavedClient:
    """A client; `thumbprint` is None where no certificate is asked for."""

    client: Client
    thumbprint: str | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class SavedSecret:
    """A secret of a client's; `expires_at` is None for the newest."""

    id: int
    expires_at: datetime | None

    def is_live(self, at: datetime) -> bool:
        """Return whether the secret is still accepted."""
        return self.expires_at is None or at < self.expires_at


@dataclass(frozen=True, slots=True)
class ClientClaims:
    """What a token of ours says: our id of the client, of its secret, and the scopes."""

    id: int
    secret_id: int
    scopes: frozenset[str]
    expired: bool


def decide_proof(
    found: SavedClient | None, secret: SavedSecret | None, certificate: str | None, at: datetime
) -> AccessRefusal | None:
    """Return why a client gets no token; `secret`: the one that was shown, None where wrong."""
    if found is None or secret is None:
        return AccessRefusal.SECRET_WRONG
    if not secret.is_live(at):
        return AccessRefusal.SECRET_EXPIRED
    return _check_client(found, certificate)


def decide_admission(
    found: SavedClient | None,
    secret: SavedSecret | None,
    claims: ClientClaims,
    scope: Scope | None,
    certificate: str | None,
    at: datetime,
) -> AccessRefusal | None:
    """Return why a call with a token is refused; `secret`: the one that the token came of.

    A token holds no longer than its secret, and no scope that its client has lost. `scope` None:
    any serves.
    """
    if found is None or secret is None or not secret.is_live(at):
        return AccessRefusal.SECRET_EXPIRED
    if claims.expired:
        return AccessRefusal.TOKEN_EXPIRED
    refusal = _check_client(found, certificate)
    if refusal is not None:
        return refusal
    if scope is not None and not (scope in claims.scopes and scope in found.client.scopes):
        return AccessRefusal.SCOPE_MISSING
    return None


def _check_client(found: SavedClient, certificate: str | None) -> AccessRefusal | None:
    if found.disabled_at is not None:
        return AccessRefusal.DISABLED
    if found.thumbprint is not None and certificate != found.thumbprint:
        return AccessRefusal.CERTIFICATE_WRONG
    return None
