"""Moving a person to another phone: each refusal where every later one stands as well."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.rules.helpers import moment

from guahao.rules.people.moving import (
    CODES_A_MOVE,
    CODES_OF_STAFF_AN_HOUR,
    CODES_TO_A_PHONE_AN_HOUR,
    OPEN_FOR,
    TRIES_OF_PERSON_A_DAY,
    TRIES_OF_STAFF_AN_HOUR,
    AskFacts,
    MoveFacts,
    MoveRefusal,
    decide_approval,
    decide_by_document,
    decide_carrying_out,
    decide_code,
    decide_person,
    decide_placing,
    decide_proving,
    is_open,
    read_request,
)
from guahao.rules.people.phones import Phone
from guahao.rules.staff.staff import Role, Staff

NO = MoveRefusal
NOW = moment("2026-11-30 09:00")
ASKER, SECOND = Staff(1, "asker", Role.SUPERVISOR), Staff(2, "second", Role.SUPERVISOR)
FRIEND = Staff(3, "friend", Role.SUPERVISOR, access_by=1, access_at=NOW - timedelta(days=9))
CLERK = Staff(1, "clerk", Role.CLERK, hospital_id=7)
OTHER_CLERK = Staff(2, "other", Role.CLERK, hospital_id=7)


def move(state: str, hospital_id: int | None = None, age: timedelta = timedelta()) -> MoveFacts:
    return MoveFacts(
        state=state, staff_id=1, hospital_id=hospital_id, created_at=NOW - age, codes_sent=1
    )


@pytest.mark.parametrize(
    ("phone", "reason", "answer"),
    [
        ("12", "", NO.PHONE_INVALID),
        ("13800000001", " ", NO.REASON_NEEDED),
    ],
)
def test_a_request_names_a_phone_and_a_reason(phone: str, reason: str, answer: MoveRefusal) -> None:
    assert read_request(phone, reason) is answer


def test_a_request_is_read() -> None:
    assert isinstance(read_request("138 0000 0001", "换号"), Phone)


@pytest.mark.parametrize(
    ("registered", "on_account", "disputed", "theirs"),
    [
        (None, False, False, False),
        (None, True, True, False),
        ("李四", True, False, False),
        ("张三", False, False, True),
        ("李四", True, True, True),
        ("张三", False, True, False),
    ],
)
def test_whose_registration_it_is(
    registered: str | None, on_account: bool, disputed: bool, theirs: bool
) -> None:
    refusal = decide_person(registered, "张三", on_account=on_account, disputed=disputed)
    assert refusal is (None if theirs else NO.UNKNOWN_PERSON)


@pytest.mark.parametrize(
    ("of_staff", "of_person", "asked"),
    [
        (TRIES_OF_STAFF_AN_HOUR + 1, 0, False),
        (0, TRIES_OF_PERSON_A_DAY + 1, False),
        (TRIES_OF_STAFF_AN_HOUR, TRIES_OF_PERSON_A_DAY, True),
    ],
)
def test_a_limit_has_the_answer_of_an_unknown_document(
    of_staff: int, of_person: int, asked: bool
) -> None:
    facts = AskFacts("张三", True, of_staff, of_person)
    refusal = decide_by_document(facts, "张三", disputed=False)
    assert refusal is (None if asked else NO.UNKNOWN_PERSON)


@pytest.mark.parametrize(
    ("of_staff", "to_phone", "of_move", "sent"),
    [
        (CODES_OF_STAFF_AN_HOUR + 1, 1, 0, False),
        (1, CODES_TO_A_PHONE_AN_HOUR + 1, 0, False),
        (1, 1, CODES_A_MOVE, False),
        (CODES_OF_STAFF_AN_HOUR, CODES_TO_A_PHONE_AN_HOUR, CODES_A_MOVE - 1, True),
    ],
)
def test_how_many_codes_go_to_the_new_phone(
    of_staff: int, to_phone: int, of_move: int, sent: bool
) -> None:
    refusal = decide_code(of_staff, to_phone, of_move)
    assert refusal is (None if sent else NO.CODES_TOO_OFTEN)


@pytest.mark.parametrize(
    ("request_", "opened", "proving"),
    [
        (None, False, False),
        (move("rejected"), False, False),
        (move("done"), False, False),
        (move("requested"), True, False),
        (move("proving", age=OPEN_FOR), False, False),
        (move("proving", age=OPEN_FOR - timedelta(seconds=1)), True, True),
    ],
)
def test_a_request_is_proven_while_it_is_open(
    request_: MoveFacts | None, opened: bool, proving: bool
) -> None:
    assert (request_ is not None and is_open(request_, NOW)) is opened
    assert decide_proving(request_, NOW) is (None if proving else NO.OVER)


@pytest.mark.parametrize(
    ("request_", "by", "refusal"),
    [
        (None, ASKER, NO.OVER),
        (move("proving"), SECOND, NO.OVER),
        (move("requested"), CLERK, NO.OVER),
        (move("requested", 7), OTHER_CLERK, NO.OVER),
        (move("requested", 7), CLERK, None),
        (move("requested"), ASKER, NO.OWN_REQUEST),
        (move("requested"), FRIEND, NO.NOT_INDEPENDENT),
        (move("requested"), SECOND, None),
    ],
)
def test_who_decides_a_request(
    request_: MoveFacts | None, by: Staff, refusal: MoveRefusal | None
) -> None:
    assert decide_approval(request_, by, NOW) is refusal


@pytest.mark.parametrize(
    ("request_", "same_account", "refusal"),
    [
        (None, True, NO.OVER),
        (move("proving"), True, NO.OVER),
        (move("requested", age=OPEN_FOR), True, NO.OVER),
        (move("requested"), True, NO.SAME_PHONE),
        (move("requested"), False, None),
    ],
)
def test_when_a_request_is_carried_out(
    request_: MoveFacts | None, same_account: bool, refusal: MoveRefusal | None
) -> None:
    assert decide_carrying_out(request_, NOW, same_account=same_account) is refusal


@pytest.mark.parametrize(
    ("unchanged", "has_slot", "refusal"),
    [
        (False, False, NO.CHANGED_MEANWHILE),
        (True, False, NO.PHONE_FULL),
        (True, True, None),
    ],
)
def test_when_a_person_is_put_on_the_new_phone(
    unchanged: bool, has_slot: bool, refusal: MoveRefusal | None
) -> None:
    assert decide_placing(unchanged=unchanged, has_slot=has_slot) is refusal
