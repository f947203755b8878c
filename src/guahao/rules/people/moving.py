"""Moving a person to another phone, and settling whose registration it is (RULES.md "Phone")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.kernel.text import same_name
from guahao.rules.people.phones import Phone, valid_any_phone
from guahao.rules.staff.staff import Staff, is_independent

OPEN_FOR = timedelta(days=3)
CODES_A_MOVE = 3
CODES_TO_A_PHONE_AN_HOUR = 5
CODES_OF_STAFF_AN_HOUR = 30
TRIES_OF_STAFF_AN_HOUR = 10
TRIES_OF_PERSON_A_DAY = 3


class MoveRefusal(StrEnum):
    """Why a person is not moved, in order of precedence."""

    PHONE_INVALID = "move_phone_invalid"
    REASON_NEEDED = "move_reason_needed"
    UNKNOWN_PERSON = "move_unknown_person"
    UNKNOWN = "move_unknown"
    OVER = "move_over"
    OWN_REQUEST = "move_own_request"
    NOT_INDEPENDENT = "move_not_independent"
    SAME_PHONE = "move_same_phone"
    CODES_TOO_OFTEN = "move_codes_too_often"
    CODE_WRONG = "move_code_wrong"
    CHANGED_MEANWHILE = "move_changed_meanwhile"
    PHONE_FULL = "move_phone_full"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFacts:
    """A request as far as it decides what follows.

    `hospital_id`: of the window that asked, None for the hotline. `staff_id`: the member of the
    staff who asked.
    """

    state: str
    staff_id: int
    hospital_id: int | None
    created_at: datetime
    codes_sent: int


@dataclass(frozen=True, slots=True)
class AskFacts:
    """A caller who gives only the name and the number of a registered document.

    `registered_name`: None where nobody is registered. `of_staff`: the member's tries in this
    hour, `of_person`: the person's of this day; both include this try.
    """

    registered_name: str | None
    on_account: bool
    of_staff: int
    of_person: int


def read_request(phone: str, reason: str) -> Phone | MoveRefusal:
    """Return the phone that a request names, or why there is no request."""
    valid = valid_any_phone(phone)
    if valid is None:
        return MoveRefusal.PHONE_INVALID
    return valid if stated_reason(reason) else MoveRefusal.REASON_NEEDED


def decide_person(
    registered_name: str | None, name: str, *, on_account: bool, disputed: bool
) -> MoveRefusal | None:
    """Return why the registration is not the person's to move, None where it is.

    Its name must be theirs. In a dispute the name is a stranger's: it must be on an account.
    """
    is_theirs = registered_name is not None and (
        on_account if disputed else same_name(name, registered_name)
    )
    return None if is_theirs else MoveRefusal.UNKNOWN_PERSON


def decide_by_document(facts: AskFacts, name: str, *, disputed: bool) -> MoveRefusal | None:
    """Return why no request is made for a caller whom no question can verify.

    An unknown document, another name and a limit that is reached have the same answer, so that
    nobody finds out here who is registered.
    """
    if facts.of_staff > TRIES_OF_STAFF_AN_HOUR or facts.of_person > TRIES_OF_PERSON_A_DAY:
        return MoveRefusal.UNKNOWN_PERSON
    return decide_person(
        facts.registered_name, name, on_account=facts.on_account, disputed=disputed
    )


def decide_code(of_staff: int, to_phone: int, of_move: int = 0) -> MoveRefusal | None:
    """Return why no code is sent to the new phone.

    `of_staff`, `to_phone`: codes of this hour, including this. `of_move`: those sent before.
    """
    too_often = (
        of_staff > CODES_OF_STAFF_AN_HOUR
        or to_phone > CODES_TO_A_PHONE_AN_HOUR
        or of_move >= CODES_A_MOVE
    )
    return MoveRefusal.CODES_TOO_OFTEN if too_often else None


def is_open(move: MoveFacts, now: datetime) -> bool:
    """Return whether a request is neither decided nor too old."""
    return move.state in ("proving", "requested") and move.created_at > now - OPEN_FOR


def decide_proving(move: MoveFacts | None, now: datetime) -> MoveRefusal | None:
    """Return why codes of a request are no longer sent or accepted, None where they are."""
    waits = move is not None and is_open(move, now) and move.state == "proving"
    return None if waits else MoveRefusal.OVER


def decide_approval(move: MoveFacts | None, by: Staff, now: datetime) -> MoveRefusal | None:
    """Return why this member of staff does not decide a request; None where they do.

    By the hotline that is a second member, at a window the clerk who has the document in hand.
    """
    if move is None or not is_open(move, now) or move.state != "requested":
        return MoveRefusal.OVER
    if move.hospital_id != by.hospital_id:
        return MoveRefusal.OVER
    is_own = move.staff_id == by.id
    if move.hospital_id is not None:
        return None if is_own else MoveRefusal.OVER
    if is_own:
        return MoveRefusal.OWN_REQUEST
    return None if is_independent(by, move.staff_id, now) else MoveRefusal.NOT_INDEPENDENT


def decide_carrying_out(
    move: MoveFacts | None, now: datetime, *, same_account: bool
) -> MoveRefusal | None:
    """Return why a locked request that may be decided is not carried out."""
    if move is None or not is_open(move, now) or move.state != "requested":
        return MoveRefusal.OVER
    return MoveRefusal.SAME_PHONE if same_account else None


def decide_placing(*, unchanged: bool, has_slot: bool) -> MoveRefusal | None:
    """Return why the person is not put on the new phone.

    `unchanged`: they are still registered as when it was asked. `has_slot`: the new phone has
    room for them.
    """
    if not unchanged:
        return MoveRefusal.CHANGED_MEANWHILE
    return None if has_slot else MoveRefusal.PHONE_FULL
