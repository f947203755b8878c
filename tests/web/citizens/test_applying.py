"""From a full department to a standing application, its draws, and declining what was won."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import psycopg
import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, ask, change, open_platform
from tests.crowd import open_desk
from tests.flows.fairness.fair_city import Clinic, add_clinic, hold_until
from tests.supply import Rows
from tests.web.browsing import Form, Reader
from tests.web.citizens.test_pages_booking import Citizen, add_citizen, log_in
from tests.web.site import Site

from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.supply.releasing import opens_at
from guahao.web.app import create_app

NOON = MONDAY_MORNING.replace(hour=12)
BOTH_LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


async def add_full(site: Site, held: int = 2, draw_at: datetime = NOON) -> Clinic:
    """A session without free places, of which so many wait for a draw."""
    clinic = await add_clinic(site.platform, held, draw_at)
    await change(
        site.platform,
        "UPDATE clinic_sessions SET booked = capacity - held WHERE id = %s",
        clinic.session_id,
    )
    return clinic


def form_of(reader: Reader, *unticked: str) -> Form:
    """The application form as it stands, without boxes that are not ticked."""
    form = reader.form(reader.path.partition("?")[0])
    for name in ("may_split", *unticked):
        form.fields.pop(name, None)
    return form


async def applications(site: Site) -> list[tuple[object, ...]]:
    found = await ask(
        site.platform,
        """
        SELECT state, first_date, last_date, ranked_sessions, periods, iso_weekdays, title,
               may_split, notice_hours, channel,
               (SELECT count(*) FROM application_patients p WHERE p.application_id = a.id)
        FROM applications a ORDER BY id
        """,
    )
    return [tuple(row) for row in found]


async def apply_for(citizen: Citizen, clinic: Clinic, **typed: str) -> str:
    """Through the form of a tapped session; where it led."""
    reader = citizen.reader
    await reader.go(f"/departments/{clinic.department_id}/apply?session={clinic.session_id}")
    await reader.send(form_of(reader), **typed)
    return reader.path.partition("?")[0]


# The department's page ----------------------------------------------------------------------------


@BOTH_LANGUAGES
async def test_a_full_day_says_what_waits_until_when_and_offers_to_apply(
    site: Site, language: str
) -> None:
    clinic = await add_full(site)
    reader = Reader.of(site, language=language)
    await reader.go(f"/departments/{clinic.department_id}?day={THURSDAY}")
    if language == "zh":
        assert "退回2个号，今天12:00抽签，11:50前可登记" in reader.text
    else:
        assert "2 returned places, draw today 12:00, apply by 11:50" in reader.text
    path = f"/departments/{clinic.department_id}/apply"
    assert f'href="{path}?session={clinic.session_id}"' in reader.text
    assert f'href="{path}?day={THURSDAY}"' in reader.text


@BOTH_LANGUAGES
async def test_places_that_were_added_late_are_not_called_returned(
    site: Site, language: str
) -> None:
    clinic = await add_full(site)
    await change(site.platform, "UPDATE held_places SET cause = 'published_late'")
    reader = Reader.of(site, language=language)
    await reader.go(f"/departments/{clinic.department_id}?day={THURSDAY}")
    words = {"zh": "补放2个号，今天12:00抽签", "en": "2 added places, draw today 12:00"}
    assert words[language] in reader.text


async def test_a_draw_at_the_release_is_known_by_its_places_not_by_todays_rules(
    site: Site,
) -> None:
    """The hospital's release time has changed since it was announced."""
    clinic = await add_full(site)
    release = MONDAY_MORNING.replace(hour=7) + timedelta(days=2)
    await change(site.platform, "UPDATE held_places SET cause = 'release', draw_at = %s", release)
    await change(site.platform, "UPDATE clinic_sessions SET draw_at = %s", release)
    reader = Reader.of(site)
    await reader.go(f"/departments/{clinic.department_id}?day={THURSDAY}")
    assert "2个号，12月2日 周三 07:00抽签，明天20:00前可登记" in reader.text


async def test_only_the_places_of_the_first_draw_are_announced(site: Site) -> None:
    clinic = await add_full(site)
    await change(
        site.platform,
        "UPDATE clinic_sessions SET held = held + 1, booked = booked - 1 WHERE id = %s",
        clinic.session_id,
    )
    await change(
        site.platform,
        """
        INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at)
        VALUES (%s, 1, 'cancelled', %s, %s)
        """,
        *(clinic.session_id, MONDAY_MORNING, NOON + timedelta(hours=2)),
    )
    reader = Reader.of(site)
    await reader.go(f"/departments/{clinic.department_id}?day={THURSDAY}")
    assert "退回2个号，今天12:00抽签" in reader.text


async def test_between_closing_and_draw_the_page_says_so(site: Site, clock: Clock) -> None:
    clinic = await add_full(site)
    clock.now = NOON - timedelta(minutes=5)
    reader = Reader.of(site)
    await reader.go(f"/departments/{clinic.department_id}?day={THURSDAY}")
    assert "登记已截止，现在登记参加下一次" in reader.text
    clock.now = NOON + timedelta(seconds=5)
    await reader.go(f"/departments/{clinic.department_id}?day={THURSDAY}")
    assert "正在抽签" in reader.text


@BOTH_LANGUAGES
async def test_a_department_by_draw_says_so_before_its_release(
    site: Site, rows: Rows, language: str
) -> None:
    day = date(2027, 3, 2)  # the date after the furthest that is released
    draw_at = opens_at(day, HospitalRules(), Policy())
    clinic = await add_clinic(site.platform, 20, draw_at, day, cause="release")
    [[hospital]] = await ask(
        site.platform, "SELECT hospital_id FROM departments WHERE id = %s", clinic.department_id
    )
    rows.conn.execute(
        """
        INSERT INTO release_modes (hospital_id, department_id, title, mode, holds_from, reason,
                                   decided_by, decided_at)
        VALUES (%s, %s, '主任医师', 'draw', '2026-12-01', 'r', 'd', now())
        """,
        (hospital, clinic.department_id),
    )
    reader = Reader.of(site, language=language)
    await reader.go(f"/departments/{clinic.department_id}?day={day}")
    assert ("抽签放号" if language == "zh" else "places by draw") in reader.text
    assert ("20个号，" if language == "zh" else "20 places, draw") in reader.text
    assert f"apply?session={clinic.session_id}" in reader.text


@pytest.mark.parametrize("draws", [True, False])
async def test_only_a_city_that_draws_returned_places_offers_to_apply_for_full_days(
    database_url: str, clock: Clock, *, draws: bool
) -> None:
    policy = Policy(draw_returned_places=draws)
    async with (
        open_platform(database_url, clock, policy=policy) as platform,
        open_desk(platform) as desk,
    ):
        site = Site(create_app(platform, desk), platform)
        clinic = await add_clinic(platform, 0, NOON)
        await change(platform, "UPDATE clinic_sessions SET booked = capacity, draw_at = NULL")
        reader = Reader.of(site)
        await reader.go(f"/departments/{clinic.department_id}?day={THURSDAY}")
        assert ("/apply?" in reader.text) is draws
        citizen = await add_citizen(site)
        await citizen.reader.go(f"/book/{clinic.session_id}")
        assert ("/apply?" in citizen.reader.text) is draws


# The form -----------------------------------------------------------------------------------------


@BOTH_LANGUAGES
async def test_three_taps_lead_from_a_full_session_to_a_standing_application(
    site: Site, language: str
) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site, language=language)
    path = await apply_for(citizen, clinic)
    assert path.startswith("/applications/")
    assert citizen.reader.page.status_code == 200
    assert ("登记成功" if language == "zh" else "You have applied") in citizen.reader.text
    assert ("今天12:00" if language == "zh" else "today 12:00") in citizen.reader.text
    [made] = await applications(site)
    assert made[:4] == ("live", THURSDAY, THURSDAY, [clinic.session_id])
    assert made[-3:] == (24, "web", 1)
    if language == "en":
        main = citizen.reader.text.partition("<main")[2].partition("</main>")[0]
        assert "Chinese" not in main


async def test_a_day_asks_for_any_clinic_of_it_and_nothing_for_two_weeks(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site)
    reader = citizen.reader
    await reader.go(f"/departments/{clinic.department_id}/apply?day={THURSDAY}&title=主任医师")
    await reader.send(form_of(reader))
    await reader.go(f"{reader.path.partition('?')[0]}/withdraw")
    await reader.send(reader.form(reader.path))
    await reader.go(f"/departments/{clinic.department_id}/apply")
    await reader.send(form_of(reader, "period_evening", "weekday_7"))
    first, second = await applications(site)
    assert first[:4] == ("withdrawn", THURSDAY, THURSDAY, [])
    assert first[6] == "主任医师"
    assert second[:4] == ("live", date(2026, 12, 1), date(2026, 12, 14), [])
    assert second[4] == ["morning", "afternoon"]
    assert second[5] == [1, 2, 3, 4, 5, 6]


async def test_two_patients_apply_together_or_one_alone(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site, patients=2)
    both = " ".join(map(str, citizen.patient_ids))
    await apply_for(citizen, clinic, patients=both, may_split="yes")
    [made] = await applications(site)
    assert made[7] is True
    assert made[-1] == 2


async def test_soon_before_the_visit_the_form_asks_for_no_notice(site: Site, clock: Clock) -> None:
    clock.now = datetime(2026, 12, 1, 16, 0, tzinfo=MONDAY_MORNING.tzinfo)
    clinic = await add_full(site, draw_at=clock.now.replace(hour=18))
    citizen = await add_citizen(site)
    await apply_for(citizen, clinic)
    [made] = await applications(site)
    assert made[8] == 0


async def test_the_same_form_twice_is_one_application(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site)
    reader = citizen.reader
    await reader.go(f"/departments/{clinic.department_id}/apply?session={clinic.session_id}")
    form = form_of(reader)
    await reader.send(form)
    first = reader.path
    await reader.send(form)
    assert reader.path == first
    await reader.send(form, when="two_weeks")  # gone back and changed: another request
    assert reader.page.status_code == 409
    assert "这张表已经提交过" in reader.text
    assert len(await applications(site)) == 1


@BOTH_LANGUAGES
async def test_a_refusal_says_what_helps_and_keeps_what_was_typed(
    site: Site, language: str
) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site, language=language)
    await apply_for(citizen, clinic)
    await apply_for(citizen, clinic, when="dates", first_date="2026-12-05", last_date="2026-12-06")
    reader = citizen.reader
    assert reader.page.status_code == 409
    said = "已登记过该科室" if language == "zh" else "Already applied"
    assert said in reader.text
    assert 'href="/applications"' in reader.text
    assert form_of(reader).fields["first_date"] == "2026-12-05"
    assert len(await applications(site)) == 1


SENSELESS: list[dict[str, str]] = [
    {"patients": ""},
    {"patients": "999999"},
    {"patients": "1 1"},
    {"when": "dates", "first_date": "", "last_date": ""},
    {"when": "dates", "first_date": "2026-12-09", "last_date": "2026-12-08"},
    {"when": "dates", "first_date": "never", "last_date": "2026-12-08"},
    {"when": "dates", "first_date": "2026-12-08", "last_date": "9999-12-31"},
    {"when": "dates", "first_date": "2020-01-01", "last_date": "2020-01-02"},
    {"when": "elsewhere", "first_date": "2026-12-08", "last_date": "2020-01-02"},
    {"key": "short"},
    {"when": "dates", "title": "主" * 1_000, "first_date": "2026-12-09", "last_date": ""},
]


async def test_what_makes_no_sense_is_refused_and_nothing_is_written(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site)
    for typed in SENSELESS:
        await apply_for(citizen, clinic, **typed)
        assert citizen.reader.page.status_code in (409, 422), typed
        assert 'role="alert"' in citizen.reader.text
    assert await applications(site) == []


async def test_nothing_ticked_is_refused_with_what_to_do(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site)
    reader = citizen.reader
    await reader.go(f"/departments/{clinic.department_id}/apply")
    boxes = [f"period_{p}" for p in ("morning", "afternoon", "evening")]
    await reader.send(form_of(reader, *boxes))
    assert reader.page.status_code == 422
    assert "没有可抽签的日期" in reader.text


async def test_an_address_that_is_bent_still_gives_a_form(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site)
    reader = citizen.reader
    for query in (
        "session=999999",
        "session=x",
        "day=x",
        "day=2020-01-01",
        "patient=7",
        "title=%00",
    ):
        await reader.go(f"/departments/{clinic.department_id}/apply?{query}")
        assert reader.page.status_code == 200, query
        assert form_of(reader).fields["when"] == "two_weeks"
    await reader.send(form_of(reader))
    assert len(await applications(site)) == 1


async def test_a_session_of_another_department_is_not_ranked(site: Site) -> None:
    clinic, other = await add_full(site), await add_full(site)
    citizen = await add_citizen(site)
    reader = citizen.reader
    await reader.go(f"/departments/{clinic.department_id}/apply?session={other.session_id}")
    await reader.send(form_of(reader))
    [made] = await applications(site)
    assert made[3] == []


async def test_an_unknown_department_is_not_found(site: Site) -> None:
    citizen = await add_citizen(site)
    for department in ("0", "999999", "x", "99999999999999999999"):
        await citizen.reader.go(f"/departments/{department}/apply")
        assert citizen.reader.page.status_code == 404


async def test_who_logs_in_on_the_way_comes_back_to_the_form(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site)
    reader = Reader.of(site)
    path = f"/departments/{clinic.department_id}/apply?session={clinic.session_id}"
    await reader.go(path)
    assert reader.path.startswith("/login?next=")
    await log_in(reader, citizen.account_id)
    await reader.go(path)
    assert form_of(reader).fields["when"] == "session"


async def test_without_patients_the_form_leads_to_registering_and_back(site: Site) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site, patients=0)
    reader = citizen.reader
    await reader.go(f"/departments/{clinic.department_id}/apply?session={clinic.session_id}")
    assert "/patients/new?next=%2Fdepartments%2F" in reader.text


@pytest.mark.parametrize("held", [0, 2])
async def test_a_refused_booking_offers_to_apply(site: Site, held: int) -> None:
    clinic = await add_full(site, held)
    if not held:
        await change(site.platform, "UPDATE clinic_sessions SET draw_at = NULL")
    citizen = await add_citizen(site)
    await citizen.reader.go(f"/book/{clinic.session_id}")
    assert citizen.reader.page.status_code == 409
    [patient] = citizen.patient_ids
    path = f"/departments/{clinic.department_id}/apply?session={clinic.session_id}"
    assert f'href="{path}&amp;patient={patient}"' in citizen.reader.text


# My applications ----------------------------------------------------------------------------------


@BOTH_LANGUAGES
async def test_an_application_is_withdrawn_after_a_question(site: Site, language: str) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site, language=language)
    path = await apply_for(citizen, clinic)
    reader = citizen.reader
    await reader.go("/applications")
    assert f'href="{path}"' in reader.text
    await reader.go(f"{path}/withdraw")
    assert (await applications(site))[0][0] == "live"
    form = reader.form(f"{path}/withdraw")
    await reader.send(form)
    assert reader.path == path
    assert (await applications(site))[0][0] == "withdrawn"
    await reader.send(form)  # once more: it is as it is
    assert reader.path == path


async def test_others_see_nothing_of_an_application(site: Site) -> None:
    clinic = await add_full(site)
    path = await apply_for(await add_citizen(site), clinic)
    other = await add_citizen(site, 2)
    for page in (path, f"{path}/withdraw", f"{path}/draws/1", "/applications/0", "/applications/x"):
        await other.reader.go(page)
        assert other.reader.page.status_code == 404, page
    await other.reader.go("/applications")
    assert path not in other.reader.text
    await other.reader.go("/me")
    token = other.reader.form("/logout").fields
    await other.reader.client.post(f"{path}/withdraw", data=token)
    assert (await applications(site))[0][0] == "live"


@BOTH_LANGUAGES
async def test_a_won_booking_says_so_and_is_declined_after_a_question(
    site: Site, clock: Clock, language: str
) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site, language=language)
    application = await apply_for(citizen, clinic)
    await hold_until(site.platform, clock, NOON)
    reader = citizen.reader
    [[id]] = await ask(site.platform, "SELECT id FROM appointments")
    await reader.go("/bookings")
    assert ("抽签抽中" if language == "zh" else "Won in a draw") in reader.text
    await reader.go(application)
    assert f'href="/bookings/{id}"' in reader.text
    await reader.go(f"/bookings/{id}")
    assert f'href="/bookings/{id}/decline"' in reader.text
    await reader.go(f"/bookings/{id}/decline")
    sentence = "90天内放弃3次" if language == "zh" else "after 3 declines in 90 days"
    assert sentence in reader.text
    assert await ask(site.platform, "SELECT status FROM appointments") == [("booked",)]
    form = reader.form(f"/bookings/{id}/decline")
    await reader.send(form)
    assert reader.path == f"/bookings/{id}"
    assert ("放弃" if language == "zh" else "Declined") in reader.text
    assert await ask(site.platform, "SELECT status FROM appointments") == [("cancelled",)]
    await reader.send(form)
    assert reader.path == f"/bookings/{id}"


async def test_what_can_no_longer_be_declined_says_so(site: Site, clock: Clock) -> None:
    clinic = await add_full(site)
    citizen = await add_citizen(site)
    await apply_for(citizen, clinic)
    await hold_until(site.platform, clock, NOON)
    reader = citizen.reader
    [[id]] = await ask(site.platform, "SELECT id FROM appointments")
    await reader.go(f"/bookings/{id}/decline")
    form = reader.form(f"/bookings/{id}/decline")
    clock.forward(hours=25)
    await log_in(reader, citizen.account_id)
    await reader.send(form)
    assert reader.page.status_code == 409
    assert "已过放弃时间" in reader.text
    await reader.go(f"/bookings/{id}/decline")
    assert reader.path == f"/bookings/{id}"
    assert "/decline" not in reader.text
