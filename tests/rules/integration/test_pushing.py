"""Where a hospital's events may be sent, how often, and when they are given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.rules.helpers import NOW

from guahao.rules.integration import pushing
from guahao.rules.integration.pushing import (
    WebhookRefusal,
    check_url,
    is_hopeless,
    probe_wait,
    retry_wait,
)


def test_the_numbers_that_operators_read_of() -> None:
    assert timedelta(days=7) == pushing.GIVE_UP_AFTER
    assert timedelta(hours=24) == pushing.SECRET_OVERLAP
    assert pushing.FAILURES_UNTIL_OPEN == 5
    assert pushing.URL_LENGTH_MAX == 500


@pytest.mark.parametrize(
    ("url", "demo", "refused"),
    [
        ("https://his.example.cn/guahao/events?campus=1", False, None),
        ("https://his.example.cn:8443", False, None),
        ("https://[2001:db8::1]/x", False, None),
        ("http://127.0.0.1:8020/events", True, None),
        ("http://localhost/events", True, None),
        ("http://127.0.0.1:8020/events", False, WebhookRefusal.NOT_HTTPS),
        ("http://his.example.cn/", True, WebhookRefusal.NOT_HTTPS),
        ("ftp://his.example.cn/", False, WebhookRefusal.NOT_HTTPS),
        ("file:///etc/passwd", False, WebhookRefusal.BAD_URL),
        ("https://user:secret@his.example.cn/", False, WebhookRefusal.BAD_URL),
        ("https://his.example.cn/#part", False, WebhookRefusal.BAD_URL),
        ("https://his.example.cn:99999/", False, WebhookRefusal.BAD_URL),
        ("https://his.example.cn:0/", False, WebhookRefusal.BAD_URL),
        ("https://医院.example.cn/", False, WebhookRefusal.BAD_URL),
        ("https://his.example.cn/a b", False, WebhookRefusal.BAD_URL),
        ("https://his.example.cn/\r\nX: y", False, WebhookRefusal.BAD_URL),
        ("https://[::1/", False, WebhookRefusal.BAD_URL),
        ("https://his.example.cn/" + "x" * 500, False, WebhookRefusal.BAD_URL),
        ("", False, WebhookRefusal.BAD_URL),
    ],
)
def test_an_address_is_read_strictly(url: str, demo: bool, refused: WebhookRefusal | None) -> None:
    assert check_url(url, demo=demo) is refused


@pytest.mark.parametrize(("length", "refused"), [(500, None), (501, WebhookRefusal.BAD_URL)])
def test_an_address_has_at_most_500_characters(length: int, refused: WebhookRefusal | None) -> None:
    assert check_url("https://his.example.cn/".ljust(length, "x"), demo=False) is refused


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(0, 10), (1, 10), (2, 20), (3, 40), (9, 2560), (10, 3600), (500, 3600)],
)
def test_the_wait_doubles_with_each_attempt_up_to_an_hour(attempts: int, seconds: int) -> None:
    assert retry_wait(attempts, 0.5) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, None), (4, None), (5, 30), (6, 60), (9, 480), (10, 900), (5000, 900)],
)
def test_from_the_fifth_failure_in_a_row_on_a_hospital_is_left_alone(
    failures: int, seconds: int | None
) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert probe_wait(failures, 0.5) == expected


@pytest.mark.parametrize(("chance", "seconds"), [(0, 8), (0.25, 9), (0.5, 10), (1, 12)])
def test_waits_are_spread_by_a_fifth(chance: float, seconds: int) -> None:
    assert retry_wait(1, chance) == timedelta(seconds=seconds)
    assert probe_wait(5, chance) == 3 * timedelta(seconds=seconds)


def test_an_event_is_given_up_after_a_week() -> None:
    week = timedelta(days=7)
    assert is_hopeless(NOW, NOW + week)
    assert not is_hopeless(NOW, NOW + week - timedelta(microseconds=1))
