"""A draw is opened, closed, drawn and proven; what comes between changes nobody's chances."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, ask, ask_as_owner, change, open_platform
from tests.flows.fairness.fair_city import (
    add_applicant,
    add_applicants,
    add_clinic,
    add_sibling,
    anything,
    applied,
    booked_patients,
    counters,
    expected_file,
    hold,
    hold_until,
    only_draw,
)
from tests.rules.reading import verify

from guahao.flows.fairness import draws
from guahao.flows.fairness.applications import withdraw
from guahao.flows.fairness.drawn import proof_file
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.retention import delete_old
from guahao.rules.fairness.allocating import Skipped
from guahao.rules.fairness.applying import Wishes
from guahao.store.fairness import draws as store
from guahao.store.fairness.draws import NewDraw
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import VaultError

TEN = MONDAY_MORNING + timedelta(hours=1)  # the next even hour
FIVE_BEFORE = TEN - timedelta(minutes=5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def log_lines(platform: Platform) -> list[str]:
    """What was published, without times."""
    rows = await ask(platform, "SELECT line FROM fairness_log ORDER BY seq")
    return [row[0].split(" ", 1)[1] for row in rows]


async def test_places_that_came_back_go_to_those_who_applied(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 2, TEN)
    await add_applicants(platform, clinic, range(1, 6))
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    draw_id = await only_draw(platform)
    expected = await expected_file(platform, draw_id)
    await hold_until(platform, clock, TEN)
    assert await proof_file(platform, draw_id) == expected
    assert len(verify(expected.encode()).entries) == 5
    assert await counters(platform, clinic) == (2, 0, 0)
    assert sorted(await ask(platform, "SELECT state, lost FROM applications")) == (
        [("live", 1)] * 3 + [("won", 0)] * 2
    )
    assert await ask(platform, "SELECT count(*) FROM application_patients WHERE NOT is_live") == [
        (2,)
    ]
    [[held, released]] = await ask(
        platform, "SELECT sum(places), count(released_at) FROM held_places"
    )
    assert (held, released) == (2, 1)


async def test_a_win_is_a_booking_at_once_which_can_be_declined(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    applicant = await add_applicant(platform, 1, clinic)
    await hold_until(platform, clock, TEN)
    [(patient_id, channel, booked_at, kind, until, won_at)] = await ask(
        platform,
        """
        SELECT a.patient_id, a.channel, a.booked_at, m.kind, w.declinable_until, w.won_at
        FROM appointments a JOIN wins w ON w.appointment_id = a.id
        JOIN messages m ON m.appointment_id = a.id
        """,
    )
    assert (patient_id, channel, kind) == (applicant.patient_ids[0], "web", "draw_won")
    assert booked_at == TEN
    assert until == TEN + timedelta(hours=24)
    assert won_at == TEN


async def test_two_together_win_both_places_or_none_or_one_if_they_may_part(
    platform: Platform, clock: Clock
) -> None:
    one, two = await add_clinic(platform, 1, TEN), await add_clinic(platform, 2, TEN)
    await add_applicant(platform, 1, one, patients=2)
    alone = await add_applicant(
        platform, 2, one, patients=2, wishes=anything(platform, may_split=True)
    )
    both = await add_applicant(platform, 3, two, patients=2)
    await hold_until(platform, clock, TEN)
    booked = await booked_patients(platform)
    assert set(both.patient_ids) <= set(booked)
    assert len(booked) == 3
    assert len(set(alone.patient_ids) & set(booked)) == 1


async def test_a_patient_whom_a_rule_refuses_is_skipped_with_the_reason(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 3, TEN)
    people = await add_applicants(platform, clinic, range(1, 8))
    refused = {people[n].patient_ids[0]: "patient_suspended" for n in (1, 3, 5)}
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    await change(
        platform,
        "UPDATE patients SET suspended_until = '2027-01-01' WHERE id = ANY(%s)",
        list(refused),
    )
    draw_id = await only_draw(platform)
    expected = await expected_file(platform, draw_id, refused)
    await hold_until(platform, clock, TEN)
    assert await proof_file(platform, draw_id) == expected
    assert not set(refused) & set(await booked_patients(platform))


async def test_who_is_kept_from_every_place_by_a_rule_has_lost_no_draw(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 3, TEN)
    await add_applicant(platform, 1, clinic)
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    await change(platform, "UPDATE patients SET suspended_until = '2027-01-01'")
    await hold_until(platform, clock, TEN)
    assert await ask(platform, "SELECT state, lost FROM applications") == [("live", 0)]


async def test_who_withdraws_after_closing_is_skipped_and_stays_in_the_list(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    leaving = await add_applicant(platform, 1, clinic)
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    await withdraw(platform, leaving.account_id, leaving.application_id)
    await hold_until(platform, clock, TEN)
    file = await proof_file(platform, await only_draw(platform))
    assert file is not None
    assert [*verify(file.encode()).results.values()] == [Skipped(1, ("application_ended",))]
    assert await counters(platform, clinic) == (0, 0, 0)


async def test_who_applies_after_the_announced_time_does_not_enter_however_late_it_closes(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    await draws.hold_draws(platform)
    clock.now = TEN - timedelta(minutes=10)
    await add_applicant(platform, 1, clinic)
    clock.forward(minutes=4)
    await draws.hold_draws(platform)
    assert await ask(platform, "SELECT state, entries, closed_at FROM draws") == [
        ("closed", 0, clock.now)
    ]


async def test_who_wants_nothing_that_is_drawn_does_not_enter_and_loses_nothing(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    account = await add_applicant(
        platform, 1, clinic, wishes=Wishes(THURSDAY, THURSDAY, title="医师")
    )
    await hold_until(platform, clock, TEN)
    assert await ask(platform, "SELECT id, state, lost FROM applications") == [
        (account.application_id, "live", 0)
    ]


async def test_a_stop_and_a_reduction_before_the_last_five_minutes_are_amendments(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 3, TEN)
    other = await add_sibling(platform, clinic, 2, TEN, THURSDAY + timedelta(days=1))
    await add_applicants(platform, clinic, range(1, 8))
    await hold_until(platform, clock, TEN - timedelta(minutes=10))
    await change(
        platform,
        "UPDATE held_places SET places = 1 WHERE clinic_session_id = %s",
        clinic.session_id,
    )
    await change(
        platform,
        "UPDATE clinic_sessions SET stopped_at = %s WHERE id = %s",
        *(clock.now, other.session_id),
    )
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    draw_id = await only_draw(platform)
    expected = await expected_file(platform, draw_id)
    assert {f"draw {draw_id} less 1 1", f"draw {draw_id} less 2 0"} <= {*await log_lines(platform)}
    await hold_until(platform, clock, TEN)
    assert await proof_file(platform, draw_id) == expected
    assert "less 1 1\nless 2 0\n" in expected
    assert len(await booked_patients(platform)) == 1


async def test_what_is_taken_away_later_is_refused_with_a_reason(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 2, TEN)
    other = await add_sibling(platform, clinic, 1, TEN, THURSDAY + timedelta(days=1))
    await add_applicants(platform, clinic, range(1, 4))
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    clock.now = FIVE_BEFORE
    await change(
        platform,
        "UPDATE held_places SET places = 1 WHERE clinic_session_id = %s",
        clinic.session_id,
    )
    await change(
        platform,
        "UPDATE clinic_sessions SET stopped_at = %s WHERE id = %s",
        *(clock.now, other.session_id),
    )
    await draws.hold_draws(platform)
    await hold_until(platform, clock, TEN)
    file = await proof_file(platform, await only_draw(platform))
    assert file is not None
    assert "less" not in file
    results = sorted(verify(file.encode()).results.values(), key=lambda result: result.position)
    assert [result.reasons for result in results] == [(), *[("withdrawn", "session_stopped")] * 2]
    assert await counters(platform, clinic) == (1, 0, 0)


async def test_places_that_nobody_wanted_are_free(platform: Platform, clock: Clock) -> None:
    clinic = await add_clinic(platform, 3, TEN)
    await add_applicant(platform, 1, clinic)
    later = TEN + timedelta(hours=2)
    await hold(platform, clinic.session_id, 2, later, "declined")
    await hold_until(platform, clock, TEN)
    assert await counters(platform, clinic) == (1, 2, 0)
    assert await ask(platform, "SELECT draw_at FROM clinic_sessions") == [(later,)]
    await hold_until(platform, clock, later)
    assert await counters(platform, clinic) == (1, 0, 0)
    assert await ask(platform, "SELECT draw_at FROM clinic_sessions") == [(None,)]
    assert await ask(platform, "SELECT count(*) FROM held_places WHERE released_at IS NULL") == [
        (0,)
    ]


async def test_a_draw_at_the_release_opens_three_days_before_and_closes_the_evening_before(
    platform: Platform, clock: Clock
) -> None:
    release = MONDAY_MORNING.replace(hour=8) + timedelta(days=4)
    await add_clinic(platform, 3, release, release.date() + timedelta(days=7), cause="release")
    clock.now = release - timedelta(days=3, seconds=1)
    await draws.hold_draws(platform)
    assert await ask(platform, "SELECT count(*) FROM draws") == [(0,)]
    clock.forward(seconds=1)
    await draws.hold_draws(platform)
    assert await ask(platform, "SELECT kind, state, closes_at FROM draws") == [
        ("release", "open", release.replace(hour=20) - timedelta(days=1))
    ]


async def test_each_step_of_a_draw_has_a_job_at_its_time(platform: Platform, clock: Clock) -> None:
    """By real time, which the platform's clock need not be."""
    await add_clinic(platform, 1, TEN)
    await draws.hold_draws(platform)
    rows = await ask_as_owner(
        platform,
        """
        SELECT args, scheduled_at - now() FROM procrastinate_jobs
        WHERE task_name = 'advance_draw' ORDER BY scheduled_at
        """,
    )
    draw_id = await only_draw(platform)
    assert [row[0] for row in rows] == [{"draw_id": draw_id}] * 3
    last_amendment = FIVE_BEFORE - timedelta(seconds=10)
    due = [moment - clock.now for moment in (TEN - timedelta(minutes=10), last_amendment, TEN)]
    for (_, wait), expected in zip(rows, due, strict=True):
        assert expected - timedelta(minutes=5) < wait <= expected


async def test_a_job_that_comes_too_early_says_how_long_to_wait(
    platform: Platform, clock: Clock
) -> None:
    await add_clinic(platform, 1, TEN)
    await draws.hold_draws(platform)
    draw_id = await only_draw(platform)
    clock.now = TEN - timedelta(minutes=10, seconds=3)
    assert await draws.advance(platform, draw_id) == 3
    clock.now = TEN - timedelta(seconds=1)
    assert await draws.advance(platform, draw_id) == 1
    clock.now = TEN
    assert await draws.advance(platform, draw_id) is None
    assert await ask(platform, "SELECT state FROM draws") == [("done",)]
    assert await draws.advance(platform, draw_id) is None
    assert await draws.advance(platform, draw_id + 1) is None


async def test_a_draw_that_fails_keeps_no_other_waiting(platform: Platform, clock: Clock) -> None:
    first, second = await add_clinic(platform, 1, TEN), await add_clinic(platform, 1, TEN)
    await draws.hold_draws(platform)
    # A secret that was copied from another draw does not open.
    async with platform.db.transaction() as tx:
        await tx.do_secret(
            """
            UPDATE draws SET secret_enc = (SELECT secret_enc FROM draws ORDER BY id DESC LIMIT 1)
            WHERE id = (SELECT min(id) FROM draws)
            """
        )
    clock.now = TEN - timedelta(minutes=6)
    await draws.close_draws(platform)
    clock.now = TEN
    with pytest.raises(VaultError):
        await draws.run_draws(platform)
    states = await ask(platform, "SELECT department_id, state FROM draws ORDER BY department_id")
    assert sorted(state for _, state in states) == ["closed", "done"]
    assert {first.department_id, second.department_id} == {row[0] for row in states}


async def test_a_step_that_fails_keeps_no_draw_from_the_next(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of three draws cannot be opened; the others are, and one of them is held."""
    clinics = [await add_clinic(platform, 1, TEN) for _ in range(3)]
    real = store.open_draw

    async def open_draw(tx: Tx, new: NewDraw) -> bool:
        if new.department_id == clinics[0].department_id:
            raise VaultError
        return await real(tx, new)

    monkeypatch.setattr(store, "open_draw", open_draw)
    for now in (clock.now, TEN - timedelta(minutes=6), TEN):
        clock.now = now
        with pytest.raises(VaultError):
            await draws.hold_draws(platform)
    states = await ask(platform, "SELECT department_id, state FROM draws ORDER BY 1")
    assert states == [(clinic.department_id, "done") for clinic in clinics[1:]]


async def test_a_draw_without_entries_is_public(platform: Platform, clock: Clock) -> None:
    await add_clinic(platform, 1, TEN)
    await hold_until(platform, clock, TEN)
    assert await ask(platform, "SELECT entries, is_sensitive FROM draws") == [(0, False)]


async def test_draws_of_a_day_count_as_one_loss(platform: Platform, clock: Clock) -> None:
    """Else the seven draws of a day would make a long wait of everybody."""
    clinic = await add_clinic(platform, 1, TEN)
    await add_applicants(platform, clinic, range(1, 4))
    losses: list[int] = []
    for moment in (TEN, TEN + timedelta(hours=2), TEN + timedelta(days=1)):
        if moment > TEN:
            await hold(platform, clinic.session_id, 1, moment)
            await add_applicants(platform, clinic, [10 + len(losses)])
        await hold_until(platform, clock, moment)
        rows = await ask(platform, "SELECT lost FROM applications WHERE state = 'live'")
        losses.append(max(row[0] for row in rows))
    assert losses == [1, 1, 2]


async def test_long_waits_come_first_for_their_share(platform: Platform, clock: Clock) -> None:
    clinic = await add_clinic(platform, 5, TEN)
    people = await add_applicants(platform, clinic, range(1, 31))
    waiting = people[-1]
    await change(platform, "UPDATE applications SET lost = 5 WHERE id = %s", waiting.application_id)
    await hold_until(platform, clock, TEN)
    assert waiting.patient_ids[0] in await booked_patients(platform)
    assert await ask(
        platform,
        "SELECT position FROM draw_entries WHERE application_id = %s",
        waiting.application_id,
    ) == [(1,)]


async def test_limits_hold_over_the_draws_of_one_moment(platform: Platform, clock: Clock) -> None:
    """Two places a day are the limit: of three applications the third draw finds them taken."""
    clinics = [await add_clinic(platform, 1, TEN) for _ in range(3)]
    applicant = await add_applicant(platform, 1, clinics[0])
    await applied(platform, applicant.account_id, applicant.patient_ids, clinics[1])
    await hold_until(platform, clock, TEN)
    assert len(await booked_patients(platform)) == 2
    clock.now = TEN + timedelta(minutes=1)
    await hold(platform, clinics[2].session_id, 1, TEN + timedelta(hours=2))
    await applied(platform, applicant.account_id, applicant.patient_ids, clinics[2])
    await hold_until(platform, clock, TEN + timedelta(hours=2))
    assert len(await booked_patients(platform)) == 2
    assert await ask(
        platform,
        "SELECT reasons FROM draw_entries WHERE session IS NULL",
    ) == [(["day_limit"],)]


async def test_after_180_days_nobody_knows_whose_a_ticket_was_and_the_file_stays(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    await add_applicants(platform, clinic, range(1, 4))
    await hold_until(platform, clock, TEN)
    draw_id = await only_draw(platform)
    file = await proof_file(platform, draw_id)
    known = """
        SELECT (SELECT count(application_id) FROM draw_entries),
               (SELECT count(application_id) FROM wins)
    """
    clock.now = TEN + timedelta(days=180)
    await delete_old(platform)
    assert await ask(platform, known) == [(3, 1)]
    clock.forward(seconds=1)
    await delete_old(platform)
    assert await ask(platform, known) == [(0, 0)]
    assert await proof_file(platform, draw_id) == file


# Late, twice, at once ---------------------------------------------------------------------------


async def test_a_worker_that_comes_late_closes_and_draws_as_announced(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    await add_applicants(platform, clinic, range(1, 4))
    await draws.hold_draws(platform)
    clock.now = TEN + timedelta(hours=3)
    await draws.close_draws(platform)
    draw_id = await only_draw(platform)
    expected = await expected_file(platform, draw_id)
    await draws.run_draws(platform)
    assert await proof_file(platform, draw_id) == expected
    assert len(await booked_patients(platform)) == 1


async def test_places_whose_draw_nobody_opened_wait_for_the_next(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 2, TEN)
    clock.now = TEN + timedelta(minutes=1)
    await draws.hold_draws(platform)
    noon = TEN + timedelta(hours=2)
    assert await ask(platform, "SELECT draw_at, held FROM clinic_sessions") == [(noon, 2)]
    assert await ask(platform, "SELECT draw_at, state FROM draws") == [(noon, "open")]
    assert await counters(platform, clinic) == (0, 2, 0)


async def test_places_for_which_no_draw_is_left_go_to_the_counter(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 2, TEN)
    clock.now = (TEN + timedelta(days=2)).replace(hour=14)
    await draws.hold_draws(platform)
    assert await counters(platform, clinic) == (0, 0, 2)
    assert await ask(platform, "SELECT draw_at FROM held_places") == [(None,)]


async def test_places_left_by_a_draw_that_comes_too_late_to_book_go_to_the_counter(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 2, TEN)
    await add_applicant(platform, 1, clinic)
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    clock.now = (TEN + timedelta(days=2)).replace(hour=16)
    await draws.hold_draws(platform)
    assert await counters(platform, clinic) == (0, 0, 2)
    [[reasons]] = await ask(platform, "SELECT reasons FROM draw_entries")
    assert reasons == ["next_day_closed"]


async def test_a_missed_draw_at_the_release_becomes_one_of_returned_places(
    platform: Platform, clock: Clock
) -> None:
    release = MONDAY_MORNING.replace(hour=8) + timedelta(days=1)
    visit = release.date() + timedelta(days=7)
    await add_clinic(platform, 3, release, visit, cause="release")
    clock.now = release + timedelta(minutes=1)
    await draws.hold_draws(platform)
    assert await ask(platform, "SELECT kind, draw_at FROM draws") == [
        ("returned", release + timedelta(hours=2))
    ]


async def test_what_was_published_stands_in_the_log_in_its_order(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    await add_applicants(platform, clinic, [1, 2])
    await hold_until(platform, clock, TEN)
    lines = await log_lines(platform)
    draw_id = await only_draw(platform)
    words = [line.removeprefix(f"draw {draw_id} ").split(" ")[0] for line in lines]
    assert words == [
        *("key", "of", "opened", "commitment"),
        *("closed", "long-waits", "entries", "root", "session"),
        *("secret", "seed", "proof"),
    ]
