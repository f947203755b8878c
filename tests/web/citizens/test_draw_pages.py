"""How places were drawn, as applicants and everybody read it."""

from __future__ import annotations

import html
import re
import shlex
from datetime import timedelta
from urllib.parse import quote

import pytest
from tests.city import MONDAY_MORNING, Clock, ask, change
from tests.flows.fairness.fair_city import Clinic, add_applicants, add_clinic, applied, hold_until
from tests.tools.relay import beacon_with, relaying, with_relays
from tests.web.browsing import Reader
from tests.web.citizens.test_pages_booking import add_citizen
from tests.web.site import Site
from typer.testing import CliRunner

from guahao.cli import app
from guahao.flows.fairness import drawn, draws
from guahao.tools import draw_verifier

NOON = MONDAY_MORNING.replace(hour=12)
OTHERS = range(11, 32)  # one more than a sensitive draw has
KEY = 20_261_130  # of all members of drand's network together
PUBLIC_NUMBER = {
    "zh": ("有公共随机数", "谁都能查", "外部数字一起"),
    "en": ("A public random number was used", "anyone can look it up", "the outside number"),
}
HASH = re.compile(r"[0-9a-f]{32,}")
BOTH_LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])


async def add_draw(site: Site, clock: Clock, clinic: Clinic, citizen_language: str) -> list[str]:
    """Hold a draw of a citizen and many others; return the pages of the citizen's part in it."""
    citizen = await add_citizen(site, language=citizen_language)
    own = await applied(site.platform, citizen.account_id, tuple(citizen.patient_ids), clinic)
    await add_applicants(site.platform, clinic, OTHERS)
    await hold_until(site.platform, clock, NOON)
    [[draw_id]] = await ask(site.platform, "SELECT id FROM draws")
    path = f"/applications/{own.application_id}/draws/{draw_id}"
    await citizen.reader.go(path)
    return [citizen.reader.text, f"/draws/{draw_id}"]


@BOTH_LANGUAGES
async def test_everybody_sees_their_ticket_in_plain_words_before_any_hash(
    site: Site, clock: Clock, language: str
) -> None:
    clinic = await add_clinic(site.platform, 2, NOON)
    text, public = await add_draw(site, clock, clinic, language)
    [[ticket, position, won]] = await ask(
        site.platform,
        "SELECT ticket, position, session IS NOT NULL FROM draw_entries WHERE application_id = "
        "(SELECT min(id) FROM applications)",
    )
    main = text.partition("<main")[2].partition("</main>")[0]
    plain, _, curious = main.partition('class="news curious"')
    assert f"{ticket.hex()[:4]} {ticket.hex()[4:8]}" in plain
    label = f"您排第{position}位" if language == "zh" else f"Your position is {position} of "
    [picture] = re.findall(r'role="img" aria-label="([^"]*)"', plain)
    assert label in picture
    words = ("抽中了" if won else "这次没有抽中", "You won" if won else "No place this time")
    assert words[language == "en"] in plain
    last = await ask(site.platform, "SELECT max(position) FROM draw_entries WHERE session = 1")
    said = (
        f"最后一个号给了第{last[0][0]}位" if language == "zh" else f"went to position {last[0][0]}"
    )
    assert said in plain
    assert HASH.search(re.sub(r"<form.*?</form>", "", plain, flags=re.DOTALL)) is None
    assert ticket.hex() in curious
    assert f'href="{public}"' in curious


@BOTH_LANGUAGES
async def test_a_draw_is_public_from_its_opening_to_its_file(
    site: Site, clock: Clock, language: str
) -> None:
    clinic = await add_clinic(site.platform, 2, NOON)
    await hold_until(site.platform, clock, NOON - timedelta(hours=3))
    reader = Reader.of(site, language=language)
    await reader.go("/draws")
    [path] = set(re.findall(r"/draws/\d+", reader.text))
    await reader.go(path)
    assert ("11:50前登记候补" if language == "zh" else "Apply by today 11:50") in reader.text
    await add_applicants(site.platform, clinic, OTHERS)
    await hold_until(site.platform, clock, NOON)
    await reader.go(path)
    assert f"/api/v1/fairness{path}.txt" in reader.text
    assert ("没有外部见证" if language == "zh" else "no outside witness") in reader.text
    assert len(re.findall(r"<tr><td>", reader.text)) == len(OTHERS)
    # Fingerprints and tickets may hold any digits.
    assert "138" not in re.sub(r"[0-9a-f]{32,}", "", reader.shown)
    await reader.go("/draws")
    assert f'href="{path}"' in reader.text
    for asked, there in ((f"department={clinic.department_id}", True), ("hospital=999999", False)):
        await reader.go(f"/draws?{asked}")
        assert (f'href="{path}"' in reader.text) is there


@BOTH_LANGUAGES
async def test_a_draw_by_a_public_random_number_says_what_that_is(
    site: Site, clock: Clock, language: str
) -> None:
    beacon = beacon_with(KEY, NOON - timedelta(days=1))
    clinic = await add_clinic(site.platform, 2, NOON)
    citizen = await add_citizen(site, language=language)
    own = await applied(site.platform, citizen.account_id, tuple(citizen.patient_ids), clinic)
    await add_applicants(site.platform, clinic, OTHERS)
    reader = Reader.of(site, language=language)
    with relaying(beacon, KEY, clock) as relay:
        city = with_relays(site.platform, beacon, relay.url)
        await hold_until(city, clock, NOON - timedelta(minutes=6))
        [[draw_id]] = await ask(city, "SELECT id FROM draws")
        await reader.go(f"/draws/{draw_id}")
        assert {"zh": "要等drand公布", "en": "until drand publishes"}[language] in reader.text
        clock.now = NOON
        await draws.hold_draws(city)
    [[value]] = await ask(city, "SELECT source_values[1] FROM draws")
    public = f"/draws/{draw_id}"
    for page, path in (
        (reader, public),
        (citizen.reader, f"/applications/{own.application_id}{public}"),
    ):
        await page.go(path)
        main = page.text.partition("<main")[2].partition("</main>")[0]
        plain, _, curious = main.partition('class="news curious"')
        for said in PUBLIC_NUMBER[language]:
            assert said in plain, path
        assert {"zh": "所有见证方", "en": "all witnesses"}[language] not in plain
        assert HASH.search(re.sub(r"<form.*?</form>", "", plain, flags=re.DOTALL)) is None
        if path == public:
            assert {"zh": "第28801轮", "en": "round 28801"}[language] in curious
            assert value.hex() in curious
            assert f"/{beacon.chain.hex()}/public/28801" in curious


@BOTH_LANGUAGES
async def test_a_draw_whose_public_random_number_never_came_says_so(
    site: Site, clock: Clock, language: str
) -> None:
    city = with_relays(site.platform, beacon_with(KEY + 1, clock.now), "http://127.0.0.1:1")
    await add_applicants(city, await add_clinic(city, 2, NOON), OTHERS)
    await hold_until(city, clock, NOON)
    [[draw_id]] = await ask(city, "SELECT id FROM draws")
    reader = Reader.of(site, language=language)
    clock.now = NOON + timedelta(minutes=1)
    await draws.hold_draws(city)
    await reader.go(f"/draws/{draw_id}")
    assert {"zh": "在等外部数字", "en": "Waiting for the outside number"}[language] in reader.text
    clock.now = NOON + timedelta(hours=2)
    await draws.hold_draws(city)
    await reader.go(f"/draws/{draw_id}")
    plain, _, curious = reader.text.partition('class="news curious"')
    assert {"zh": "外部数字没有来", "en": "was announced did not come"}[language] in plain
    assert {"zh": "没有来，抽签没有用它", "en": "It did not come"}[language] in curious


async def test_a_small_draw_publishes_no_single_result(site: Site, clock: Clock) -> None:
    clinic = await add_clinic(site.platform, 1, NOON)
    await add_applicants(site.platform, clinic, [11, 12, 13])
    citizen = await add_citizen(site)
    own = await applied(site.platform, citizen.account_id, tuple(citizen.patient_ids), clinic)
    await hold_until(site.platform, clock, NOON)
    tickets = [row[0].hex() for row in await ask(site.platform, "SELECT ticket FROM draw_entries")]
    [[draw_id, mine]] = await ask(
        site.platform,
        "SELECT draw_id, ticket FROM draw_entries WHERE application_id = %s",
        own.application_id,
    )
    reader = Reader.of(site)
    await reader.go(f"/draws/{draw_id}")
    assert "为保护隐私" in reader.text
    await citizen.reader.go(f"/applications/{own.application_id}/draws/{draw_id}")
    assert mine.hex() in citizen.reader.text
    assert "RFC 9162" in citizen.reader.text
    [shown] = re.findall(r"<code>guahao (fairness entry .*?)</code>", citizen.reader.text)
    command = shlex.split(html.unescape(shown))
    assert CliRunner().invoke(app, command).exit_code == 0
    assert CliRunner().invoke(app, [*command[:-1], "00" * 32]).exit_code == 1
    for ticket in tickets:
        assert ticket not in reader.text
        assert f"{ticket[:4]} {ticket[4:8]}" not in reader.text
        if ticket != mine.hex():
            assert f"{ticket[:4]} {ticket[4:8]}" not in citizen.reader.text


@BOTH_LANGUAGES
async def test_a_draw_says_how_many_places_are_kept_for_referrals(
    site: Site, clock: Clock, language: str
) -> None:
    tomorrow = NOON + timedelta(days=1)
    clinic = await add_clinic(site.platform, 3, tomorrow, cause="release")
    await change(site.platform, "UPDATE clinic_sessions SET reserved = 2")
    await change(
        site.platform,
        """
        INSERT INTO held_places (clinic_session_id, places, cause, held_at)
        VALUES (%s, 2, 'referral', %s)
        """,
        *(clinic.session_id, clock.now),
    )
    await hold_until(site.platform, clock, tomorrow)
    [[draw_id]] = await ask(site.platform, "SELECT id FROM draws")
    assert (await site.get(f"/api/v1/fairness/draws/{draw_id}")).json()["referrals"] == 2
    reader = Reader.of(site, language=language)
    await reader.go(f"/draws/{draw_id}")
    assert {
        "zh": "放号共5个，其中3个抽签，2个留给医生转诊",
        "en": "Of 5 places, 3 are in the draw and 2 are kept",
    }[language] in reader.text


async def test_each_reason_of_a_skip_is_said(site: Site, clock: Clock) -> None:
    clinic = await add_clinic(site.platform, 2, NOON)
    citizen = await add_citizen(site)
    own = await applied(site.platform, citizen.account_id, tuple(citizen.patient_ids), clinic)
    await hold_until(site.platform, clock, NOON)
    [[draw_id]] = await ask(site.platform, "SELECT id FROM draws")
    for reason, said in {
        "full": "号已经抽完",
        "application_ended": "已撤回或结束",
        "withdrawn": "医院收回了这个号",
        "duplicate_department": "这天在本科室已有预约",
        "seven_day_limit": "连续7天内已约满3个号",
        "patient_suspended": "暂停预约",
        "same_day": "这个日期已不能预约",
    }.items():
        await change(
            site.platform,
            "UPDATE draw_entries SET session = NULL, patients = NULL, reasons = ARRAY[%s]",
            reason,
        )
        await citizen.reader.go(f"/applications/{own.application_id}/draws/{draw_id}")
        assert said in citizen.reader.text, reason


async def test_an_entry_that_waits_for_its_draw_shows_its_ticket(site: Site, clock: Clock) -> None:
    clinic = await add_clinic(site.platform, 2, NOON)
    citizen = await add_citizen(site)
    own = await applied(site.platform, citizen.account_id, tuple(citizen.patient_ids), clinic)
    await hold_until(site.platform, clock, NOON - timedelta(minutes=5))
    [[draw_id]] = await ask(site.platform, "SELECT id FROM draws")
    reader = citizen.reader
    await reader.go(f"/applications/{own.application_id}")
    assert "已经替您报名，共1份登记参加" in reader.text
    await reader.go(f"/applications/{own.application_id}/draws/{draw_id}")
    assert "等抽签" in reader.text
    await reader.go(f"/draws/{draw_id}")
    assert "名单已固定" in reader.text


async def test_draws_to_come_stand_by_day_and_hospital_and_are_searched(
    site: Site, clock: Clock
) -> None:
    tomorrow = NOON + timedelta(days=1)
    clinics = [await add_clinic(site.platform, 2, at) for at in (tomorrow, NOON, NOON)]
    await change(
        site.platform,
        """
        UPDATE hospitals h SET name = n.name, name_en = n.name_en,
               search_keys = CASE WHEN n.name = '城东人民医院' THEN ' cdrmyy' ELSE '' END
        FROM (VALUES (%s::bigint, '城东人民医院', 'East'), (%s, '河西医院', 'West'),
                     (%s, '河西医院', 'West')) n (id, name, name_en)
        WHERE h.id = (SELECT hospital_id FROM departments WHERE id = n.id)
        """,
        *(clinic.department_id for clinic in clinics),
    )
    await hold_until(site.platform, clock, NOON - timedelta(hours=3))
    ids = {
        department: f"/draws/{id}"
        for id, department in await ask(site.platform, "SELECT id, department_id FROM draws")
    }
    [last, first, second] = [ids[clinic.department_id] for clinic in clinics]
    reader = Reader.of(site)
    await reader.go("/draws")
    shown = re.findall(r"<h3[^>]*>(.*?)</h3>|<h4>(.*?)</h4>|(/draws/\d+)", reader.text)
    assert [next(filter(None, found)) for found in shown] == [
        *("11月30日 周一", "河西医院", first, "河西医院", second),
        *("12月1日 周二", "城东人民医院", last),
    ]
    for words in ("城东", "east", "cdrm", "East 人民"):
        await reader.go(f"/draws?q={quote(words)}")
        assert re.findall(r"/draws/\d+", reader.text) == [last], words
    await reader.go("/draws?q=%25")
    assert re.findall(r"/draws/\d+", reader.text) == []
    assert "没有找到“%”的抽签" in reader.text


async def test_a_page_of_draws_is_bounded_and_goes_on(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "LISTED", 2)
    for at in (NOON, NOON, NOON, NOON + timedelta(days=1), NOON + timedelta(days=1)):
        await add_clinic(site.platform, 1, at)
    await hold_until(site.platform, clock, NOON - timedelta(hours=3))
    reader, seen = Reader.of(site), []
    await reader.go("/draws")
    for left in (3, 1, 0):
        seen += re.findall(r'"(/draws/\d+)"', reader.text)
        assert len(set(seen)) == 5 - left
        address = re.findall(r'class="quiet" href="(/draws\?after=\d+)"', reader.text)
        assert bool(address) is (left > 0)
        if address:
            await reader.go(address[0])
    await hold_until(site.platform, clock, NOON)
    await reader.go("/draws")
    # Three are held by now: the page shows two, and the third is on the next.
    [older] = re.findall(r'class="quiet" href="(/draws\?before=\d+)"', reader.text)
    await reader.go(older)
    assert len(re.findall(r'"/draws/\d+"', reader.text)) == 1
    await reader.go("/draws?before=1")
    assert "没有更多的了" in reader.text


async def test_unknown_draws_are_not_found_and_the_verifier_is_a_file(site: Site) -> None:
    citizen = await add_citizen(site)
    for path in (
        "/draws/0",
        "/draws/999999",
        "/draws/x",
        "/draws/1.txt",
        "/applications/1/draws/x",
    ):
        await citizen.reader.go(path)
        assert citizen.reader.page.status_code == 404, path
    await citizen.reader.go("/draws")
    assert "还没有抽签" in citizen.reader.text
    found = await site.get("/draws/draw_verifier.py")
    assert found.headers["content-type"].startswith("text/x-python")
    assert found.text.partition("\n")[0].strip('"') in (draw_verifier.__doc__ or "")
