"""Delivery receipts: pushed in batches, late, twice, out of order, and by strangers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.city import Clock, add_booking, ask, change, notify, open_platform
from tests.crowd import open_desk
from tests.web.site import Site, closed

from guahao.notices.deliver import MessageSender
from guahao.notices.gateway import Gateway, Outcome, OutgoingMessage, Sent
from guahao.settings import Settings
from guahao.tools.stand_ins.sms import Accepted, StandIn
from guahao.web.app import create_app

TOKEN = "a-token-of-the-tests-that-nobody-guesses"
PATH = f"/sms/receipts?token={TOKEN}"
ARRIVED, LOST = "", "UNDELIV"


class Provider(Gateway):
    """Takes every message."""

    async def send(self, outgoing: OutgoingMessage) -> Outcome:  # noqa: ARG002
        return Sent()


@pytest.fixture
async def site(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    settings = Settings(aliyun_receipt_token=TOKEN)
    async with (
        open_platform(database_url, clock, settings=settings) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)


async def submitted(site: Site, count: int = 1) -> list[int]:
    """So many messages that the provider has taken; their ids."""
    platform = site.platform
    appointment_id = await add_booking(platform)
    for _ in range(count - 1):
        await notify(platform, "booked", appointment_id)
    ids = [row[0] for row in await ask(platform, "SELECT id FROM messages ORDER BY id")]
    await MessageSender(platform.db, platform.vault, platform.policies, "114", Provider()).deliver(
        ids
    )
    return ids


def receipt(site: Site, message_id: int | str, error: str = ARRIVED) -> dict[str, Any]:
    """As the provider words it."""
    stand_in = StandIn(clock=site.platform.db.clock)
    key = message_id if isinstance(message_id, str) else f"m{message_id}"
    now = site.platform.db.clock()
    message = Accepted(key, "1^0", "13800000001", "SMS_1", "sign", {}, now)
    return stand_in.receipt(message, error)


async def pushed(site: Site, *receipts: object, path: str = PATH) -> httpx.Response:
    return await site.call("POST", path, content=json.dumps(receipts).encode())


async def states(site: Site) -> list[str]:
    return [row[0] for row in await ask(site.platform, "SELECT state FROM messages ORDER BY id")]


async def test_a_batch_tells_of_each_message_what_became_of_it(site: Site) -> None:
    first, second, third = await submitted(site, 3)
    answer = await pushed(site, receipt(site, second, LOST), receipt(site, first))
    assert (answer.status_code, answer.json()["code"]) == (200, 0)
    assert await states(site) == ["delivered", "failed", "submitted"]
    assert third not in (first, second)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ([ARRIVED, ARRIVED], "delivered"),
        ([LOST, LOST], "failed"),
        ([LOST, ARRIVED], "delivered"),
        ([ARRIVED, LOST], "delivered"),
    ],
)
async def test_receipts_twice_and_out_of_order_end_in_the_same(
    site: Site, told: list[str], state: str
) -> None:
    [id] = await submitted(site)
    for error in told:
        assert (await pushed(site, receipt(site, id, error))).status_code == 200
    assert await states(site) == [state]
    await change(site.platform, "UPDATE messages SET state = 'submitted'")
    await pushed(site, *(receipt(site, id, error) for error in told))
    assert await states(site) == [state]


@pytest.mark.parametrize(
    ("before", "error", "after"),
    [
        ("queued", ARRIVED, "delivered"),  # before we have recorded the answer
        ("queued", LOST, "failed"),
        ("unknown", ARRIVED, "delivered"),
        ("unknown", LOST, "failed"),
        ("failed", ARRIVED, "delivered"),
        ("expired", LOST, "expired"),
    ],
)
async def test_a_receipt_is_believed_whatever_we_thought(
    site: Site, before: str, error: str, after: str
) -> None:
    [id] = await submitted(site)
    await change(site.platform, "UPDATE messages SET state = %s", before)
    await pushed(site, receipt(site, id, error))
    assert await states(site) == [after]


async def test_a_message_that_was_never_sent_has_no_receipt(site: Site) -> None:
    await add_booking(site.platform)
    [(id,)] = await ask(site.platform, "SELECT id FROM messages")
    await pushed(site, receipt(site, id), receipt(site, id, LOST))
    assert await states(site) == ["queued"]


async def test_what_is_no_receipt_of_ours_does_not_keep_the_others_out(site: Site) -> None:
    [id] = await submitted(site)
    strange: list[object] = [
        *(
            receipt(site, key)
            for key in ("m999999", "m0", "m-1", "m1e3", f"m{10**30}", "", "other")
        ),
        *({}, {"out_id": f"m{id}"}, {"out_id": id, "success": True}, [], None, "m1", 1),
    ]
    answer = await pushed(site, *strange, receipt(site, id))
    assert answer.status_code == 200
    assert await states(site) == ["delivered"]


async def test_a_large_batch_is_taken(site: Site) -> None:
    [id] = await submitted(site)
    others = [receipt(site, id + number) for number in range(1, 3000)]
    assert (await pushed(site, *others, receipt(site, id))).status_code == 200
    assert await states(site) == ["delivered"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{}", 400), (b"[", 400), (b'"\xff"', 400), (b"[" * 100_000, 400),
     (b" " * (2 * 1024 * 1024 + 1), 413)],
)  # fmt: skip
async def test_a_body_that_is_no_batch_is_refused(site: Site, body: bytes, status: int) -> None:
    assert (await site.call("POST", PATH, content=body)).status_code == status


@pytest.mark.parametrize(
    "path", ["/sms/receipts", "/sms/receipts?token=", f"/sms/receipts?token={TOKEN}x",
             f"/sms/receipts?token={TOKEN[:-1]}", "/sms/receipts?token=%C3%A9"]
)  # fmt: skip
async def test_a_stranger_finds_nothing_and_changes_nothing(site: Site, path: str) -> None:
    [id] = await submitted(site)
    assert (await pushed(site, receipt(site, id), path=path)).status_code == 404
    assert await states(site) == ["submitted"]


async def test_without_a_token_there_is_no_door(clock: Clock) -> None:
    answer = await closed(clock).call("POST", PATH, content=b"[]")
    assert answer.status_code == 404


async def test_the_provider_is_not_limited_by_its_address(clock: Clock) -> None:
    settings = Settings(aliyun_receipt_token=TOKEN, requests_per_address_minute=1)
    site = closed(clock, settings)
    answers = [
        (await site.call("POST", PATH, content=b"{", address="203.0.113.9")).status_code
        for _ in range(3)
    ]
    assert answers == [400, 400, 400]
