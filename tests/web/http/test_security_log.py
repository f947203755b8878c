"""The security log: every attempt is a line, and no line holds what was typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.city import add_session, phone, resident_id
from tests.web.browsing import Reader
from tests.web.site import API, Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao import security_log
from guahao.rules.staff.staff import Role
from guahao.security_log import SecurityEvent, event, keyed_hash
from guahao.store.kernel.vault import Vault

ADDRESS = "203.0.113.77"
OTHER = "203.0.113.78"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The file that the security log is written to."""
    path = tmp_path / "logs" / "security.jsonl"
    security_log.set_up(path)
    yield path
    security_log.set_up(None)


def text(log: Path) -> str:
    return log.read_text(encoding="utf-8")


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text(log).splitlines()]


async def test_a_wrong_one_time_password_is_logged_with_hashes(site: Site, log: Path) -> None:
    for path in ("/auth/otp", "/auth/token"):
        body = {"phone": phone(7)} | ({"otp": "000000"} if path == "/auth/token" else {})
        await site.post(f"{API}{path}", json=body, address=ADDRESS)
    [line] = [line for line in events(log) if line["event"] == "otp_wrong"]
    vault = site.platform.vault
    assert line["phone_hash"] == keyed_hash(vault, "phone", f"+86{phone(7)}")
    assert line["address_hash"] == keyed_hash(vault, "address", ADDRESS)
    assert line["route"] == f"{API}/auth/token"
    assert line["log"] == "security"


async def test_the_page_logs_the_same_guess(site: Site, log: Path) -> None:
    reader = Reader.of(site, address=ADDRESS)
    await reader.go("/login")
    await reader.send(phone=phone(7))
    await reader.send(otp="000000")
    assert "otp_wrong" in {line["event"] for line in events(log)}


async def test_foreign_ids_and_wrong_codes_are_logged(site: Site, log: Path) -> None:
    booking = await booked(site, await add_citizen(site))
    stranger = await add_citizen(site, 2)
    await site.get(f"{API}/appointments/{booking['id']}", token=stranger.token, address=ADDRESS)
    body = {"code": booking["code"], "id_no": resident_id(2)}
    await site.post(f"{API}/appointments/lookup", json=body, address=ADDRESS)
    foreign, wrong = events(log)
    assert (foreign["event"], foreign["account_id"]) == ("foreign_id", stranger.account_id)
    assert foreign["route"] == f"{API}/appointments/{{appointment_id}}"
    assert wrong["event"] == "code_wrong"


async def test_booking_for_a_strangers_patient_is_logged(site: Site, log: Path) -> None:
    citizen, stranger = await add_citizen(site), await add_citizen(site, 2)
    answer = await site.post(
        f"{API}/appointments",
        token=stranger.token,
        headers={"Idempotency-Key": "k1"},
        json={
            "clinic_session_id": await add_session(site.platform),
            "patient_id": citizen.patient_id,
        },
    )
    assert answer.json()["code"] == "not_your_patient"
    assert [line["event"] for line in events(log)] == ["foreign_id"]


async def test_a_forged_token_a_forged_form_and_a_forged_callback_are_logged(
    site: Site, log: Path
) -> None:
    await site.get(f"{API}/me", token="not.a.token", address=ADDRESS)
    reader = Reader.of(site, address=ADDRESS)
    await reader.go("/login")
    await reader.send(phone=phone(7), csrf="0" * 80)
    assert [line["event"] for line in events(log)] == ["token_invalid", "form_forged"]


async def test_a_wrong_proof_of_work_is_logged(site: Site, log: Path) -> None:
    reader = Reader.of(site, address=ADDRESS)
    await reader.go("/login")
    await reader.send(phone=phone(7), proof="bm8gcHJvb2Y=")
    assert events(log)[0]["event"] == "proof_failed"


async def test_wrong_answers_at_the_window_are_logged(site: Site, log: Path) -> None:
    booking = await booked(site, await add_citizen(site))
    clerk = await at_the_desk(site, Role.CLERK, booking["hospital_id"])
    await clerk.go("/staff/window")
    await clerk.send(code=booking["code"], id_no=resident_id(9))
    assert [line["event"] for line in events(log)] == ["pick_up_refused"]


async def test_nothing_that_was_typed_is_ever_written(site: Site, log: Path) -> None:
    booking = await booked(site, await add_citizen(site))
    canaries = [phone(7), f"+86{phone(7)}", "987650", booking["code"], resident_id(3)]
    canaries += [ADDRESS, "Canary-Token", "canary@path", "张三"]
    reader = Reader.of(site, address=ADDRESS)
    await reader.go("/login")
    await reader.send(phone=phone(7))
    await reader.send(otp="987650")
    await site.post(f"{API}/auth/token", json={"phone": phone(7), "otp": "987650"}, address=ADDRESS)
    await site.post(
        f"{API}/appointments/lookup",
        json={"code": booking["code"], "id_no": resident_id(3)},
        address=ADDRESS,
    )
    await site.get(f"{API}/me?name=张三", token="Canary-Token", address=ADDRESS)
    await site.get(f"{API}/appointments/canary@path", token="Canary-Token", address=ADDRESS)
    assert len(events(log)) >= 5
    written = text(log)
    assert [canary for canary in canaries if canary in written] == []


def test_a_throttled_flood_is_one_line_a_minute_and_address(log: Path) -> None:
    vault = Vault("a secret key of the tests, long enough")
    for _ in range(50):
        event(SecurityEvent.THROTTLED, vault, address=ADDRESS, route="/login")
    event(SecurityEvent.THROTTLED, vault, address=OTHER, route="/login")
    assert 2 <= len(events(log)) <= 3  # a minute may end between two of them


def test_hashes_of_one_kind_and_key_are_equal_and_others_are_not() -> None:
    one, other = Vault("a secret key of the tests, long enough"), Vault("x" * 40)
    assert keyed_hash(one, "phone", "+8613800000000") == keyed_hash(one, "phone", "+8613800000000")
    assert keyed_hash(one, "phone", "+8613800000000") != keyed_hash(
        other, "phone", "+8613800000000"
    )
    assert keyed_hash(one, "phone", "1") != keyed_hash(one, "address", "1")


def test_a_rotated_file_is_opened_again(log: Path) -> None:
    vault = Vault("a secret key of the tests, long enough")
    event(SecurityEvent.OTP_WRONG, vault, address=ADDRESS)
    log.rename(log.with_suffix(".1"))
    event(SecurityEvent.OTP_WRONG, vault, address=ADDRESS)
    assert len(events(log)) == 1
    assert len(events(log.with_suffix(".1"))) == 1
