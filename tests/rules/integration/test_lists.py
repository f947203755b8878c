"""When a hospital's list is compared, and a webhook set, each answer at its place."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from tests.rules.helpers import NOW, day

from guahao.rules.integration.pushing import KINDS, WebhookRefusal, decide_webhook
from guahao.rules.integration.reconciling import (
    DAYS_MAX,
    LIST_AGE_MAX,
    NOTE_MAX,
    ListRefusal,
    SettleRefusal,
    decide_list,
    decide_settling,
)

FIRST = day("2026-03-01")
MOST = FIRST + timedelta(days=DAYS_MAX - 1)
OUTSIDE = [FIRST - timedelta(days=1)]
STALE = NOW - LIST_AGE_MAX - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("last", "visit_dates", "made_at", "answer"),
    [
        (FIRST - timedelta(days=1), OUTSIDE, STALE, ListRefusal.DAYS),
        (MOST + timedelta(days=1), OUTSIDE, STALE, ListRefusal.DAYS),
        (MOST, OUTSIDE, STALE, ListRefusal.DATE_OUTSIDE),
        (MOST, [MOST + timedelta(days=1)], STALE, ListRefusal.DATE_OUTSIDE),
        (MOST, [FIRST, MOST], STALE, ListRefusal.MADE_AT),
        (MOST, [FIRST, MOST], NOW + timedelta(minutes=5, seconds=1), ListRefusal.MADE_AT),
        (MOST, [FIRST, MOST], NOW - LIST_AGE_MAX, None),
        (FIRST, [], NOW + timedelta(minutes=5), None),
    ],
)
def test_the_first_obstacle_to_a_list_answers(
    last: date, visit_dates: list[date], made_at: datetime, answer: ListRefusal | None
) -> None:
    assert decide_list((FIRST, last), visit_dates, made_at, NOW) is answer


def test_the_first_obstacle_to_settling_a_difference_answers() -> None:
    assert decide_settling("", is_open=False) is SettleRefusal.NOTE_NEEDED
    assert decide_settling("x" * (NOTE_MAX + 1), is_open=True) is SettleRefusal.NOTE_NEEDED
    assert decide_settling("x" * NOTE_MAX, is_open=False) is SettleRefusal.NOT_OPEN
    assert decide_settling("x", is_open=True) is None


@pytest.mark.parametrize(
    ("url", "kinds", "hospital_exists", "answer"),
    [
        ("his", ["no"], False, WebhookRefusal.BAD_URL),
        ("http://his.example.cn/", ["no"], False, WebhookRefusal.NOT_HTTPS),
        ("https://his.example.cn/", ["no"], False, WebhookRefusal.NO_KINDS),
        ("https://his.example.cn/", [], True, WebhookRefusal.NO_KINDS),
        ("https://his.example.cn/", [*KINDS, "no"], True, WebhookRefusal.NO_KINDS),
        ("https://his.example.cn/", KINDS, False, WebhookRefusal.UNKNOWN),
        ("https://his.example.cn/", KINDS[:1], True, None),
    ],
)
def test_the_first_obstacle_to_a_webhook_answers(
    url: str, kinds: list[str], hospital_exists: bool, answer: WebhookRefusal | None
) -> None:
    decided = decide_webhook(url, kinds, hospital_exists=hospital_exists, demo=False)
    assert decided is answer
