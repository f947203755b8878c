"""From a phone to a registered patient, through the API alone."""

from __future__ import annotations

import re

import pytest
from tests.city import Clock, phone, resident_id
from tests.web.site import API, CHINESE, ENGLISH, Site, add_citizen, problem

PERSON = {"name": "张三", "id_type": "01", "id_no": resident_id(1)}


async def otp(site: Site, number: int = 1) -> str:
    """Ask for a one-time password, and read it where it went."""
    asked = await site.post(f"{API}/auth/otp", json={"phone": phone(number)})
    assert asked.status_code == 202
    await site.deliver()
    [shown] = (await site.get(f"/demo/outbox?to={phone(number)}&limit=1")).json()["items"]
    found = re.search(r"\d{6}", shown["text"])
    assert found
    return found[0]


async def log_in(site: Site, number: int = 1) -> str:
    proof = {"phone": phone(number), "otp": await otp(site, number)}
    answer = await site.post(f"{API}/auth/token", json=proof)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


async def test_a_citizen_proves_a_phone_and_registers_a_patient(site: Site) -> None:
    token = await log_in(site)
    added = await site.post(f"{API}/patients", token=token, json=PERSON)
    assert added.status_code == 201
    patient = added.json()
    assert patient.pop("id") > 0
    assert patient == {
        "name": "张三",
        "id_type": "01",
        "id_no": f"1101****{resident_id(1)[-4:]}",
        "suspended_until": None,
    }
    me = await site.get(f"{API}/me", token=token)
    assert me.status_code == 200
    assert me.json() == {"phone": "138****0001", "patients": [added.json()]}


async def test_a_token_says_how_long_it_holds(site: Site, clock: Clock) -> None:
    proof = {"phone": phone(1), "otp": await otp(site)}
    answer = (await site.post(f"{API}/auth/token", json=proof)).json()
    assert answer.keys() == {"access_token", "token_type", "expires_in"}
    assert answer["token_type"] == "Bearer"
    clock.forward(seconds=answer["expires_in"] - 1)
    assert (await site.get(f"{API}/me", token=answer["access_token"])).status_code == 200
    clock.forward(seconds=1)
    expired = await site.get(f"{API}/me", token=answer["access_token"])
    problem(expired, 401, "token_expired")
    assert expired.headers["www-authenticate"] == "Bearer"


async def test_a_one_time_password_opens_once(site: Site) -> None:
    proof = {"phone": phone(1), "otp": await otp(site)}
    assert (await site.post(f"{API}/auth/token", json=proof)).status_code == 200
    problem(await site.post(f"{API}/auth/token", json=proof), 401, "otp_wrong")


async def test_the_answer_does_not_say_whether_a_phone_is_known(site: Site) -> None:
    await add_citizen(site, 1)
    known = await site.post(f"{API}/auth/otp", json={"phone": phone(1)})
    unknown = await site.post(f"{API}/auth/otp", json={"phone": phone(2)})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


@pytest.mark.parametrize("path", ["/auth/otp", "/auth/token"])
@pytest.mark.parametrize("number", ["12345", "010-55550101", "+1 202 555 0101", "abc"])
async def test_a_number_no_sms_reaches_is_refused(site: Site, path: str, number: str) -> None:
    body = {"phone": number} if path == "/auth/otp" else {"phone": number, "otp": "123456"}
    problem(await site.post(API + path, json=body), 422, "phone_invalid")


async def test_asking_too_often_is_throttled_and_told_until_when(site: Site) -> None:
    for _ in range(site.platform.settings.otp_per_phone_hour):
        answer = await site.post(f"{API}/auth/otp", json={"phone": phone(1)})
        assert answer.status_code == 202
    throttled = await site.post(f"{API}/auth/otp", json={"phone": phone(1)}, headers=ENGLISH)
    detail = problem(throttled, 429, "otp_throttled")
    assert 0 < int(throttled.headers["retry-after"]) <= 3600
    assert throttled.headers["retry-after"] in detail


async def test_an_address_in_the_world_is_limited_where_the_loopback_is_not(site: Site) -> None:
    limit = site.platform.settings.otp_per_address_hour
    for address, last in (("127.0.0.1", 202), ("203.0.113.9", 429)):
        answers = [
            await site.post(f"{API}/auth/otp", json={"phone": phone(n)}, address=address)
            for n in range(limit + 1)
        ]
        assert answers[-2].status_code == 202
        assert answers[-1].status_code == last


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"id_no": "110101199003070000"}, 422, "id_invalid"),
        ({"name": "王\ue000"}, 422, "name_invalid"),
        ({"name": "R2D2"}, 422, "name_invalid"),
        ({"id_type": "03", "id_no": "¿?"}, 422, "id_invalid"),
    ],
)
async def test_what_cannot_be_a_person_is_not_registered(
    site: Site, changed: dict[str, str], status: int, code: str
) -> None:
    token = await log_in(site)
    for language in (CHINESE, ENGLISH):
        answer = await site.post(
            f"{API}/patients", token=token, json=PERSON | changed, headers=language
        )
        problem(answer, status, code)


async def test_a_phone_has_two_patients_and_a_person_one_phone(site: Site) -> None:
    token, other = await log_in(site, 1), await log_in(site, 2)
    for number in (1, 2):
        person = PERSON | {"id_no": resident_id(number)}
        assert (await site.post(f"{API}/patients", token=token, json=person)).status_code == 201
    third = PERSON | {"id_no": resident_id(3)}
    problem(await site.post(f"{API}/patients", token=token, json=third), 409, "phone_limit")
    problem(await site.post(f"{API}/patients", token=other, json=PERSON), 409, "not_registered")


async def test_a_token_of_an_account_that_is_gone_is_worth_nothing(site: Site) -> None:
    token = site.token(987_654)
    problem(await site.get(f"{API}/me", token=token), 401, "token_invalid")
    problem(await site.post(f"{API}/patients", token=token, json=PERSON), 401, "token_invalid")
