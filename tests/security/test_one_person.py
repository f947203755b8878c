"""One person under many documents' types and spellings; and what a displaced stranger still has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import httpx
import pytest
from tests.city import Clock, add_account, add_session, ask, change, open_platform, resident_id
from tests.crowd import open_desk
from tests.web.browsing import Reader
from tests.web.site import API, Citizen, Site, add_citizen, booked, problem
from tests.web.staff_site import at_the_desk
from tests.wechat.official import OPENID, Official

from guahao.flows.messages.wechat import bind
from guahao.flows.people.patients import register_patient
from guahao.identity_check.demo import DemoVerifier
from guahao.identity_check.gateway import NoVerifier
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.staff.staff import Role
from guahao.settings import Settings
from guahao.store.kernel.views import PatientView
from guahao.web.app import create_app

NAME = "王小明"
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
ACCOUNTS = (11, 12, 13)
REFUSED = {"not_registered", "id_invalid"}
CURRENT = """
    SELECT count(*), count(DISTINCT person_index) FROM patients
    WHERE displaced_at IS NULL AND merged_into IS NULL AND account_id IS NOT NULL
"""


def resident(number: int) -> list[tuple[str, str]]:
    """Ways of typing one resident ID."""
    new = resident_id(number)
    old = new[:6] + new[8:17]
    return [
        *[(id_type, new) for id_type in ("01", "02", "03")],
        *[(id_type, old) for id_type in ("01", "02", "03")],
        ("01", new.translate(FULL_WIDTH)),
        ("02", f"{new[:6]}-{new[6:14]}-{new[14:]}"),
        ("03", f" {old[:6]} {old[6:]} ".translate(FULL_WIDTH)),
        ("03", new.lower()),
    ]


PERSONS = [
    *[
        resident(number)[start:] + resident(number)[:start]
        for number, start in enumerate(range(10))
    ],
    [("06", "H12345678"), ("06", "h1234567801"), ("06", "H12345678-02"), ("03", "H12345678")],
    [
        ("06", "M1234567802"),
        ("06", "M12345678"),
        ("03", "ｍ１２３４５６７８"),
        ("06", "M 12345678"),
    ],
    [("07", "12345678"), ("07", "1234567801(B)"), ("07", "12345678（B）"), ("03", "1234567802")],
    [
        ("03", "E12345678"),
        ("03", "e1234-5678"),
        ("03", "Ｅ１２３４５６７８"),
        ("03", "E.1234.5678"),
    ],
    [("04", "军字第1234567号"), ("04", "军1234567"), ("04", "军 字 第 １２３４５６７ 号")],
]


@pytest.fixture(params=[NoVerifier(), DemoVerifier()], ids=["unverified", "verified"])
async def roomy(
    request: pytest.FixtureRequest, database_url: str, clock: Clock
) -> AsyncIterator[Site]:
    """A site that lets an account try as often as it likes, without and with a verifier."""
    settings = Settings(registrations_per_account_day=10_000)
    async with open_platform(database_url, clock, settings=settings) as opened:
        platform = replace(opened, verifier=request.param)
        async with open_desk(platform) as desk:
            yield Site(create_app(platform, desk), platform)


async def register(site: Site, token: str, id_type: str, id_no: str) -> httpx.Response:
    body = {"name": NAME, "id_type": id_type, "id_no": id_no}
    return await site.post(f"{API}/patients", token=token, json=body)


async def register_at_the_pages(reader: Reader, id_type: str, id_no: str) -> None:
    await reader.go("/patients/new")
    form = reader.form("/patients/new")
    await reader.send(form, name=NAME, id_type=id_type, id_no=id_no)
    assert reader.page.status_code in (200, 409, 422), reader.text


@pytest.mark.parametrize("spellings", PERSONS, ids=lambda one: f"{one[0][0]}-{one[0][1]}")
async def test_one_person_is_one_registration(
    roomy: Site, spellings: list[tuple[str, str]]
) -> None:
    tokens = [await roomy.log_in(await add_account(roomy.platform, one)) for one in ACCOUNTS]
    reader = Reader.of(roomy)
    await reader.log_in(20)
    codes = set()
    for turn, (id_type, id_no) in enumerate(spellings):
        for token in tokens[turn % 3 :] + tokens[: turn % 3]:
            answer = await register(roomy, token, id_type, id_no)
            assert answer.status_code in (201, 409, 422), answer.text
            codes.add(answer.json().get("code", "registered"))
        await register_at_the_pages(reader, id_type, id_no)
        if "registered" in codes:
            assert await ask(roomy.platform, CURRENT) == [(1, 1)]
    assert "registered" in codes
    assert codes <= {"registered", *REFUSED}
    assert await ask(roomy.platform, CURRENT) == [(1, 1)]


async def test_a_suspended_person_does_not_book_under_another_type(site: Site) -> None:
    number = 1
    mine = await add_citizen(site, number)
    session_id = await add_session(site.platform)
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-11-01'")
    problem(await site.book(mine, session_id), 409, "patient_suspended")
    others = [await add_account(site.platform, other) for other in (2, 3)]
    tokens = [mine.token, *[await site.log_in(other) for other in others]]
    for id_type, id_no in resident(number)[:9]:
        for token in tokens:
            body = {"name": "张三", "id_type": id_type, "id_no": id_no}
            answer = await site.post(f"{API}/patients", token=token, json=body)
            if answer.status_code != 201:
                assert answer.json()["code"] in REFUSED
                continue
            patient_id = answer.json()["id"]
            again = Citizen(0, patient_id, token)
            problem(await site.book(again, session_id), 409, "patient_suspended")
    assert await ask(site.platform, "SELECT count(*) FROM appointments") == [(0,)]


# A displaced stranger ---------------------------------------------------------------------------


async def displace(site: Site) -> int:
    """The person registers with a check; the account that now has the person."""
    owner = await add_account(site.platform, 9)
    checked = replace(site.platform, verifier=DemoVerifier())
    mine = await register_patient(checked, owner, "张三", "01", resident_id(1))
    assert isinstance(mine, PatientView)
    return owner


# Too late for a patient to cancel, time to pick up; and the pick-up is over.
ON_THE_DAY = datetime(2026, 12, 3, 8, 40, tzinfo=CITY_TIME)
AFTER_PICK_UP = datetime(2026, 12, 3, 11, 40, tzinfo=CITY_TIME)


@pytest.mark.parametrize(
    ("at", "status"),
    [
        pytest.param(None, "cancelled", id="in time"),
        pytest.param(ON_THE_DAY, "cancelled", id="on the visit day"),
        pytest.param(AFTER_PICK_UP, "booked", id="after the pick-up"),
    ],
)
async def test_a_displaced_stranger_sees_and_does_nothing(
    site: Site, clock: Clock, at: datetime | None, status: str
) -> None:
    squatter = await add_citizen(site)
    booking = await booked(site, squatter)
    one = f"{API}/appointments/{booking['id']}"
    if at is not None:
        clock.now = at
    token = await site.log_in(squatter.account_id)
    assert (await site.get(one, token=token)).status_code == 200
    owner = await displace(site)
    await site.deliver()
    clock.forward(minutes=1)  # so that the one-time password is the newest message
    reader = Reader.of(site)
    await reader.log_in(1, back="/me")
    assert reader.path == "/me"
    new = await site.log_in(owner)
    before = await ask(site.platform, "SELECT status FROM appointments")
    assert before == [(status,)]
    for who in (token, new):  # the person has not made this booking either
        problem(await site.get(one, token=who), 404, "unknown_appointment")
        problem(await site.post(f"{one}/cancel", token=who), 404, "unknown_appointment")
        for view in ("current", "history"):
            listed = await site.get(f"{API}/appointments?view={view}", token=who)
            assert listed.json()["items"] == []
        fhir = "/fhir/r4"
        for resource in (f"Appointment/{booking['id']}", f"Patient/{squatter.patient_id}"):
            assert (await site.get(f"{fhir}/{resource}", token=who)).status_code == 404
        found = await site.get(f"{fhir}/Appointment", token=who)
        assert (found.status_code, found.json().get("entry", [])) == (200, [])
        patched = await site.call(
            *("PATCH", f"{fhir}/Appointment/{booking['id']}"),
            token=who,
            headers={"Content-Type": "application/merge-patch+json"},
            json={"status": "cancelled"},
        )
        assert patched.status_code == 404
    await pages_show_nothing(reader, booking["id"])
    assert (await site.get(f"{API}/me", token=token)).json()["patients"] == []
    clock.now = max(clock.now, ON_THE_DAY)
    clerk = await at_the_desk(site, Role.CLERK, booking["hospital_id"])
    await clerk.go("/staff/window")
    await clerk.send(code=booking["code"], id_no=resident_id(1))
    assert "已取号" not in clerk.text
    assert await ask(site.platform, "SELECT status FROM appointments") == before


async def pages_show_nothing(reader: Reader, booking_id: int) -> None:
    for path in ("/bookings", "/bookings?view=history", "/patients", "/me"):
        await reader.go(path)
        assert (reader.page.status_code, reader.path) == (200, path)
        for known in ("张三", resident_id(1)[-4:], "心血管内科"):
            assert known not in reader.shown, path
    for path in (f"/bookings/{booking_id}", f"/bookings/{booking_id}/cancel"):
        assert (await reader.go(path)).status_code == 404


async def test_wechat_answers_a_displaced_stranger_as_if_the_code_were_free(
    official: Official,
) -> None:
    squatter = await add_citizen(official)
    booking = await booked(official, squatter)
    await bind(official.platform, OPENID, squatter.account_id)
    assert "心血管内科" in await official.say(booking["code"])
    await displace(official)
    said = await official.say(booking["code"])
    assert "心血管内科" not in said
    assert said == await official.say("99999999" if booking["code"] != "99999999" else "88888888")
