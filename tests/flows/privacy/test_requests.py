"""Two members of staff decide on a person's export or erasure; never one alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from tests.city import (
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
    reasons,
    resident_id,
)
from tests.flows.people.test_erasing import columns_with
from tests.web.staff_site import add_member

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.requests import (
    Decided,
    Kind,
    approve,
    decline,
    download,
    file_request,
    list_requests,
    withdraw,
)
from guahao.flows.people.removing import remove_patient
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.own_data import ErasureRefusal
from guahao.rules.people.privacy_requests import DOWNLOADS, OFFERED_FOR, OPEN_FOR, RequestRefusal
from guahao.rules.staff.staff import Role, Staff

NAME = "欧阳示例"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def two(platform: Platform) -> tuple[Staff, Staff]:
    return (
        await add_member(platform, Role.SUPERVISOR),
        await add_member(platform, Role.ADMINISTRATOR),
    )


async def filed(platform: Platform, by: Staff, kind: Kind) -> int:
    request_id = await file_request(platform, by, kind, NAME, "01", resident_id(1), "本人到场")
    assert isinstance(request_id, int)
    return request_id


async def test_an_erasure_is_carried_out_with_the_second_persons_approval(
    platform: Platform,
) -> None:
    account_id = await add_account(platform)
    person = await add_patient(platform, account_id, name=NAME)
    await remove_patient(platform, account_id, person.id)
    first, second = await two(platform)
    request_id = await filed(platform, first, "erasure")
    assert await approve(platform, first, request_id, "本人") == Refused(RequestRefusal.OWN_REQUEST)
    assert columns_with(platform, NAME) == {"patients.name_enc"}
    assert await approve(platform, second, request_id, "证件已核对") == Decided("approved")
    assert columns_with(platform, NAME, resident_id(1), "本人到场") == set()
    assert ("erase_personal_data", "证件已核对") in await reasons(platform)
    details = await ask(platform, "SELECT detail FROM audit_trail")
    assert not any(NAME in detail or resident_id(1) in detail for (detail,) in details)


async def test_an_erasure_that_is_not_possible_yet_goes_on_waiting(platform: Platform) -> None:
    person = await add_patient(platform, await add_account(platform), name=NAME)
    await add_appointment(platform, person.id, await add_session(platform))
    first, second = await two(platform)
    request_id = await filed(platform, first, "erasure")
    refused = await approve(platform, second, request_id, "证件已核对")
    assert refused == Refused(ErasureRefusal.LIVE_BOOKING)
    await change(platform, "UPDATE appointments SET status = 'cancelled'")
    assert await approve(platform, second, request_id, "证件已核对") == Decided("approved")


async def test_an_export_is_for_the_two_for_a_day_and_three_times(
    platform: Platform, clock: Clock
) -> None:
    await add_patient(platform, await add_account(platform), name=NAME)
    first, second = await two(platform)
    third = await add_member(platform, Role.ADMINISTRATOR)
    request_id = await filed(platform, first, "export")
    assert await download(platform, first, request_id) == Refused(RequestRefusal.NOT_OFFERED)
    assert await approve(platform, second, request_id, "证件已核对") == Decided("approved")
    assert await download(platform, third, request_id) == Refused(RequestRefusal.NOT_OFFERED)
    for by in (first, second, first)[:DOWNLOADS]:
        copy = await download(platform, by, request_id)
        assert isinstance(copy, dict)
        assert resident_id(1) in msgspec.json.encode(copy).decode()
    assert await download(platform, second, request_id) == Refused(RequestRefusal.NOT_OFFERED)
    exports = [reason for action, reason in await reasons(platform, "export_personal_data")]
    assert len(exports) == DOWNLOADS
    again = await filed(platform, second, "export")
    assert await approve(platform, first, again, "再给一份") == Decided("approved")
    clock.now += OFFERED_FOR
    assert await download(platform, first, again) == Refused(RequestRefusal.NOT_OFFERED)


async def test_declined_withdrawn_and_expired_requests_do_nothing(
    platform: Platform, clock: Clock
) -> None:
    await add_patient(platform, await add_account(platform), name=NAME)
    first, second = await two(platform)
    one = await filed(platform, first, "erasure")
    assert await decline(platform, first, one, "不办") == Refused(RequestRefusal.OWN_REQUEST)
    assert await withdraw(platform, second, one, "不办") == Refused(RequestRefusal.NOT_OWN_REQUEST)
    assert await decline(platform, second, one, "材料不全") == Decided("declined")
    assert await approve(platform, second, one, "证件已核对") == Refused(RequestRefusal.OVER)
    again = await filed(platform, first, "erasure")
    assert await withdraw(platform, first, again, "本人改变主意") == Decided("withdrawn")
    assert await approve(platform, second, again, "证件已核对") == Refused(RequestRefusal.OVER)
    three = await filed(platform, first, "erasure")
    clock.now += OPEN_FOR
    assert await approve(platform, second, three, "证件已核对") == Refused(RequestRefusal.OVER)
    assert columns_with(platform, NAME) == {"patients.name_enc"}
    # An expired request does not stand in the way of a new one.
    four = await filed(platform, first, "erasure")
    assert await approve(platform, second, four, "证件已核对") == Decided("approved")


@pytest.mark.parametrize("kind", ["export", "erasure"])
async def test_of_two_decisions_at_once_one_counts(platform: Platform, kind: Kind) -> None:
    await add_patient(platform, await add_account(platform), name=NAME)
    first, second = await two(platform)
    third = await add_member(platform, Role.SUPERVISOR)
    request_id = await filed(platform, first, kind)
    outcomes = await asyncio.gather(
        approve(platform, second, request_id, "证件已核对"),
        approve(platform, third, request_id, "证件已核对"),
        decline(platform, third, request_id, "材料不全"),
        withdraw(platform, first, request_id, "本人改变主意"),
    )
    decided = [outcome for outcome in outcomes if isinstance(outcome, Decided)]
    assert len(decided) == 1
    assert [outcome for outcome in outcomes if outcome == Refused(RequestRefusal.OVER)] == [
        Refused(RequestRefusal.OVER)
    ] * 3
    found = await list_requests(platform)
    assert [request.state for request in found.decided] == [decided[0].state]
    erased = await ask(platform, "SELECT count(*) FROM patients WHERE erased_at IS NOT NULL")
    carried_out = kind == "erasure" and decided[0].state == "approved"
    assert erased == [(1 if carried_out else 0,)]


async def test_of_two_that_file_the_same_at_once_one_waits(platform: Platform) -> None:
    await add_patient(platform, await add_account(platform), name=NAME)
    first, second = await two(platform)
    outcomes = await asyncio.gather(
        *(
            file_request(platform, by, "erasure", NAME, "01", resident_id(1), "本人到场")
            for by in (first, second)
        )
    )
    assert outcomes.count(Refused(RequestRefusal.ALREADY_WAITING)) == 1


async def test_downloads_at_once_are_counted(platform: Platform) -> None:
    await add_patient(platform, await add_account(platform), name=NAME)
    first, second = await two(platform)
    request_id = await filed(platform, first, "export")
    await approve(platform, second, request_id, "证件已核对")
    outcomes = await asyncio.gather(*(download(platform, first, request_id) for _ in range(5)))
    assert sum(isinstance(outcome, dict) for outcome in outcomes) == DOWNLOADS


async def test_unknown_documents_and_other_names_have_one_answer_and_are_counted(
    platform: Platform, clock: Clock
) -> None:
    await add_patient(platform, await add_account(platform), name=NAME)
    first, _ = await two(platform)

    async def tried(name: str, id_no: str) -> object:
        return await file_request(platform, first, "export", name, "01", id_no, "本人到场")

    refused = Refused(RequestRefusal.UNKNOWN_PERSON)
    assert await tried("陌生人", resident_id(1)) == refused
    assert await tried(NAME, resident_id(2)) == refused
    assert await tried(NAME, "1" * 500) == refused
    for _ in range(17):
        await tried("陌生人", resident_id(1))
    assert await tried(NAME, resident_id(1)) == Refused(RequestRefusal.TOO_MANY)
    assert len(await reasons(platform, "request_export")) == 21
    clock.now += timedelta(hours=1)
    assert isinstance(await tried(NAME, resident_id(1)), int)


@pytest.mark.parametrize("reason", ["", "  ", "x", "长" * 201])
async def test_every_act_needs_a_reason(platform: Platform, reason: str) -> None:
    await add_patient(platform, await add_account(platform), name=NAME)
    first, second = await two(platform)
    needed = Refused(RequestRefusal.REASON_NEEDED)
    number = resident_id(1)
    assert await file_request(platform, first, "export", NAME, "01", number, reason) == needed
    request_id = await filed(platform, first, "export")
    assert await approve(platform, second, request_id, reason) == needed
    assert await decline(platform, second, request_id, reason) == needed
    assert await withdraw(platform, first, request_id, reason) == needed
