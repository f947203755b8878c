"""Strangers who know somebody's document number, or hold their phone, and what comes with it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.city import Clock, add_account, add_session, ask, open_platform, resident_id
from tests.crowd import open_desk
from tests.web.site import API, Citizen, Site, problem

from guahao.flows.attendance.standing import standings
from guahao.flows.booking.appointments import list_appointments
from guahao.flows.people.patients import register_patient
from guahao.flows.people.privacy.own_data import own_erase, own_export
from guahao.flows.people.privacy.records import Erased
from guahao.flows.people.removing import remove_patient
from guahao.identity_check.gateway import Verdict
from guahao.rules.people.identity import Document
from guahao.store.kernel.views import PatientView
from guahao.web.app import create_app

NUMBER = resident_id(1)


class Registry:
    """An authority that knows 张三, and has no record of anybody else."""

    name = "registry"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        return Verdict.MATCH if person_name == "张三" else Verdict.UNKNOWN


@pytest.fixture
async def verifying(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    async with open_platform(database_url, clock) as opened:
        platform = replace(opened, verifier=Registry())
        async with open_desk(platform) as desk:
            yield Site(create_app(platform, desk), platform)


async def missed_visit(site: Site) -> Citizen:
    """A checked person who booked once and did not come."""
    platform, account_id = site.platform, await add_account(site.platform, 1)
    person = await register_patient(platform, account_id, "张三", "01", NUMBER)
    assert isinstance(person, PatientView)
    citizen = Citizen(account_id, person.id, await site.log_in(account_id))
    answer = await site.book(citizen, await add_session(platform))
    assert answer.status_code == 201, answer.text
    await ask(platform, "UPDATE appointments SET status = 'no_show' RETURNING id")
    return citizen


@pytest.mark.parametrize("left_by", ["removing", "erasing"])
async def test_the_number_of_who_has_left_opens_nothing_of_theirs(
    verifying: Site, left_by: str
) -> None:
    platform, citizen = verifying.platform, await missed_visit(verifying)
    if left_by == "removing":
        removed = await remove_patient(platform, citizen.account_id, citizen.patient_id)
        assert isinstance(removed, PatientView)
    else:
        assert isinstance(await own_erase(platform, citizen.account_id, NUMBER), Erased)
    stranger = await add_account(platform, 2)
    taken = await register_patient(platform, stranger, "李四", "01", NUMBER)
    assert isinstance(taken, PatientView)
    for view in ("current", "history"):
        assert await list_appointments(platform, stranger, view) == []
    token = await verifying.log_in(stranger)
    [[booking_id]] = await ask(platform, "SELECT id FROM appointments")
    one = await verifying.get(f"{API}/appointments/{booking_id}", token=token)
    problem(one, 404, "unknown_appointment")
    copy = await own_export(platform, stranger, NUMBER)
    assert isinstance(copy, dict)
    assert copy["appointments"] == []
    assert [row["name"] for row in copy["patients"]] == ["李四"]
    # Who it really is loses no no-show by leaving and coming back.
    [standing] = await standings(platform, stranger)
    assert len(standing.no_shows) == 1


async def test_who_comes_back_and_is_checked_gets_the_whole_copy(verifying: Site) -> None:
    platform, citizen = verifying.platform, await missed_visit(verifying)
    await remove_patient(platform, citizen.account_id, citizen.patient_id)
    account_id = await add_account(platform, 2)
    again = await register_patient(platform, account_id, "张三", "01", NUMBER)
    assert isinstance(again, PatientView)
    copy = await own_export(platform, account_id, NUMBER)
    assert isinstance(copy, dict)
    assert [row["patient_id"] for row in copy["appointments"]] == [citizen.patient_id]


async def test_a_restricted_phone_is_not_freed_by_a_new_holder(site: Site, clock: Clock) -> None:
    platform, account_id = site.platform, await add_account(site.platform, 1)
    person = await register_patient(platform, account_id, "张三", "01", NUMBER)
    assert isinstance(person, PatientView)
    until = clock.now.date() + timedelta(days=60)
    await ask(platform, "UPDATE accounts SET restricted_until = %s RETURNING id", until)
    clock.forward(days=1)
    token = await log_in_on_a_new_device(site)
    answer = await site.post(f"{API}/auth/new-holder", token=token, json={})
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    new = {"name": "王伟", "id_type": "01", "id_no": resident_id(2)}
    added = await site.post(f"{API}/patients", token=token, json=new)
    assert added.status_code == 201, added.text
    citizen = Citizen(0, added.json()["id"], token)
    problem(await site.book(citizen, await add_session(platform)), 409, "account_restricted")


async def log_in_on_a_new_device(site: Site) -> str:
    """The token of a log-in that is not confirmed."""
    body = {"phone": "13800000001"}
    asked = await site.post(f"{API}/auth/otp", json=body)
    await site.deliver()
    [sent, *_] = await site.outbox()
    [otp] = re.findall(r"\b\d{6}\b", sent.text)
    body |= {"otp": otp, "request_id": asked.json()["request_id"]}
    answer = await site.post(f"{API}/auth/token", json=body)
    assert answer.status_code == 200, answer.text
    assert not answer.json()["confirmed"]
    token: str = answer.json()["access_token"]
    return token
