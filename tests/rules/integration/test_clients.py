"""When a hospital's system is added, changed and let in, each answer at its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import NOW

from guahao.rules.integration.clients import (
    NAME_LENGTH_MAX,
    OVERLAP_HOURS_MAX,
    AccessRefusal,
    Client,
    ClientClaims,
    ClientRefusal,
    SavedClient,
    SavedSecret,
    Scope,
    decide_addition,
    decide_admission,
    decide_change,
    decide_proof,
    decide_rotation,
)

PIN = "ab" * 32
SUPPLY = frozenset({Scope.SUPPLY})
FOUND = SavedClient(Client(1, "hc_1", 7, SUPPLY), PIN, None)
DISABLED = replace(FOUND, disabled_at=NOW)
SECRET = SavedSecret(5, None)
EXPIRED = SavedSecret(5, NOW)
CLAIMS = ClientClaims(1, 5, frozenset({"supply"}), expired=False)
LATE = replace(CLAIMS, expired=True)


@pytest.mark.parametrize(
    ("name", "scopes", "certificate", "exists", "answer"),
    [
        ("", frozenset(), "no", False, ClientRefusal.NAME_INVALID),
        ("a\nb", frozenset(), "no", False, ClientRefusal.NAME_INVALID),
        ("x" * (NAME_LENGTH_MAX + 1), SUPPLY, "", True, ClientRefusal.NAME_INVALID),
        ("HIS", frozenset(), "no", False, ClientRefusal.SCOPES_NEEDED),
        ("HIS", SUPPLY, "no", False, ClientRefusal.THUMBPRINT_INVALID),
        ("HIS", SUPPLY, PIN, False, ClientRefusal.HOSPITAL_UNKNOWN),
        ("x" * NAME_LENGTH_MAX, SUPPLY, PIN, True, None),
        ("HIS", SUPPLY, " ", True, None),
        ("H", SUPPLY, "", True, None),
    ],
)
def test_the_first_obstacle_to_a_new_client_answers(
    name: str, scopes: Collection[Scope], certificate: str, exists: bool, answer: object
) -> None:
    assert decide_addition(name, scopes, certificate, hospital_exists=exists) is answer


def test_the_first_obstacle_to_changing_a_client_answers() -> None:
    assert decide_change([], "no", exists=False) is ClientRefusal.SCOPES_NEEDED
    assert decide_change(SUPPLY, "no", exists=False) is ClientRefusal.THUMBPRINT_INVALID
    assert decide_change(SUPPLY, "", exists=False) is ClientRefusal.UNKNOWN
    assert decide_change(SUPPLY, PIN, exists=True) is None


def test_the_first_obstacle_to_another_secret_answers() -> None:
    assert decide_rotation(-1, exists=False) is ClientRefusal.OVERLAP_INVALID
    assert decide_rotation(OVERLAP_HOURS_MAX + 1, exists=True) is ClientRefusal.OVERLAP_INVALID
    assert decide_rotation(OVERLAP_HOURS_MAX, exists=False) is ClientRefusal.UNKNOWN
    assert decide_rotation(0, exists=True) is None


@pytest.mark.parametrize(
    ("found", "secret", "certificate", "answer"),
    [
        (None, None, None, AccessRefusal.SECRET_WRONG),
        (DISABLED, None, None, AccessRefusal.SECRET_WRONG),
        (DISABLED, EXPIRED, None, AccessRefusal.SECRET_EXPIRED),
        (DISABLED, SECRET, None, AccessRefusal.DISABLED),
        (FOUND, SECRET, None, AccessRefusal.CERTIFICATE_WRONG),
        (FOUND, SECRET, "cd" * 32, AccessRefusal.CERTIFICATE_WRONG),
        (FOUND, SECRET, PIN, None),
        (replace(FOUND, thumbprint=None), SECRET, None, None),
        (FOUND, SavedSecret(5, NOW + timedelta(microseconds=1)), PIN, None),
    ],
)
def test_the_first_obstacle_to_a_token_answers(
    found: SavedClient | None,
    secret: SavedSecret | None,
    certificate: str | None,
    answer: AccessRefusal | None,
) -> None:
    assert decide_proof(found, secret, certificate, NOW) is answer


@pytest.mark.parametrize(
    ("found", "secret", "claims", "scope", "certificate", "answer"),
    [
        (None, None, LATE, Scope.BOOKINGS, None, AccessRefusal.SECRET_EXPIRED),
        (DISABLED, None, LATE, Scope.BOOKINGS, None, AccessRefusal.SECRET_EXPIRED),
        (DISABLED, EXPIRED, LATE, Scope.BOOKINGS, None, AccessRefusal.SECRET_EXPIRED),
        (DISABLED, SECRET, LATE, Scope.BOOKINGS, None, AccessRefusal.TOKEN_EXPIRED),
        (DISABLED, SECRET, CLAIMS, Scope.BOOKINGS, None, AccessRefusal.DISABLED),
        (FOUND, SECRET, CLAIMS, Scope.BOOKINGS, None, AccessRefusal.CERTIFICATE_WRONG),
        (FOUND, SECRET, CLAIMS, Scope.BOOKINGS, PIN, AccessRefusal.SCOPE_MISSING),
        (FOUND, SECRET, CLAIMS, Scope.SUPPLY, PIN, None),
        (FOUND, SECRET, CLAIMS, None, PIN, None),
    ],
)
def test_the_first_obstacle_to_a_call_answers(
    found: SavedClient | None,
    secret: SavedSecret | None,
    claims: ClientClaims,
    scope: Scope | None,
    certificate: str | None,
    answer: AccessRefusal | None,
) -> None:
    assert decide_admission(found, secret, claims, scope, certificate, NOW) is answer


@pytest.mark.parametrize("of_token", [True, False])
def test_a_call_needs_its_scope_in_the_token_and_of_the_client(of_token: bool) -> None:
    both = frozenset(Scope)
    client = replace(FOUND.client, scopes=SUPPLY if of_token else both)
    claims = replace(CLAIMS, scopes=both if of_token else SUPPLY)
    found = replace(FOUND, client=client)
    decided = decide_admission(found, SECRET, claims, Scope.BOOKINGS, PIN, NOW)
    assert decided is AccessRefusal.SCOPE_MISSING
