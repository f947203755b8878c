"""Attacks on citizens' log-ins: passwords by SMS, stolen tokens and cookies, recycled numbers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from tests.city import LOOPBACK, Clock, add_account, add_patient, add_session, ask, phone
from tests.city import resident_id as document
from tests.web.api.test_account_calls import otp
from tests.web.browsing import HTML, Reader
from tests.web.http.test_real_server import serving
from tests.web.proving import made_proof
from tests.web.site import API, Site, add_citizen, booked, problem

from guahao.flows.people.logins import (
    Device,
    LoggedIn,
    log_in,
    log_in_bound,
    log_out_everywhere,
)

ME = f"{API}/me"
TOKEN = f"{API}/auth/token"
CONFIRM = f"{API}/auth/confirm"
HOST = "2001:db8:0:{:x}::1"  # one host's /48 holds 65,536 such networks


# One-time passwords -----------------------------------------------------------------------------


async def send_otp(site: Site, number: int, address: str, level: int = 0) -> httpx.Response:
    body = {"phone": phone(number), "proof": made_proof(site, level)}
    return await site.post(f"{API}/auth/otp", json=body, address=address)


async def test_a_host_with_a_hundred_and_fifty_networks_stops_nobody_else(site: Site) -> None:
    """Each request costs the host more work, and the city's people notice nothing."""
    statuses = []
    for network in range(150):
        for n in range(3):
            number = 1000 + 3 * network + n
            statuses.append((await send_otp(site, number, HOST.format(network))).status_code)
    # All of them lie in one /56, of which four customers' worth is normal.
    assert statuses.count(202) == 4 * site.platform.settings.otp_per_address_hour
    assert statuses[-1] == 428
    assert (await send_otp(site, 1, "198.51.100.20")).status_code == 202


async def test_a_stranger_neither_voids_nor_exhausts_nor_locks(site: Site) -> None:
    asked = await send_otp(site, 1, "198.51.100.20")
    request_id = asked.json()["request_id"]
    await site.deliver()
    shown = await site.get(f"/demo/outbox?to={phone(1)}&limit=1")
    right = "".join(filter(str.isdigit, shown.json()["items"][0]["text"].partition("验证码")[2]))[
        :6
    ]
    wrong = "000000" if right != "000000" else "111111"
    for n in range(8):
        address = f"203.0.{n}.7"
        await send_otp(site, 1, address, level=3)
        for guess in (wrong, right):
            for stolen in ({}, {"request_id": f"a-guessed-request-{n}"}):
                body = {"phone": phone(1), "otp": guess, **stolen}
                answer = await site.post(TOKEN, json=body, address=address)
                problem(answer, 401, "otp_wrong")
    body = {"phone": phone(1), "otp": right, "request_id": request_id}
    assert (await site.post(TOKEN, json=body, address="198.51.100.20")).status_code == 200


# Log-ins that ended -----------------------------------------------------------------------------


async def test_a_stolen_cookie_is_worthless_after_log_out(site: Site) -> None:
    reader = Reader.of(site)
    await reader.log_in(back="/me")
    stolen = dict(reader.client.cookies)
    [left] = (await reader.send(reader.form("/logout"))).history
    assert left.headers["clear-site-data"] == '"cache", "storage"'
    async with site.client("203.0.113.66") as thief:
        thief.cookies.update(stolen)
        for path in ("/me", "/patients", "/bookings", "/me/log-ins"):
            answer = await thief.get(path, headers=HTML)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login?")
        bearer = {"Authorization": f"Bearer {stolen['session']}"}
        problem(await thief.get(ME, headers=bearer), 401, "log_in_ended")


async def test_an_ended_log_in_neither_reads_nor_books(site: Site) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    booking = await booked(site, citizen)
    assert (await site.post(f"{API}/auth/logout", token=citizen.token)).status_code == 200
    problem(await site.book(citizen, session_id, key="later"), 401, "log_in_ended")
    for path in ("/me", "/appointments", f"/appointments/{booking['id']}"):
        problem(await site.get(API + path, token=citizen.token), 401, "log_in_ended")
    for path in ("/fhir/r4/Patient", "/fhir/r4/Appointment"):
        assert (await site.get(path, token=citizen.token)).status_code == 401
    # What was refused is not kept under its key: the next log-in books with it.
    again = type(citizen)(
        citizen.account_id, citizen.patient_id, await site.log_in(citizen.account_id)
    )
    assert (await site.book(again, session_id, key="later")).status_code == 201


async def test_a_log_in_ended_at_one_process_is_over_at_the_other(
    database_url: str, site: Site, tmp_path: Path
) -> None:
    """The bound is nothing: the first request that begins after the end is refused."""
    citizen = await add_citizen(site)
    sent = {"Authorization": f"Bearer {citizen.token}"}
    session_id = await add_session(site.platform)
    body = {"clinic_session_id": session_id, "patient_id": citizen.patient_id}
    key = {"Idempotency-Key": "at-the-other"}
    settings = {
        "GUAHAO_SECRET_KEY": "a secret key of the tests, long enough",
        "GUAHAO_CLOCK_START": site.platform.db.clock().isoformat(),
    }
    with serving(database_url, tmp_path, settings=settings) as other:
        async with httpx.AsyncClient(base_url=other.url, headers=sent) as client:
            assert (await client.get(ME)).status_code == 200
            assert (await site.post(f"{API}/auth/logout", token=citizen.token)).status_code == 200
            problem(await client.get(ME), 401, "log_in_ended")
            answer = await client.post(f"{API}/appointments", json=body, headers=key)
            problem(answer, 401, "log_in_ended")


async def test_a_refresh_token_that_was_used_twice_ends_the_log_in(
    site: Site, clock: Clock
) -> None:
    begun = (await site.post(TOKEN, json={"phone": phone(1), "otp": await otp(site)})).json()

    async def refresh(token: str) -> httpx.Response:
        return await site.post(f"{API}/auth/refresh", json={"refresh_token": token})

    first = begun["refresh_token"]
    second = (await refresh(first)).json()
    # A client that never heard the answer asks again at once, and gets the same.
    assert (await refresh(first)).json()["refresh_token"] == second["refresh_token"]
    assert (await site.get(ME, token=second["access_token"])).status_code == 200
    clock.forward(minutes=5)
    problem(await refresh(first), 401, "refresh_invalid")
    problem(await refresh(second["refresh_token"]), 401, "refresh_invalid")
    problem(await site.get(ME, token=second["access_token"]), 401, "log_in_ended")
    for forged in ("x", begun["access_token"], first[:-3]):
        problem(await refresh(forged), 401, "refresh_invalid")


async def test_only_the_owner_ends_a_log_in(site: Site) -> None:
    mine, stranger = Reader.of(site), Reader.of(site)
    await mine.log_in(1, back="/me/log-ins")
    own = mine.form("/me/log-ins").fields["end"]
    await stranger.log_in(2, back="/me/log-ins")
    await stranger.send(stranger.form("/me/log-ins"), end=own)
    await mine.go("/me")
    assert mine.path == "/me"


async def test_logging_out_everywhere_ends_every_device(site: Site) -> None:
    one, other = Reader.of(site), Reader.of(site)
    await one.log_in(1, back="/me")
    await other.log_in(1, back="/me/log-ins")
    await other.send(other.form("/me/log-ins"), end="all")
    assert other.path == "/login"
    for reader in (one, other):
        await reader.go("/me")
        assert reader.path == "/login?next=%2Fme"


async def test_no_log_in_slips_by_while_all_are_ended(site: Site) -> None:
    """Begun before or after: whoever is second sees what the first did."""
    account_id = await add_account(site.platform)
    ids: list[int] = []

    async def begin() -> None:
        begun = await log_in_bound(site.platform, account_id, Device("test"))
        ids.append(begun.login_id)

    async def end() -> None:
        await log_out_everywhere(site.platform, account_id)

    await asyncio.gather(*(step() for _ in range(10) for step in (begin, end, begin)))
    mixed = """
        SELECT 1 FROM log_ins l JOIN accounts a ON a.id = l.account_id
        WHERE (l.ended_at IS NULL) <> (l.generation = a.login_generation)
    """
    assert len(ids) == 20
    assert await ask(site.platform, mixed) == []


# Recycled numbers -------------------------------------------------------------------------------


async def new_holder(site: Site, number: int = 1) -> dict[str, object]:
    """Somebody who proves a phone by SMS, on a device that nobody knows."""
    await site.deliver()  # what waits, so that the password is the newest
    body = {"phone": phone(number), "otp": await otp(site, number)}
    begun = await site.post(TOKEN, json=body)
    assert begun.status_code == 200
    given: dict[str, object] = begun.json()
    return given


async def test_the_new_holder_of_a_number_sees_nothing_of_the_old_ones(site: Site) -> None:
    old = await add_citizen(site)
    booking = await booked(site, old)
    begun = await new_holder(site)
    assert begun["confirmed"] is False
    token = str(begun["access_token"])
    for path in ("/me", "/appointments", f"/appointments/{booking['id']}"):
        answer = await site.get(API + path, token=token)
        problem(answer, 403, "confirm_required")
        assert booking["code"] not in answer.text
    for path in ("/fhir/r4/Patient", "/fhir/r4/Appointment"):
        assert (await site.get(path, token=token)).status_code == 403
    session_id = await add_session(site.platform)
    taken = type(old)(old.account_id, old.patient_id, token)
    problem(await site.book(taken, session_id), 403, "confirm_required")
    problem(
        await site.post(
            f"{API}/patients",
            token=token,
            json={"name": "李四", "id_type": "01", "id_no": document(9)},
        ),
        403,
        "confirm_required",
    )


async def test_guesses_at_the_document_are_counted(site: Site) -> None:
    await add_citizen(site)
    token = str((await new_holder(site))["access_token"])
    for n in range(5):
        wrong = {"id_no": document(50 + n)}
        problem(await site.post(CONFIRM, token=token, json=wrong), 422, "confirm_wrong")
    right = {"id_no": document(1)}
    problem(await site.post(CONFIRM, token=token, json=right), 429, "confirm_throttled")


async def test_the_owner_on_a_new_device_names_a_document_once(site: Site) -> None:
    old = await add_citizen(site)
    begun = await new_holder(site)
    token = str(begun["access_token"])
    right = {"id_no": f" {document(1).lower()} "}
    confirmed = await site.post(CONFIRM, token=token, json=right)
    assert confirmed.status_code == 200
    assert [one["id"] for one in confirmed.json()["patients"]] == [old.patient_id]
    body = {"phone": phone(1), "otp": await otp(site), "device_id": begun["device_id"]}
    assert (await site.post(TOKEN, json=body)).json()["confirmed"] is True


async def test_after_ninety_days_a_known_device_is_asked_as_well(site: Site, clock: Clock) -> None:
    account_id = await add_account(site.platform)
    await add_patient(site.platform, account_id)
    begun = await new_holder(site)
    await site.post(CONFIRM, token=str(begun["access_token"]), json={"id_no": document(1)})
    for days, confirmed in ((89, True), (90, False)):
        clock.forward(days=days)
        body = {"phone": phone(1), "otp": await otp(site), "device_id": begun["device_id"]}
        assert (await site.post(TOKEN, json=body)).json()["confirmed"] is confirmed


async def test_a_new_holder_starts_over_and_the_old_one_is_detached(site: Site) -> None:
    old = await add_citizen(site)
    booking = await booked(site, old)
    begun = await new_holder(site)
    fresh = await site.post(f"{API}/auth/new-holder", token=str(begun["access_token"]))
    assert fresh.status_code == 200
    token = fresh.json()["access_token"]
    assert (await site.get(ME, token=token)).json()["patients"] == []
    assert (await site.get(f"{API}/appointments", token=token)).json()["items"] == []
    # The old holder's token is over, the booking is not: code and document find it.
    problem(await site.get(ME, token=old.token), 401, "log_in_ended")
    lookup = {"code": booking["code"], "id_no": document(1)}
    found = await site.post(f"{API}/appointments/lookup", json=lookup)
    assert found.json()["status"] == "booked"
    # Nothing of the old account's goes to the number any more, not even what waited.
    before = len((await site.get(f"/demo/outbox?to={phone(1)}")).json()["items"])
    await site.deliver()
    after = (await site.get(f"/demo/outbox?to={phone(1)}")).json()["items"]
    assert len(after) == before
    assert await ask(
        site.platform, "SELECT phone_enc, phone_index FROM accounts WHERE id = %s", old.account_id
    ) == [(None, None)]
    # The persons are registered still: nobody takes them by typing their documents.
    person = {"name": "张三", "id_type": "01", "id_no": document(1)}
    answer = await site.post(f"{API}/patients", token=token, json=person)
    assert answer.status_code == 409


async def test_a_phone_is_no_way_to_ever_new_patients(site: Site) -> None:
    await add_citizen(site)
    begun = await new_holder(site)
    fresh = await site.post(f"{API}/auth/new-holder", token=str(begun["access_token"]))
    person = {"name": "李四", "id_type": "01", "id_no": document(2)}
    added = await site.post(f"{API}/patients", token=fresh.json()["access_token"], json=person)
    assert added.status_code == 201
    again = await new_holder(site)
    answer = await site.post(f"{API}/auth/new-holder", token=str(again["access_token"]))
    problem(answer, 409, "new_holder_too_soon")
    own = fresh.json()["access_token"]
    answer = await site.post(f"{API}/auth/new-holder", token=own)
    problem(answer, 409, "new_holder_confirmed")


async def test_the_pages_ask_a_new_holder_before_they_show_anything(site: Site) -> None:
    await booked(site, await add_citizen(site))
    await site.deliver()
    reader = Reader.of(site)
    await reader.go("/login?next=/bookings")
    await reader.send(phone=phone(1))
    await reader.send(otp=await reader.one_time_password())
    assert reader.path == "/login/confirm?next=%2Fbookings"
    for path in ("/bookings", "/patients", "/me", "/me/log-ins", "/login"):
        await reader.go(path)
        assert reader.path.startswith("/login/confirm"), path
        assert "张三" not in reader.text
    assert (await reader.send(id_no=document(7))).status_code == 422
    await reader.go("/login/new-holder?next=/patients")
    await reader.send(reader.form("/login/new-holder"))
    assert reader.path == "/patients"
    assert "还没有就诊人" in reader.text


@pytest.mark.parametrize("known", [True, False])
async def test_a_device_of_one_account_is_not_known_to_another(site: Site, known: bool) -> None:
    for number in (1, 2):
        await add_citizen(site, number)
    begun = await new_holder(site, 1)
    await site.post(CONFIRM, token=str(begun["access_token"]), json={"id_no": document(1)})
    number, secret = (1 if known else 2), str(begun["device_id"])
    outcome = await log_in(
        *(site.platform, phone(number), await otp(site, number), None, LOOPBACK, "zh", "api"),
        Device("test", secret),
    )
    assert isinstance(outcome, LoggedIn)
    assert outcome.confirmed is known
