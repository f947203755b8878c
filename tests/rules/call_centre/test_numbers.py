"""How long a call lasts, and how often something may be tried in it."""

from __future__ import annotations

from datetime import timedelta

from guahao.rules.call_centre import call_tasks, calls


def test_the_limits_of_a_call() -> None:
    assert timedelta(minutes=30) == calls.CALL_LASTS
    assert calls.RIGHT_ANSWERS_NEEDED == 2
    assert calls.WRONG_ANSWERS_MAX == 4
    assert calls.ATTEMPTS_A_DAY == 6
    assert calls.ATTEMPTS_OF_AGENT_A_DAY == 60
    assert calls.CODES_A_CALL == 3
    assert calls.CODES_AN_HOUR == 6
    assert calls.RESENT_AN_HOUR == 3
    assert calls.DOCUMENT_TAIL == 6


def test_nobody_is_called_more_than_four_times() -> None:
    assert call_tasks.TRIES_MAX == 4
