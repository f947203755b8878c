"""Requests that are cheap to send and were dear to answer."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from tests.city import add_session, ask
from tests.crowd import add_clinic
from tests.web.site import Site

from guahao.web.http.answers import UnzippedAnswer, accepts_gzip

FHIR = "/fhir/r4"


async def transactions(site: Site, path: str) -> int:
    """How many transactions a request takes: each asks the clock once."""
    clock, times = site.platform.db.clock, 0

    def counting() -> Any:
        nonlocal times
        times += 1
        return clock()

    site.platform.db.clock = counting
    try:
        answer = await site.get(path)
    finally:
        site.platform.db.clock = clock
    assert answer.status_code == 200, answer.text
    return times


async def test_two_hundred_ids_cost_no_more_transactions_than_two(site: Site) -> None:
    ids = [await add_session(site.platform), *await add_clinic(site.platform)]
    few = f"{FHIR}/Slot?_id={ids[0]},{ids[1]}"
    await site.get(few)
    unknown = ",".join(str(10**6 + number) for number in range(198))
    assert await transactions(site, few) == await transactions(site, f"{few},{unknown}")


async def clinics(site: Site, hospitals: int) -> list[int]:
    """Departments of as many hospitals, each with a session."""
    sessions = [await add_session(site.platform) for _ in range(hospitals)]
    rows = await ask(
        site.platform,
        "SELECT department_id FROM clinic_sessions WHERE id = ANY(%s) ORDER BY 1",
        sessions,
    )
    return [row[0] for row in rows]


async def test_twenty_schedules_cost_no_more_transactions_than_one(site: Site) -> None:
    departments = await clinics(site, 20)
    named = ",".join(map(str, departments))
    one = f"{FHIR}/Slot?schedule={departments[0]}"
    every = f"{FHIR}/Slot?schedule={named}&_count=100"
    await site.get(one)
    assert (await site.get(every)).json()["total"] == 20
    assert await transactions(site, every) == await transactions(site, one)


@pytest.mark.parametrize(
    "include", ["HealthcareService:organization", "HealthcareService:location", "Schedule:actor"]
)
async def test_what_is_included_costs_no_transaction_a_hospital(site: Site, include: str) -> None:
    departments = await clinics(site, 12)
    kind = include.partition(":")[0]
    one = f"{FHIR}/{kind}?_id={departments[0]}&_include={include}"
    every = f"{FHIR}/{kind}?_id={','.join(map(str, departments))}&_include={include}"
    entries = (await site.get(every)).json()["entry"]
    assert len([e for e in entries if e["search"]["mode"] == "include"]) >= 12
    assert await transactions(site, every) == await transactions(site, one)


async def test_a_reader_without_gzip_costs_the_memory_of_a_part() -> None:
    whole = b"a line of the open supply\n" * 100_000
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    scope: Any = {"type": "http", "headers": []}
    await UnzippedAnswer(gzip.compress(whole), [])(scope, receive, send)
    parts = [message["body"] for message in sent[1:]]
    assert b"".join(parts) == whole
    assert max(map(len, parts)) <= 64 * 1024


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("deflate, nogzip", False),
        ("", False),
    ],
)
def test_gzip_is_sent_to_readers_who_take_it(accepted: str, takes: bool) -> None:
    scope: Any = {"type": "http", "headers": [(b"accept-encoding", accepted.encode())]}
    assert accepts_gzip(scope) is takes
