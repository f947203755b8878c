"""The personal release moment: when a person may book what opens at a release.

    opens_at = release + 10 s + 20 s × HMAC-SHA-256(release key, person) / 2^64

Everybody who asks within ten seconds of the release is equal to the fastest program, and a rush
arrives spread over twenty seconds. Nothing is stored: every process computes the same moment.
"""

from __future__ import annotations

import hmac
from datetime import datetime, time, timedelta

from guahao.rules.kernel.facts import PatientFacts, ReleaseKey, SessionFacts
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import BeforeOwnMoment
from guahao.rules.supply.releasing import date_refusal, opens_at

SECONDS_FOR_ALL = 10
SECONDS_SPREAD = 20
# The latest moment: a part just below 1 is rounded up by a millisecond.
LAST = timedelta(seconds=SECONDS_FOR_ALL + SECONDS_SPREAD, milliseconds=1)
_LAST_SECONDS = LAST.total_seconds()
_DAY_SECONDS = 86_400


def opens_for(person: bytes, release: datetime, key: bytes) -> datetime:
    """Return the moment from which a person can be booked for; to the millisecond, rounded up.

    `person`: `PatientFacts.person`, equal in every registration and account of a person.
    `key`: the hospital's for the day of the release, which nobody outside can compute.
    """
    drawn = hmac.digest(key, person, "sha256")
    part = int.from_bytes(drawn[:8], "big") / 2**64
    milliseconds = int((SECONDS_FOR_ALL + SECONDS_SPREAD * part) * 1000) + 1
    return release + timedelta(milliseconds=milliseconds)


def before_own_moment(
    session: SessionFacts,
    patient: PatientFacts,
    at: datetime,
    policy: Policy,
    key_of: ReleaseKey | None,
) -> BeforeOwnMoment | None:
    """Refuse a request for a date that is just released, until the patient's own moment.

    Decided after `date_refusal`, so that the date is released. It depends on the person alone,
    and neither on the account, nor on who asks, nor on how often. `key_of`: None where moments
    are not known, as in a replay of past requests.
    """
    if not policy.personal_release or key_of is None:
        return None
    if not _is_just_after(session.rules.release_time, at.time()):
        return None
    release = opens_at(session.visit_date, session.rules, policy)
    if not release <= at < release + LAST or _closes_by(release + LAST, session, policy):
        return None
    moment = opens_for(patient.person, release, key_of(session.hospital_id, release.date()))
    return BeforeOwnMoment(retry_from=moment) if at < moment else None


def _is_just_after(release_time: time, clock: time) -> bool:
    """Return whether the city's clock is within the half minute after a release, across midnight.

    It comes first because it costs next to nothing on the rest of the day.
    """
    passed = _seconds(clock) - _seconds(release_time)
    return passed % _DAY_SECONDS < _LAST_SECONDS


def _seconds(clock: time) -> float:
    return clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1_000_000


def _closes_by(moment: datetime, session: SessionFacts, policy: Policy) -> bool:
    """Return whether the date can no longer be booked when the last would have their turn.

    So where a hospital releases the next day's places within half a minute of its stop time.
    """
    return date_refusal(session.visit_date, moment, session.rules, policy) is not None
