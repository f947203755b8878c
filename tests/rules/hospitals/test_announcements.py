"""What may be announced, and when it is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import NOW

from guahao.rules.hospitals.announcements import (
    AHEAD_DAYS,
    BODY_MAX,
    TITLE_MAX,
    AnnouncementRefusal,
    AnnouncementText,
    SavedAnnouncement,
    check_editable,
    check_text,
    decide_change,
)
from guahao.rules.kernel.versions import version_of

HOUR = timedelta(hours=1)
MOST = timedelta(days=AHEAD_DAYS)
GOOD = AnnouncementText(
    title="停机维护", title_en="", body="今晚", body_en="", shown_from=NOW, shown_until=NOW + HOUR
)
SAVED = SavedAnnouncement(
    **{name: getattr(GOOD, name) for name in AnnouncementText.__dataclass_fields__},
    id=1,
    withdrawn_at=None,
)
BAD = replace(GOOD, title="", body="长" * (BODY_MAX + 1), body_en="x", shown_until=NOW)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (BAD, AnnouncementRefusal.TITLE),
        (replace(BAD, title="题" * (TITLE_MAX + 1)), AnnouncementRefusal.TITLE),
        (replace(BAD, title="题", title_en="x" * (TITLE_MAX + 1)), AnnouncementRefusal.TITLE),
        (replace(BAD, title="题"), AnnouncementRefusal.BODY),
        (replace(BAD, title="题", body="文"), AnnouncementRefusal.ENGLISH),
        (replace(GOOD, title_en="Maintenance"), AnnouncementRefusal.ENGLISH),
        (replace(GOOD, title_en="Tonight", body="", body_en="x"), AnnouncementRefusal.ENGLISH),
        (replace(GOOD, shown_until=NOW), AnnouncementRefusal.SPAN),
        (replace(GOOD, shown_from=NOW + HOUR), AnnouncementRefusal.SPAN),
        (replace(GOOD, shown_from=NOW + MOST + HOUR, shown_until=None), AnnouncementRefusal.SPAN),
        (replace(GOOD, shown_until=NOW + MOST + HOUR), AnnouncementRefusal.SPAN),
        (replace(GOOD, shown_until=NOW + MOST), None),
        (replace(GOOD, title="题" * TITLE_MAX, body="文" * BODY_MAX, shown_until=None), None),
        (replace(GOOD, title_en="x" * TITLE_MAX, body_en="x" * BODY_MAX), None),
        (replace(GOOD, title_en="Maintenance", body=""), None),
    ],
)
def test_the_first_fault_of_a_text_answers(
    text: AnnouncementText, answer: AnnouncementRefusal | None
) -> None:
    assert check_text(text, NOW) is answer


@pytest.mark.parametrize(
    ("saved", "seen", "answer"),
    [
        (None, "another", AnnouncementRefusal.UNKNOWN),
        (replace(SAVED, withdrawn_at=NOW), "another", AnnouncementRefusal.WITHDRAWN),
        (SAVED, "another", AnnouncementRefusal.CHANGED_MEANWHILE),
        (SAVED, version_of(SAVED), None),
    ],
)
def test_the_first_obstacle_to_editing_answers_before_the_text_is_looked_at(
    saved: SavedAnnouncement | None, seen: str, answer: AnnouncementRefusal | None
) -> None:
    assert check_editable(saved, seen) is answer
    changed = decide_change(saved, seen, BAD, NOW)
    assert changed is (AnnouncementRefusal.TITLE if answer is None else answer)


def test_an_announcement_is_none_of_maintenance_unless_it_says_so() -> None:
    assert not GOOD.is_maintenance


def test_an_announcement_is_shown_from_its_beginning_until_its_end() -> None:
    assert SAVED.text == GOOD
    assert SAVED.state_at(NOW - timedelta(microseconds=1)) == "coming"
    assert SAVED.state_at(NOW) == "shown"
    assert SAVED.state_at(NOW + HOUR) == "over"
    assert replace(SAVED, shown_until=None).state_at(NOW + MOST) == "shown"
    assert replace(SAVED, withdrawn_at=NOW).state_at(NOW) == "withdrawn"
