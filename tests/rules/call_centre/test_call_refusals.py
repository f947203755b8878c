"""What a call allows: each refusal where every later one stands as well."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.rules.helpers import moment

from guahao.rules.call_centre.calls import (
    ATTEMPTS_A_DAY,
    ATTEMPTS_OF_AGENT_A_DAY,
    CALL_LASTS,
    CODES_A_CALL,
    CODES_AN_HOUR,
    RESENT_AN_HOUR,
    WRONG_ANSWERS_MAX,
    AttemptLimit,
    CallerCancelFacts,
    CallFacts,
    CallRefusal,
    decide_attempt,
    decide_caller_cancel,
    decide_code,
    decide_look,
    decide_resend,
    decide_service,
    decide_use,
    decide_verification,
    is_over,
    is_verified_now,
    limits_passed,
)
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import CancelRefusal

NOW = moment("2026-11-30 09:00")
STRANGER = CallFacts(opened_at=NOW, ended_at=None, verified_at=None)
CALLER = CallFacts(opened_at=NOW, ended_at=None, verified_at=NOW)
ENDED = CallFacts(opened_at=NOW, ended_at=NOW, verified_at=NOW)
NO = CallRefusal
BOOKED = AppointmentFacts("booked", 1, date(2026, 12, 3), "am", HospitalRules())
GONE = AppointmentFacts("cancelled", 1, date(2026, 11, 30), "am", HospitalRules())
PAST = AppointmentFacts("booked", 1, date(2026, 11, 30), "am", HospitalRules())
POLICY = Policy(cancel_channels=frozenset({"agent"}))
NOBODY = Policy(cancel_channels=frozenset())


def test_a_call_begins_without_answers_and_without_codes() -> None:
    assert (STRANGER.wrong_answers, STRANGER.codes_sent, STRANGER.found_by) == (0, 0, None)


def test_a_call_is_over_when_ended_or_after_half_an_hour() -> None:
    assert not is_over(CALLER, NOW + CALL_LASTS - timedelta(seconds=1))
    assert is_over(CALLER, NOW + CALL_LASTS)
    assert is_over(ENDED, NOW)


@pytest.mark.parametrize(
    ("call", "used", "served"),
    [
        (None, NO.CALL_OVER, NO.CALL_OVER),
        (ENDED, NO.CALL_OVER, NO.CALL_OVER),
        (STRANGER, None, NO.NOT_VERIFIED),
        (CALLER, None, None),
    ],
)
def test_who_is_served_in_a_call(
    call: CallFacts | None, used: CallRefusal | None, served: CallRefusal | None
) -> None:
    assert decide_use(call, NOW) is used
    assert decide_service(call, NOW) is served
    assert is_verified_now(call, NOW) == (served is None)


@pytest.mark.parametrize(
    ("call", "reason", "refusal"),
    [
        (None, " ", NO.REASON_NEEDED),
        (None, "本人要求", NO.CALL_OVER),
        (STRANGER, "本人要求", NO.NOT_VERIFIED),
        (CALLER, "本人要求", None),
    ],
)
def test_personal_data_is_shown_with_a_reason_to_a_verified_callers_agent(
    call: CallFacts | None, reason: str, refusal: CallRefusal | None
) -> None:
    assert decide_look(call, reason, NOW) is refusal


@pytest.mark.parametrize(
    ("call", "asks", "refusal"),
    [
        (None, False, NO.NOTHING_ASKED),
        (ENDED, True, NO.CALL_OVER),
        (STRANGER, True, None),
        (CALLER, True, None),
    ],
)
def test_answers_are_compared_in_a_call_that_goes_on(
    call: CallFacts | None, asks: bool, refusal: CallRefusal | None
) -> None:
    assert decide_verification(call, NOW, asks=asks) is refusal


@pytest.mark.parametrize(
    ("wrong", "of_account", "of_agent", "passed"),
    [
        (WRONG_ANSWERS_MAX - 1, ATTEMPTS_A_DAY, ATTEMPTS_OF_AGENT_A_DAY, set()),
        (WRONG_ANSWERS_MAX, 0, 0, {AttemptLimit.CALL}),
        (0, ATTEMPTS_A_DAY + 1, 0, {AttemptLimit.ACCOUNT}),
        (0, 0, ATTEMPTS_OF_AGENT_A_DAY + 1, {AttemptLimit.AGENT}),
        (9, 99, 99, set(AttemptLimit)),
    ],
)
def test_which_limits_an_attempt_passes(
    wrong: int, of_account: int, of_agent: int, passed: set[AttemptLimit]
) -> None:
    call = CallFacts(opened_at=NOW, ended_at=None, verified_at=None, wrong_answers=wrong)
    assert limits_passed(call, of_account, of_agent) == passed


@pytest.mark.parametrize(
    ("passed", "sms_right", "refused"),
    [
        (set(), False, False),
        ({AttemptLimit.ACCOUNT}, False, True),
        ({AttemptLimit.ACCOUNT}, True, False),
        ({AttemptLimit.CALL}, True, True),
        ({AttemptLimit.AGENT}, True, True),
        ({AttemptLimit.ACCOUNT, AttemptLimit.AGENT}, True, True),
    ],
)
def test_a_code_from_the_phone_passes_the_limit_of_its_account_alone(
    passed: set[AttemptLimit], sms_right: bool, refused: bool
) -> None:
    refusal = decide_attempt(passed, sms_right=sms_right)
    assert refusal is (NO.TOO_MANY_WRONG if refused else None)


@pytest.mark.parametrize(
    ("of_call", "to_phone", "refusal"),
    [
        (CODES_A_CALL, None, NO.NO_SMS),
        (CODES_A_CALL, 1, NO.CODES_TOO_OFTEN),
        (0, CODES_AN_HOUR + 1, NO.CODES_TOO_OFTEN),
        (CODES_A_CALL - 1, CODES_AN_HOUR, None),
    ],
)
def test_how_many_codes_are_sent(
    of_call: int, to_phone: int | None, refusal: CallRefusal | None
) -> None:
    assert decide_code(of_call, to_phone) is refusal


@pytest.mark.parametrize(
    ("facts", "policy", "refusal"),
    [
        (CallerCancelFacts("", None, None), NOBODY, NO.REASON_NEEDED),
        (CallerCancelFacts("去不了", None, None), NOBODY, NO.CALL_OVER),
        (CallerCancelFacts("去不了", STRANGER, None), NOBODY, NO.NOT_VERIFIED),
        (CallerCancelFacts("去不了", CALLER, None), NOBODY, NO.UNKNOWN_APPOINTMENT),
        (CallerCancelFacts("去不了", CALLER, GONE), NOBODY, CancelRefusal.CANCEL_BY_PHONE),
        (CallerCancelFacts("去不了", CALLER, GONE), POLICY, CancelRefusal.NOT_CANCELLABLE),
        (CallerCancelFacts("去不了", CALLER, PAST), POLICY, CancelRefusal.CANCEL_TOO_LATE),
        (CallerCancelFacts("去不了", CALLER, BOOKED), POLICY, None),
    ],
)
def test_when_a_callers_booking_is_not_cancelled(
    facts: CallerCancelFacts, policy: Policy, refusal: CallRefusal | CancelRefusal | None
) -> None:
    assert decide_caller_cancel(facts, NOW, policy) is refusal


@pytest.mark.parametrize(
    ("call", "status", "resent", "refusal"),
    [
        (None, None, 9, NO.CALL_OVER),
        (STRANGER, None, 9, NO.NOT_VERIFIED),
        (CALLER, None, 9, NO.UNKNOWN_APPOINTMENT),
        (CALLER, "cancelled", 9, NO.NOT_LIVE),
        (CALLER, "booked", RESENT_AN_HOUR + 1, NO.RESENT_TOO_OFTEN),
        (CALLER, "booked", RESENT_AN_HOUR, None),
    ],
)
def test_when_the_code_is_not_sent_again(
    call: CallFacts | None, status: str | None, resent: int, refusal: CallRefusal | None
) -> None:
    assert decide_resend(call, status, resent, NOW) is refusal
