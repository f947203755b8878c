"""How often and for how long something about a person may be tried."""

from __future__ import annotations

from datetime import timedelta

from guahao.rules.people import (
    account_reviews,
    consent,
    counter,
    documents,
    logins,
    moving,
    own_data,
    phones,
    privacy_requests,
)


def test_the_limits_of_the_window() -> None:
    assert counter.LOOK_UPS_AN_HOUR == 60
    assert counter.WRONG_PHONES_A_DAY == 5
    assert timedelta(minutes=30) == counter.IN_HAND_FOR


def test_the_limits_of_moving_to_another_phone() -> None:
    assert timedelta(days=3) == moving.OPEN_FOR
    assert moving.CODES_A_MOVE == 3
    assert moving.CODES_TO_A_PHONE_AN_HOUR == 5
    assert moving.CODES_OF_STAFF_AN_HOUR == 30
    assert moving.TRIES_OF_STAFF_AN_HOUR == 10
    assert moving.TRIES_OF_PERSON_A_DAY == 3


def test_the_limits_of_requests_about_a_person_s_data() -> None:
    assert own_data.TRIES_A_DAY == 5
    assert own_data.EXPORTS_A_DAY == 5
    assert timedelta(hours=24) == privacy_requests.OFFERED_FOR
    assert privacy_requests.DOWNLOADS == 3
    assert timedelta(days=30) == privacy_requests.OPEN_FOR
    assert privacy_requests.LOOK_UPS_AN_HOUR == 20


def test_the_limits_of_a_review() -> None:
    assert account_reviews.RESTRICTED_DAYS_MAX == 180


def test_ages_and_other_numbers() -> None:
    assert documents.ADULT_FROM == 18
    assert consent.GUARDIAN_UNDER == 14
    assert phones.EXTENSION_DIGITS_MAX == 6
    assert logins.LEVEL_MAX == 5
