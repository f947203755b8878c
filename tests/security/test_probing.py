"""Somebody asks number by number who is registered: one answer for all, and soon none."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from tests.city import Clock, add_account, open_platform, resident_id
from tests.crowd import open_desk
from tests.web.browsing import Reader
from tests.web.site import API, Site, problem

from guahao.flows.people.patients import register_patient
from guahao.identity_check.gateway import Verdict
from guahao.rules.people.identity import Document
from guahao.store.kernel.views import PatientView
from guahao.web.app import create_app

QUESTIONS = 300
TAKEN = (1, 2, 3)
ADDRESS = "198.51.100.7"


class Registry:
    """An authority that knows everybody, each by the name 张三."""

    name = "registry"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        return Verdict.MATCH if person_name == "张三" else Verdict.MISMATCH


@pytest.fixture
async def verifying(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    """A site that asks the registry; three persons are registered, and checked."""
    async with open_platform(database_url, clock) as opened:
        platform = replace(opened, verifier=Registry())
        for number in TAKEN:
            account_id = await add_account(platform, number)
            added = await register_patient(platform, account_id, "张三", "01", resident_id(number))
            assert isinstance(added, PatientView)
        async with open_desk(platform) as desk:
            yield Site(create_app(platform, desk), platform)


async def probe(
    site: Site, token: str, number: int, address: str, name: str = "李四"
) -> httpx.Response:
    body = {"name": name, "id_type": "01", "id_no": resident_id(number)}
    return await site.post(f"{API}/patients", token=token, json=body, address=address)


def told(answer: httpx.Response) -> tuple[int, str, bytes]:
    """All that an answer says."""
    return answer.status_code, answer.json()["code"], answer.content


async def test_taken_and_free_numbers_are_one_answer(verifying: Site) -> None:
    token = await verifying.log_in(await add_account(verifying.platform, 50))
    # Taken, by a wrong name and by the right one; free, by a wrong name.
    answers = [
        *[await probe(verifying, token, number, ADDRESS) for number in TAKEN],
        *[await probe(verifying, token, number, ADDRESS, name="张三") for number in TAKEN],
        *[await probe(verifying, token, number, ADDRESS) for number in (100, 101, 102)],
    ]
    problem(answers[0], 409, "not_registered")
    assert len({told(answer) for answer in answers}) == 1


async def test_the_pages_tell_no_more(verifying: Site) -> None:
    reader = Reader.of(verifying, address=ADDRESS)
    await reader.log_in(50, back="/patients/new")
    said = set()
    for number, name in ((1, "李四"), (1, "张三"), (100, "李四")):
        await reader.go("/patients/new")
        form = reader.form("/patients/new")
        document = resident_id(number)
        answer = await reader.send(form, name=name, id_type="01", id_no=document)
        shown = answer.text.replace(document, "").replace(name, "")
        said.add((answer.status_code, re.sub(r'name="csrf" value="[^"]*"', "", shown)))
    [(status, _)] = said
    assert status == 409


async def test_an_account_asks_ten_times_a_day_from_all_its_addresses(verifying: Site) -> None:
    token = await verifying.log_in(await add_account(verifying.platform, 50))
    answers = [
        await probe(verifying, token, number, f"203.0.{number // 200}.{number % 200 + 1}")
        for number in range(1, QUESTIONS + 1)
    ]
    most = verifying.platform.settings.registrations_per_account_day
    refused_after(most, answers)


async def test_an_address_asks_twenty_times_an_hour_by_all_its_accounts(verifying: Site) -> None:
    per_account = verifying.platform.settings.registrations_per_account_day
    answers = []
    for start in range(0, QUESTIONS, per_account):
        token = await verifying.log_in(await add_account(verifying.platform, 50 + start))
        answers += [
            await probe(verifying, token, start + one, ADDRESS) for one in range(1, per_account + 1)
        ]
    refused_after(verifying.platform.settings.registrations_per_address_hour, answers)


def refused_after(most: int, answers: list[httpx.Response]) -> None:
    """Assert that so many are answered, all alike, and every later one is refused alike."""
    assert len(answers) == QUESTIONS
    assert len({told(answer) for answer in answers[:most]}) == 1
    problem(answers[0], 409, "not_registered")
    for answer in answers[most:]:
        problem(answer, 429, "too_many_registrations")
        assert int(answer.headers["retry-after"]) > 0
    assert len({told(answer) for answer in answers[most:]}) == 1
