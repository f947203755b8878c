"""From a phone to a registered patient, through the API alone."""

from __future__ import annotations

import re

import pytest
from tests.city import Clock, phone, resident_id
from tests.web.proving import made_proof, solved
from tests.web.site import API, CHINESE, ENGLISH, Site, add_citizen, problem

from guahao.web.http.proof import MAX_NUMBER

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
    assert {"access_token", "token_type", "expires_in", "refresh_token"} <= answer.keys()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 1800)
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
    assert (known.status_code, known.json()["detail"]) == (202, unknown.json()["detail"])
    assert unknown.status_code == 202
    assert known.json().keys() == unknown.json().keys() == {"detail", "request_id"}
    assert known.json()["request_id"] != unknown.json()["request_id"]


@pytest.mark.parametrize("path", ["/auth/otp", "/auth/token"])
@pytest.mark.parametrize("number", ["12345", "010-55550101", "+1 202 555 0101", "abc"])
async def test_a_number_no_sms_reaches_is_refused(site: Site, path: str, number: str) -> None:
    body = {"phone": number} if path == "/auth/otp" else {"phone": number, "otp": "123456"}
    problem(await site.post(API + path, json=body), 422, "phone_invalid")


async def test_asking_too_often_costs_work_and_then_is_throttled(site: Site) -> None:
    most = site.platform.settings.otp_per_phone_hour
    for _ in range(most):
        answer = await site.post(f"{API}/auth/otp", json={"phone": phone(1)})
        assert answer.status_code == 202
    for _ in range(most):
        answer = await site.post(f"{API}/auth/otp", json={"phone": phone(1)}, headers=ENGLISH)
        problem(answer, 428, "proof_required")
        task = answer.json()["challenge"]
        assert task["maxNumber"] == MAX_NUMBER << 3
        proven = {"phone": phone(1), "proof": made_proof(site, level=3)}
        assert (await site.post(f"{API}/auth/otp", json=proven)).status_code == 202
    proven = {"phone": phone(1), "proof": made_proof(site, level=3)}
    throttled = await site.post(f"{API}/auth/otp", json=proven, headers=ENGLISH)
    detail = problem(throttled, 429, "otp_throttled")
    assert 0 < int(throttled.headers["retry-after"]) <= 3600
    assert throttled.headers["retry-after"] in detail


async def test_a_challenge_of_the_api_is_solved_and_sent_again(site: Site) -> None:
    address = "203.0.113.9"
    for n in range(site.platform.settings.otp_unproven_per_address_hour):
        sent = await site.post(f"{API}/auth/otp", json={"phone": phone(n)}, address=address)
        assert sent.status_code == 202
    refused = await site.post(f"{API}/auth/otp", json={"phone": phone(9)}, address=address)
    problem(refused, 428, "proof_required")
    proven = {"phone": phone(9), "proof": solved(refused.json()["challenge"])}
    for _ in range(2):  # the same once more sends no second SMS
        sent = await site.post(f"{API}/auth/otp", json=proven, address=address)
        assert sent.status_code == 202
    await site.deliver()
    shown = await site.get(f"/demo/outbox?to={phone(9)}")
    assert len(shown.json()["items"]) == 1
    for forged in ("", "x", proven["proof"][:-8]):
        body = {"phone": phone(9), "proof": forged}
        problem(
            await site.post(f"{API}/auth/otp", json=body, address=address), 428, "proof_required"
        )


async def test_an_address_in_the_world_is_limited_where_the_loopback_is_not(site: Site) -> None:
    limit = site.platform.settings.otp_per_address_hour
    for address, last in (("127.0.0.1", 202), ("203.0.113.9", 429)):
        answers = [
            await site.post(
                f"{API}/auth/otp",
                json={"phone": phone(n), "proof": made_proof(site)},
                address=address,
            )
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
    problem(await site.get(f"{API}/me", token=token), 401, "log_in_ended")
    problem(await site.post(f"{API}/patients", token=token, json=PERSON), 401, "log_in_ended")
