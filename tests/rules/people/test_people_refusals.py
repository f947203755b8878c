"""Registering, removing, reviewing, erasing, the window: each refusal with every later one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.rules.helpers import moment, numbered

from guahao.rules.people.account_reviews import (
    RESTRICTED_DAYS_MAX,
    ReviewDecision,
    ReviewFacts,
    ReviewRefusal,
    decide_review,
)
from guahao.rules.people.counter import (
    IN_HAND_FOR,
    LOOK_UPS_AN_HOUR,
    WRONG_PHONES_A_DAY,
    CounterRefusal,
    decide_check,
    decide_look_up,
    decide_phone,
    decide_slips,
    is_in_hand,
)
from guahao.rules.people.documents import OTHER, RESIDENT_ID, Document
from guahao.rules.people.own_data import (
    EXPORTS_A_DAY,
    TRIES_A_DAY,
    ErasureFacts,
    ErasureRefusal,
    ProofRefusal,
    decide_erasure,
    decide_own_export,
    decide_proof,
    decide_subject,
)
from guahao.rules.people.privacy_requests import (
    LOOK_UPS_AN_HOUR as FILINGS_AN_HOUR,
)
from guahao.rules.people.privacy_requests import RequestRefusal, decide_filing
from guahao.rules.people.registering import (
    PatientRefusal,
    Registering,
    as_patients_hear,
    decide_document,
    decide_place,
)
from guahao.rules.people.removing import RemoveFacts, RemoveRefusal, decide_removal

NOW = moment("2026-11-30 09:00")
TODAY = NOW.date()
TOMORROW = TODAY + timedelta(days=1)
RESIDENT = Document(RESIDENT_ID, numbered("11010119900307001"))
BIRTH = Document(OTHER, "A123456789")
LETTER = Document(OTHER, "X-1")


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        (RemoveFacts(False, 1, TOMORROW), RemoveRefusal.NOT_YOURS),
        (RemoveFacts(True, 1, TOMORROW), RemoveRefusal.LIVE_BOOKING),
        (RemoveFacts(True, 0, TOMORROW), RemoveRefusal.SUSPENDED),
        (RemoveFacts(True, 0, TODAY), None),
        (RemoveFacts(True, 0, None), None),
    ],
)
def test_which_patient_is_removed(facts: RemoveFacts, refusal: RemoveRefusal | None) -> None:
    assert decide_removal(facts, TODAY) is refusal


OPEN = ReviewFacts(decision=None, account_restricted_until=None)
RESTRICTED = ReviewFacts(decision="restricted", account_restricted_until=TOMORROW)
LIFTED = ReviewFacts(decision="restricted", account_restricted_until=None)
LAST = TODAY + timedelta(days=RESTRICTED_DAYS_MAX)
D, R = ReviewDecision, ReviewRefusal


@pytest.mark.parametrize(
    ("review", "decision", "reason", "until", "refusal"),
    [
        (None, D.RESTRICTED, "", None, R.DATE_INVALID),
        (None, D.RESTRICTED, "", TODAY, R.DATE_INVALID),
        (None, D.RESTRICTED, "", LAST + timedelta(days=1), R.DATE_INVALID),
        (None, D.RESTRICTED, "x", TOMORROW, R.REASON_NEEDED),
        (None, D.FINE, "x" * 201, None, R.REASON_NEEDED),
        (None, D.FINE, "正常", None, R.UNKNOWN),
        (OPEN, D.LIFTED, "误判", None, R.NOT_RESTRICTED),
        (LIFTED, D.LIFTED, "误判", None, R.NOT_RESTRICTED),
        (RESTRICTED, D.FINE, "正常", None, R.NOT_OPEN),
        (RESTRICTED, D.LIFTED, "误判", None, None),
        (OPEN, D.FINE, "正常", None, None),
        (OPEN, D.RESTRICTED, "倒号", TOMORROW, None),
        (OPEN, D.RESTRICTED, "倒号", LAST, None),
    ],
)
def test_what_is_decided_of_an_account(
    review: ReviewFacts | None,
    decision: ReviewDecision,
    reason: str,
    until: date | None,
    refusal: ReviewRefusal | None,
) -> None:
    assert decide_review(review, decision, reason, until, TODAY) is refusal


@pytest.mark.parametrize(
    ("tries", "right", "refusal"),
    [
        (TRIES_A_DAY + 1, False, ProofRefusal.TOO_OFTEN),
        (TRIES_A_DAY + 1, True, ProofRefusal.TOO_OFTEN),
        (TRIES_A_DAY, False, ProofRefusal.WRONG),
        (TRIES_A_DAY, True, None),
    ],
)
def test_a_document_number_proves_the_owner(
    tries: int, right: bool, refusal: ProofRefusal | None
) -> None:
    assert decide_proof(tries, right=right) is refusal


def test_a_copy_is_handed_out_a_few_times_a_day() -> None:
    assert decide_own_export(EXPORTS_A_DAY) is None
    assert decide_own_export(EXPORTS_A_DAY + 1) is ProofRefusal.TOO_OFTEN


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        (ErasureFacts(TOMORROW, True, True), ErasureRefusal.SUSPENDED),
        (ErasureFacts(TODAY, True, True), ErasureRefusal.LIVE_BOOKING),
        (ErasureFacts(None, False, True), ErasureRefusal.SUSPENDED),
        (ErasureFacts(None, False, False), None),
    ],
)
def test_what_stands_against_erasing(facts: ErasureFacts, refusal: ErasureRefusal | None) -> None:
    assert decide_erasure(facts, TODAY) is refusal


@pytest.mark.parametrize(
    ("seen", "locked", "refusal"),
    [
        (None, None, ErasureRefusal.UNKNOWN),
        (1, None, ErasureRefusal.UNKNOWN),
        (1, 2, ErasureRefusal.CHANGED_MEANWHILE),
        (1, 1, None),
    ],
)
def test_what_changed_meanwhile_is_not_erased(
    seen: int | None, locked: int | None, refusal: ErasureRefusal | None
) -> None:
    assert decide_subject(seen, locked) is refusal


@pytest.mark.parametrize(
    ("look_ups", "is_theirs", "refusal"),
    [
        (FILINGS_AN_HOUR + 1, False, RequestRefusal.TOO_MANY),
        (FILINGS_AN_HOUR, False, RequestRefusal.UNKNOWN_PERSON),
        (FILINGS_AN_HOUR, True, None),
    ],
)
def test_for_whom_a_request_is_filed(
    look_ups: int, is_theirs: bool, refusal: RequestRefusal | None
) -> None:
    assert decide_filing(look_ups, is_theirs=is_theirs) is refusal


def test_what_is_refused_at_the_window() -> None:
    assert decide_look_up(LOOK_UPS_AN_HOUR) is None
    assert decide_look_up(LOOK_UPS_AN_HOUR + 1) is CounterRefusal.TOO_MANY
    assert decide_phone(is_landline=False, has_patients=True) is CounterRefusal.PHONE_IN_USE
    assert decide_phone(is_landline=True, has_patients=True) is None
    assert decide_phone(is_landline=False, has_patients=False) is None
    assert decide_check(WRONG_PHONES_A_DAY + 1, right=True) is CounterRefusal.TOO_MANY
    assert decide_check(WRONG_PHONES_A_DAY, right=False) is CounterRefusal.PHONE_DIFFERS
    assert decide_check(WRONG_PHONES_A_DAY, right=True) is None
    assert decide_slips(on_landline=False) is CounterRefusal.SMS_GO_THERE
    assert decide_slips(on_landline=True) is None
    assert is_in_hand(NOW, NOW + IN_HAND_FOR - timedelta(seconds=1))
    assert not is_in_hand(NOW, NOW + IN_HAND_FOR)


P = PatientRefusal


@pytest.mark.parametrize(
    ("document", "born", "is_seen", "is_relative", "refusal"),
    [
        (None, None, False, False, P.ID_INVALID),
        (LETTER, None, False, True, P.COUNTER_ONLY),
        (LETTER, None, True, False, None),
        (BIRTH, TODAY, False, False, P.COUNTER_ONLY),
        (BIRTH, None, False, True, P.BIRTH_DATE_INVALID),
        (BIRTH, None, True, False, P.BIRTH_DATE_INVALID),
        (BIRTH, TOMORROW, False, True, P.BIRTH_DATE_INVALID),
        (BIRTH, TODAY - timedelta(days=400), False, True, P.BIRTH_DATE_INVALID),
        (BIRTH, TODAY, False, True, None),
        (BIRTH, TODAY, True, False, None),
        (RESIDENT, None, False, False, None),
        (Document("03", "E12345678"), None, False, True, None),
    ],
)
def test_by_which_document_a_person_is_registered(
    document: Document | None,
    born: date | None,
    is_seen: bool,
    is_relative: bool,
    refusal: PatientRefusal | None,
) -> None:
    decided = decide_document(document, born, TODAY, is_seen=is_seen, is_relative=is_relative)
    assert decided is refusal


@pytest.mark.parametrize(
    ("decided", "same_name", "has_slot", "refusal"),
    [
        (Registering.CHECK, False, False, None),
        (Registering.KEEP, False, False, P.OTHER_NAME),
        (Registering.KEEP, True, False, None),
        (Registering.REFUSE, False, False, P.PHONE_LIMIT),
        (Registering.REFUSE, False, True, P.ID_TAKEN),
        (Registering.ADD, False, False, P.PHONE_LIMIT),
        (Registering.ADD, False, True, None),
        (Registering.DISPLACE, False, True, None),
    ],
)
def test_whether_a_registration_is_made(
    decided: Registering, same_name: bool, has_slot: bool, refusal: PatientRefusal | None
) -> None:
    assert decide_place(decided, same_name=same_name, has_slot=has_slot) is refusal


@pytest.mark.parametrize("refusal", PatientRefusal)
def test_patients_do_not_hear_who_else_is_registered(refusal: PatientRefusal) -> None:
    hidden = refusal in {P.ID_TAKEN, P.IDENTITY_MISMATCH}
    assert as_patients_hear(refusal) is (P.NOT_REGISTERED if hidden else refusal)
