"""Outgoing: one access token for all processes, template messages beside the SMS, the menu.

WeChat's stand-in answers over HTTP.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.city import Clock, add_account, add_booking, ask, ask_as_owner, change, outbox, phone
from tests.wechat.bound import openid_of
from tests.wechat.official import OPENID, PUBLIC, SAFE, Official, open_official

from guahao.flows.messages.wechat import HELP_KEY, bind
from guahao.notices.deliver import MessageSender
from guahao.notices.gateway import Failed, Outcome, OutgoingMessage, Sent, Unknown
from guahao.notices.outbox import OutboxGateway
from guahao.notices.wechat import OfficialAccount, WeChatGateway
from guahao.store.messages import wechat as store
from guahao.tools.stand_ins.wechat import StandIn
from guahao.wechat.api import Api, UnreachableError, WeChatError

TOKEN, SEND, MENU = (
    "/cgi-bin/stable_token",
    "/cgi-bin/message/template/send",
    "/cgi-bin/menu/create",
)
NEVER, NOT_NOW = Failed(permanent=True), Failed(permanent=False)


async def follow(official: Official, openid: str = OPENID) -> None:
    official.stand_in.followers.add(openid)
    await official.send(official.event("subscribe", openid=openid))


def outgoing(kind: str = "booked", key: str = "m1", **params: str) -> OutgoingMessage:
    told = params or {"visit": "市第一医院 眼科 主任医师", "code": "0000 0001"}
    return OutgoingMessage(key, kind, OPENID, "the text of the SMS", told, "zh", 7)


async def send(official: Official, **given: str) -> Outcome:
    return await official.gateway.send(outgoing(**given))


# The access token -----------------------------------------------------------------------------


async def test_the_token_is_fetched_once_for_all_processes(
    official: Official, database_url: str, stand_in: StandIn, clock: Clock
) -> None:
    async with open_official(database_url, clock, stand_in) as second:
        tokens = await asyncio.gather(
            *(each.outgoing.access_token() for each in (official, second) for _ in range(20))
        )
    assert len(set(tokens)) == 1
    assert len(tokens[0]) >= 512
    assert stand_in.calls == [TOKEN]


async def test_the_token_is_kept_sealed(official: Official) -> None:
    token = await official.outgoing.access_token()
    sql = "SELECT appid, token_enc FROM wechat_access_tokens"
    [row] = await ask_as_owner(official.platform, sql)
    assert row[0] == SAFE.appid
    assert token.encode() not in row[1]


async def test_the_token_is_renewed_before_it_expires(official: Official, clock: Clock) -> None:
    first = await official.outgoing.access_token()
    clock.forward(seconds=7200 - 301)
    assert await official.outgoing.access_token() == first
    clock.forward(seconds=2)
    second = await official.outgoing.access_token()
    assert second != first
    assert official.stand_in.calls == [TOKEN] * 2


@pytest.mark.parametrize("code", [40001, 42001])
async def test_a_token_that_wechat_takes_no_longer_is_fetched_anew_once(
    official: Official, code: int
) -> None:
    await follow(official)
    official.stand_in.faults[SEND] = [code]
    assert await send(official) == Sent()
    assert official.stand_in.calls.count(SEND) == 2
    assert len(official.stand_in.template_messages) == 1


async def test_a_token_that_expired_unforeseen_is_replaced_for_all(
    official: Official, database_url: str, stand_in: StandIn, clock: Clock
) -> None:
    await follow(official)
    before = await official.outgoing.access_token()
    stand_in.expire_tokens()
    stand_in.calls.clear()
    async with open_official(database_url, clock, stand_in) as second:
        keys = [f"m{number}" for number in range(10)]
        outcomes = await asyncio.gather(
            *(
                (official, second)[n % 2].gateway.send(outgoing(key=key))
                for n, key in enumerate(keys)
            )
        )
    assert outcomes == [Sent()] * 10
    assert stand_in.calls.count(TOKEN) == 1
    assert await official.outgoing.access_token() != before


async def test_a_token_that_wechat_hands_out_but_does_not_take_is_forced_anew(
    official: Official,
) -> None:
    before = await official.outgoing.access_token()
    assert await official.outgoing.access_token(refused=before) != before


async def test_where_no_token_is_taken_it_is_not_asked_for_again_and_again(
    official: Official,
) -> None:
    await follow(official)
    official.stand_in.faults[SEND] = [40001, 40001]
    assert await send(official) == NOT_NOW
    assert official.stand_in.calls.count(SEND) == 2


async def test_a_wrong_secret_is_told_by_its_code(official: Official, stand_in: StandIn) -> None:
    api = Api(SAFE.appid, "another secret", stand_in.url)
    account = OfficialAccount(official.platform.db, official.platform.vault, api)
    with pytest.raises(WeChatError) as caught:
        await account.access_token()
    await api.close()
    assert caught.value.code == 40125
    assert "another secret" not in str(caught.value)
    async with official.platform.db.transaction() as tx:
        assert await store.access_token(tx, official.platform.vault, SAFE.appid) is None


# Template messages ----------------------------------------------------------------------------


async def test_a_message_fills_the_template_s_fields_and_leads_to_the_booking(
    official: Official,
) -> None:
    await follow(official)
    assert await send(official, kind="booked") == Sent()
    [message] = official.stand_in.template_messages
    assert message == {
        "touser": OPENID,
        "template_id": "T-booked",
        "url": f"{PUBLIC}/wechat/login?next=/bookings/7",
        "client_msg_id": "m1",
        "data": {
            "thing1": {"value": "市第一医院 眼科 主任医师"},
            "character_string2": {"value": "0000 0001"},
        },
    }


async def test_a_template_without_named_fields_has_ours(official: Official) -> None:
    await follow(official)
    assert await official.gateway.send(outgoing("stopped", visit="眼科")) == Sent()
    assert official.stand_in.template_messages[0]["data"] == {"visit": {"value": "眼科"}}


async def test_a_value_is_as_long_as_its_field_takes(official: Official) -> None:
    await follow(official)
    long = "市第一医院 眼科\n" * 5
    assert await official.gateway.send(outgoing(visit=long)) == Sent()
    data = official.stand_in.template_messages[0]["data"]
    assert len(data["thing1"]["value"]) == 20
    assert data["thing1"]["value"].endswith("…")
    assert data["character_string2"]["value"] == "-"  # this message tells of no code


async def test_the_same_key_is_sent_once(official: Official) -> None:
    await follow(official)
    assert [await send(official), await send(official), await send(official, key="m2")] == [
        Sent()
    ] * 3
    sent = [message["client_msg_id"] for message in official.stand_in.template_messages]
    assert sent == ["m1", "m2"]


async def test_a_key_that_wechat_may_have_forgotten_is_not_sent_again(official: Official) -> None:
    gateway = official.gateway
    assert await gateway.look_up("m1", OPENID, timedelta(minutes=2)) is None
    assert await gateway.look_up("m1", OPENID, timedelta(minutes=11)) == NEVER


async def test_a_kind_without_a_template_is_not_sent(official: Official) -> None:
    await follow(official)
    assert await official.gateway.send(outgoing("no_show")) == NEVER
    assert official.stand_in.calls == []


@pytest.mark.parametrize("code", [43004, 43019])
async def test_whoever_does_not_follow_is_remembered(official: Official, code: int) -> None:
    account_id = await add_account(official.platform)
    await bind(official.platform, OPENID, account_id)
    vault = official.platform.vault
    async with official.platform.db.transaction() as tx:
        assert await openid_of(tx, vault, account_id) == OPENID
    official.stand_in.faults[SEND] = [code]
    assert await send(official) == NEVER
    async with official.platform.db.transaction() as tx:
        assert await openid_of(tx, vault, account_id) is None
    official.clock.forward(seconds=1)
    await follow(official)
    async with official.platform.db.transaction() as tx:
        assert await openid_of(tx, vault, account_id) == OPENID


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(-1, NOT_NOW), (45009, NOT_NOW), (45011, NOT_NOW), (47003, NEVER), (40003, NEVER)],
)
async def test_what_wechat_refuses_is_tried_again_only_where_that_may_help(
    official: Official, code: int, outcome: Outcome
) -> None:
    await follow(official)
    official.stand_in.faults[SEND] = [code]
    assert await send(official) == outcome
    assert official.stand_in.calls.count(SEND) == 1


async def test_a_template_that_wechat_does_not_know_fails_for_good(official: Official) -> None:
    await follow(official)
    assert await official.gateway.send(outgoing("cancelled")) == NEVER


@pytest.fixture
async def unanswered(official: Official) -> WeChatGateway:
    """A gateway whose token is good, and behind which nobody listens any more."""
    await official.outgoing.access_token()
    api = Api(SAFE.appid, SAFE.secret, "http://127.0.0.1:1")
    account = OfficialAccount(official.platform.db, official.platform.vault, api)
    templates = official.platform.settings.wechat_templates
    return WeChatGateway(account, official.platform.db, official.platform.vault, templates, PUBLIC)


async def test_where_nobody_listens_nothing_was_sent(unanswered: WeChatGateway) -> None:
    assert await unanswered.send(outgoing()) == NOT_NOW


async def test_where_the_answer_is_no_answer_nobody_can_tell(official: Official) -> None:
    async def mumble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>")
        await writer.drain()
        writer.close()

    await official.outgoing.access_token()
    server = await asyncio.start_server(mumble, "127.0.0.1", 0)
    api = Api(SAFE.appid, SAFE.secret, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    platform = official.platform
    account = OfficialAccount(platform.db, platform.vault, api)
    templates = platform.settings.wechat_templates
    gateway = WeChatGateway(account, platform.db, platform.vault, templates, PUBLIC)
    try:
        assert await gateway.send(outgoing()) == Unknown()
        with pytest.raises(UnreachableError):
            await api.stable_token(force=False)
    finally:
        await api.close()
        server.close()
        await server.wait_closed()


# From the booking to the phone ----------------------------------------------------------------


async def test_whoever_follows_is_told_of_a_booking_by_wechat_beside_the_sms(
    official: Official,
) -> None:
    platform = official.platform
    await add_booking(platform)
    [account_id] = (await ask(platform, "SELECT account_id FROM patients"))[0]
    await bind(platform, OPENID, account_id)
    await follow(official)
    sms = OutboxGateway(platform.db, platform.vault)
    message_sender = MessageSender(
        platform.db, platform.vault, platform.policies, "114", sms, official.gateway
    )
    for _ in range(2):  # the message's own row comes with the SMS
        waiting = await ask(platform, "SELECT id FROM messages WHERE state = 'queued'")
        await message_sender.deliver([row[0] for row in waiting])
    assert len(await outbox(platform, phone(1))) == 1
    [message] = official.stand_in.template_messages
    assert message["touser"] == OPENID
    assert message["data"]["character_string2"] == {"value": "0000 0001"}
    states = await ask(platform, "SELECT channel, state FROM messages ORDER BY channel")
    assert states == [("sms", "delivered"), ("wechat", "submitted")]


async def test_whoever_unfollowed_gets_the_sms_alone(official: Official) -> None:
    platform = official.platform
    await add_booking(platform)
    [account_id] = (await ask(platform, "SELECT account_id FROM patients"))[0]
    await bind(platform, OPENID, account_id)
    await change(platform, "UPDATE wechat_users SET follows = false")
    sms = OutboxGateway(platform.db, platform.vault)
    message_sender = MessageSender(
        platform.db, platform.vault, platform.policies, "114", sms, official.gateway
    )
    await message_sender.deliver([row[0] for row in await ask(platform, "SELECT id FROM messages")])
    assert await ask(platform, "SELECT channel, state FROM messages") == [("sms", "delivered")]
    assert official.stand_in.calls == []


# The menu -------------------------------------------------------------------------------------


async def test_the_menu_leads_to_the_pages_through_wechat_s_login(official: Official) -> None:
    await official.outgoing.create_menu(PUBLIC, HELP_KEY)
    book, mine, help_ = official.stand_in.menu
    assert book == {"name": "预约挂号", "type": "view", "url": f"{PUBLIC}/wechat/login?next=/"}
    assert mine["name"] == "我的挂号"
    assert mine["url"] == f"{PUBLIC}/wechat/login?next=/bookings"
    assert help_ == {"name": "帮助", "type": "click", "key": HELP_KEY}
    assert official.stand_in.calls == [TOKEN, MENU]
