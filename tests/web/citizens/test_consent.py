"""Consent to the privacy notice at every registration; the owner's copy and erasure."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from stdnum.cn import ric
from tests.city import add_session, ask, change, phone, resident_id
from tests.flows.people.test_privacy import clear_text
from tests.web.browsing import Reader
from tests.web.site import API, Site, add_citizen, booked, problem
from tests.web.staff_site import at_the_desk

from guahao.rules.people.consent import NOTICE_VERSION
from guahao.rules.staff.staff import Role
from guahao.web.http.wechat_link import save_openid

TEMPLATES = Path(__file__).parents[3] / "src/guahao/web/templates"
# A change of the notice's text needs a new version, and then a new digest here.
DIGEST = "83bd10607ff3ba2e"
PERSON = {"name": "张三", "id_type": "01", "id_no": resident_id(1)}


async def consents(site: Site) -> list[tuple[str, str, str]]:
    rows = await ask(site.platform, "SELECT notice_version, given_by, door FROM consents")
    return [tuple(row) for row in rows]


def test_a_new_text_has_a_new_version() -> None:
    texts = [(TEMPLATES / f"privacy.{language}.html").read_bytes() for language in ("zh", "en")]
    assert (NOTICE_VERSION, sha256(b"".join(texts)).hexdigest()[:16]) == ("2026-12-20", DIGEST)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_notice_names_version_city_and_retention(site: Site, language: str) -> None:
    reader = Reader.of(site, language=language)
    await reader.go("/")
    assert 'href="/privacy"' in reader.text
    await reader.go("/privacy")
    for part in (NOTICE_VERSION, "安澜市", "400", "tel:114"):
        assert part in reader.text


async def test_nobody_is_registered_on_the_pages_without_consent(site: Site) -> None:
    reader = Reader.of(site)
    await reader.log_in()
    await reader.go("/patients/new")
    form = reader.form("/patients/new")
    answer = await reader.send(form, **PERSON, consent="")
    assert answer.status_code == 422
    assert "需要您的同意" in reader.text or "最新版本" in reader.text
    outdated = await reader.send(form, **PERSON, consent="2020-01-01")
    assert outdated.status_code == 422
    assert await consents(site) == []
    await reader.send(form, **PERSON, guardian="")
    assert await consents(site) == [(NOTICE_VERSION, "self", "web")]


async def test_a_guardian_consents_for_a_child(site: Site) -> None:
    reader = Reader.of(site)
    await reader.log_in()
    await reader.go("/patients/new")
    form = reader.form("/patients/new")
    child = PERSON | {"id_no": child_id()}
    assert (await reader.send(form, **child, guardian="")).status_code == 422
    assert "监护人" in reader.text
    await reader.send(form, **child, guardian="on")
    assert await consents(site) == [(NOTICE_VERSION, "guardian", "web")]


def child_id() -> str:
    number = "11010520181231001"
    return number + str(ric.calc_check_digit(number + "0"))


async def test_the_api_takes_the_version_and_refuses_another(site: Site) -> None:
    reader = await add_citizen(site, 2)
    path = f"{API}/patients"
    answer = await site.post(path, token=reader.token, json=PERSON | {"consent": "2020-01-01"})
    problem(answer, 422, "consent_required")
    child = PERSON | {"id_no": child_id(), "consent": NOTICE_VERSION}
    answer = await site.post(path, token=reader.token, json=child)
    problem(answer, 422, "guardian_consent_required")
    child_with_guardian = child | {"guardian_consent": True}
    answer = await site.post(path, token=reader.token, json=child_with_guardian)
    assert answer.status_code == 201
    assert await consents(site) == [(NOTICE_VERSION, "guardian", "api")]


async def test_a_client_without_the_field_registers_as_before_and_nothing_is_recorded(
    site: Site,
) -> None:
    citizen = await add_citizen(site, 2)
    answer = await site.post(f"{API}/patients", token=citizen.token, json=PERSON)
    assert answer.status_code == 201
    assert await consents(site) == []


async def test_an_agent_ticks_what_the_caller_consented_to(site: Site) -> None:
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/calls/register")
    form = reader.form("/staff/calls/register")
    typed = PERSON | {"phone": phone(1)}
    assert (await reader.send(form, **typed, consent="")).status_code == 422
    assert await consents(site) == []
    await reader.go("/staff/calls/register")
    await reader.send(reader.form("/staff/calls/register"), **typed)
    assert await consents(site) == [(NOTICE_VERSION, "self", "agent")]


async def test_a_child_is_registered_by_nobody_without_a_guardian(site: Site) -> None:
    """Not even by a client of the API that knows nothing of consent."""
    citizen = await add_citizen(site, 2)
    child = PERSON | {"id_no": child_id()}
    answer = await site.post(f"{API}/patients", token=citizen.token, json=child)
    problem(answer, 422, "guardian_consent_required")
    agent = await at_the_desk(site, Role.AGENT)
    await agent.go("/staff/calls/register")
    form = agent.form("/staff/calls/register")
    answer = await agent.send(form, **child, phone=phone(1), guardian="")
    assert answer.status_code == 422
    assert "监护人" in agent.text
    clerk = await at_the_desk(site, Role.CLERK, await a_hospital(site))
    await looked_up(clerk, child)
    answer = await clerk.send(
        clerk.form("/staff/window/persons/register"), phone=phone(3), guardian=""
    )
    assert answer.status_code == 422
    assert "监护人" in clerk.text
    registered = await ask(site.platform, "SELECT count(*) FROM patients WHERE id_type = '01'")
    assert registered == [(1,)]  # the citizen's own


async def a_hospital(site: Site) -> int:
    [[hospital_id]] = await ask(
        site.platform,
        "SELECT hospital_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    return int(hospital_id)


async def looked_up(clerk: Reader, person: dict[str, str]) -> None:
    await clerk.go("/staff/window/persons")
    await clerk.send(clerk.form("/staff/window/persons"), **person, seen="on")


async def test_who_recorded_a_consent_is_kept_with_it(site: Site) -> None:
    agent = await at_the_desk(site, Role.AGENT)
    await agent.go("/staff/calls/register")
    await agent.send(agent.form("/staff/calls/register"), **PERSON, phone=phone(1))
    clerk = await at_the_desk(site, Role.CLERK, await a_hospital(site))
    await looked_up(clerk, PERSON | {"id_no": resident_id(2)})
    await clerk.send(clerk.form("/staff/window/persons/register"), phone=phone(3))
    rows = await ask(
        site.platform,
        "SELECT c.door, s.role FROM consents c LEFT JOIN staff s ON s.id = c.staff_id"
        " ORDER BY c.id",
    )
    assert rows == [("agent", "agent"), ("clerk", "clerk")]


# A new version ----------------------------------------------------------------------------


async def outdated(site: Site) -> Reader:
    """An owner who had consented to the version before."""
    await add_citizen(site)
    await change(site.platform, "UPDATE accounts SET notice_version = '2020-01-01'")
    return await owner(site)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_new_version_is_asked_for_before_anything_else(site: Site, language: str) -> None:
    reader = await outdated(site)
    reader.client.headers["Accept-Language"] = language
    await reader.go("/patients/new")
    assert reader.path == "/me/consent?next=%2Fpatients%2Fnew"
    form = reader.form("/me/consent")
    for version in ("", "2020-01-01"):
        assert (await reader.send(form, consent=version)).status_code == 422
    await reader.send(form, consent=NOTICE_VERSION)
    assert reader.path == "/patients/new"
    assert await consents(site) == [(NOTICE_VERSION, "self", "web")]
    await reader.go("/me/consent?next=/patients")
    assert reader.path == "/patients"


async def test_a_form_from_before_the_new_version_stores_nothing(site: Site) -> None:
    await add_citizen(site)
    reader = await owner(site)
    await reader.go("/patients/new")
    form = reader.form("/patients/new")
    await change(site.platform, "UPDATE accounts SET notice_version = '2020-01-01'")
    await reader.send(form, **PERSON | {"id_no": resident_id(2)})
    assert reader.path.startswith("/me/consent")
    assert await ask(site.platform, "SELECT count(*) FROM patients") == [(1,)]


async def test_data_can_be_taken_away_without_the_new_consent(site: Site) -> None:
    reader = await outdated(site)
    await reader.go("/me/data")
    assert (await reader.send(id_no=resident_id(1))).json()["format"]
    await reader.go("/me/data/erase")
    await reader.send(reader.form("/me/data/erase"), id_no=resident_id(1), understood="on")
    assert "已删除" in reader.text


async def test_an_account_without_log_in_is_not_asked(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/me/consent")
    assert reader.path.startswith("/login")


async def bound(site: Site) -> int:
    [[count]] = await ask(site.platform, "SELECT count(*) FROM wechat_users")
    return int(count)


async def from_wechat(site: Site) -> Reader:
    """A browser whose user of WeChat waits for the proof of a phone; the phone is proven."""
    reader = Reader.of(site)
    _, cookie = save_openid(site.platform, "o-openid-of-nobody")
    name, _, value = cookie.decode().partition(";")[0].partition("=")
    reader.client.cookies.set(name, value)
    await reader.log_in(back="/patients")
    return reader


async def test_wechat_is_linked_with_consent_alone(site: Site) -> None:
    reader = await from_wechat(site)
    assert reader.path == "/me/consent?next=%2Fpatients"
    assert "关联微信" in reader.text
    assert await bound(site) == 0
    await reader.go("/patients")  # not now
    assert reader.path == "/patients"
    assert await bound(site) == 0
    await reader.go("/me/consent?next=/patients")
    await reader.send(reader.form("/me/consent"), consent=NOTICE_VERSION)
    assert reader.path == "/patients"
    assert await bound(site) == 1


async def test_wechat_is_linked_at_once_where_the_owner_has_consented(site: Site) -> None:
    await add_citizen(site)
    await change(site.platform, "UPDATE accounts SET notice_version = %s", NOTICE_VERSION)
    reader = await from_wechat(site)
    assert reader.path == "/patients"
    assert await bound(site) == 1


async def test_the_owner_downloads_a_copy_with_the_right_document_only(site: Site) -> None:
    citizen = await add_citizen(site)
    await add_citizen(site, 2)
    reader = await owner(site)
    booking = await booked(site, citizen)
    await reader.go("/me/data")
    form = reader.form("/me/data")
    # Somebody else's document opens neither account.
    assert (await reader.send(form, id_no=resident_id(2))).status_code == 422
    copy = await reader.send(form, id_no=resident_id(1))
    assert copy.headers["cache-control"] == "no-store"
    assert "attachment" in copy.headers["content-disposition"]
    data = copy.json()
    assert [item["id_no"] for item in data["patients"]] == [resident_id(1)]
    assert data["appointments"][0]["code"] == booking["code"]
    assert resident_id(2) not in copy.text


async def test_wrong_documents_are_counted_and_stop_even_the_right_one(site: Site) -> None:
    await add_citizen(site)
    reader = await owner(site)
    await reader.go("/me/data")
    form = reader.form("/me/data")
    for _ in range(5):
        assert (await reader.send(form, id_no="x")).status_code == 422
    assert (await reader.send(form, id_no=resident_id(1))).status_code == 429


async def test_the_owner_erases_only_when_nothing_is_open(site: Site, database_url: str) -> None:
    citizen = await add_citizen(site)
    reader = await owner(site)
    await booked(site, citizen)
    await reader.go("/me/data/erase")
    form = reader.form("/me/data/erase")
    kept = await reader.send(form, id_no=resident_id(1), understood="")
    assert kept.status_code == 200
    refused = await reader.send(form, id_no=resident_id(1), understood="on")
    assert refused.status_code == 409
    assert "先取消预约" in reader.text
    async with site.platform.db.transaction() as tx:
        await tx.do("UPDATE appointments SET status = 'cancelled'")
    await reader.send(form, id_no=resident_id(1), understood="on")
    assert "已删除" in reader.text
    assert await ask(site.platform, "SELECT count(*) FROM patients WHERE erased_at IS NULL") == [
        (0,)
    ]
    await reader.go("/me/data")
    assert reader.path.startswith("/login")
    assert clear_text(database_url, resident_id(1), phone(1)) == []


async def owner(site: Site) -> Reader:
    """The owner of account 1, in a browser that is logged in."""
    reader = Reader.of(site)
    await reader.log_in()
    return reader
