"""The callback over the whole application: what is refused leaves no trace, what is
repeated acts once, and every answer is one that WeChat can show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import psycopg
import pytest
from tests.city import Clock, add_account, ask
from tests.web.site import Site
from tests.wechat.bound import openid_of
from tests.wechat.official import OPENID, SAFE, Official, open_official
from tests.wechat.test_protocol import CHECK, CHECKED, HOSTILE

from guahao.flows.messages.wechat import bind
from guahao.store.messages import wechat as store
from guahao.tools.stand_ins.wechat import StandIn
from guahao.web.wechat import messages
from guahao.wechat.crypto import Envelope
from guahao.wechat.signature import signature
from guahao.wechat.xml import write_fields

Change = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]


@pytest.fixture
async def bound(official: Official) -> int:
    """The sender's account."""
    account_id = await add_account(official.platform)
    await bind(official.platform, OPENID, account_id)
    return account_id


async def guesses(official: Official) -> int:
    """How many wrong codes were counted for their caller."""
    rows = await ask(
        official.platform,
        "SELECT sum(hits)::int FROM throttle_counts WHERE scope = 'lookup_caller'",
    )
    return rows[0][0] or 0


# The server check -----------------------------------------------------------------------------


async def test_the_server_check_is_echoed_whatever_the_time(official: Official) -> None:
    query = {**CHECK, "signature": CHECKED, "echostr": "<echo&me>"}
    answer = await official.get("/wechat", params=query)
    assert (answer.status_code, answer.text) == (200, "<echo&me>")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("change", [{"signature": "0" * 40}, {"nonce": "1"}, {"timestamp": "x"}])
async def test_a_check_that_wechat_did_not_sign_is_refused(
    official: Official, change: dict[str, str]
) -> None:
    query = {**CHECK, "signature": CHECKED, "echostr": "echo", **change}
    answer = await official.get("/wechat", params=query)
    assert answer.status_code == 403
    assert "echo" not in answer.text


async def test_a_check_without_anything_is_refused(official: Official) -> None:
    assert (await official.get("/wechat")).status_code == 403


@pytest.mark.parametrize("path", ["/wechat", "/wechat/login", "/wechat/return"])
async def test_without_an_account_there_is_no_such_page(closed_site: Site, path: str) -> None:
    query = {**CHECK, "signature": CHECKED, "echostr": "echo"}
    assert (await closed_site.get(path, params=query)).status_code == 404
    if path == "/wechat":
        assert (await closed_site.post(path, content=b"<xml/>")).status_code == 404


# What is refused ------------------------------------------------------------------------------


def other_envelope(query: dict[str, str], _: bytes) -> tuple[dict[str, str], bytes]:
    sealed = Envelope(SAFE.aes_key or "", SAFE.appid).seal("<xml></xml>")
    return query, write_fields({"ToUserName": "gh_city", "Encrypt": sealed}).encode()


def two_envelopes(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    inner = body.removeprefix(b"<xml>").removesuffix(b"</xml>")
    return query, b"<xml>" + inner + inner + b"</xml>"


def swapped(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """Sorted before they are signed, the parts have the same signature in any order."""
    return {**query, "timestamp": query["nonce"], "nonce": query["timestamp"]}, body


def older(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return {**query, "timestamp": str(int(query["timestamp"]) - 1)}, body


def unsigned(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return {name: value for name, value in query.items() if "signature" not in name}, body


def signed_query_only(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return {**query, "msg_signature": query["signature"]}, body


def cut(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return query, body[:-1]


def huge(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return query, body + b" " * messages.BODY_BYTES_MAX


def crowded(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return {**query, **{f"more{n}": "x" for n in range(50)}}, body


@pytest.mark.parametrize(
    "change",
    [
        other_envelope,
        two_envelopes,
        swapped,
        older,
        unsigned,
        signed_query_only,
        cut,
        huge,
        crowded,
    ],
)
async def test_a_forged_message_is_refused_without_effect(
    official: Official, bound: int, change: Change
) -> None:
    assert bound
    now = official.clock().timestamp()
    query, body = official.account.request(official.text("00000000"), now)
    await official.refused(*change(query, body))
    assert (await official.post("/wechat", params=query, content=body)).status_code == 200


async def test_a_plain_message_is_refused_in_safe_mode(official: Official, bound: int) -> None:
    assert bound
    fields = official.event("unsubscribe")
    timestamp, nonce = str(int(official.clock().timestamp())), "7"
    query = {
        "timestamp": timestamp,
        "nonce": nonce,
        "signature": signature(SAFE.token, timestamp, nonce),
    }
    await official.refused(query, write_fields(fields).encode())
    await official.refused(
        {**query, "msg_signature": query["signature"]}, write_fields(fields).encode()
    )


async def test_a_sealed_message_is_refused_in_plain_mode(plain: Official) -> None:
    query, body = SAFE.request(plain.text("眼科"), plain.clock().timestamp())
    await plain.refused(query, body)


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_message_more_than_five_minutes_away_is_refused(
    official: Official, bound: int, minutes: int
) -> None:
    assert bound
    away = official.clock().timestamp() + minutes * 60
    query, body = official.account.request(official.text("00000000"), away)
    await official.refused(query, body)


async def test_a_message_is_refused_when_it_is_replayed_after_five_minutes(
    official: Official, clock: Clock
) -> None:
    query, body = official.account.request(official.event("subscribe"), clock().timestamp())
    assert (await official.post("/wechat", params=query, content=body)).status_code == 200
    clock.forward(minutes=5, seconds=1)
    await official.refused(query, body)


async def test_hostile_xml_is_refused_in_either_mode(official: Official, clock: Clock) -> None:
    timestamp, nonce = str(int(clock().timestamp())), "7"
    for document in HOSTILE:
        sealed = Envelope(SAFE.aes_key or "", SAFE.appid).seal(document)
        query = {"timestamp": timestamp, "nonce": nonce}
        query["msg_signature"] = signature(SAFE.token, timestamp, nonce, sealed)
        await official.refused(query, document.encode())
        await official.refused(query, write_fields({"Encrypt": sealed}).encode())


async def test_hostile_xml_is_refused_in_plain_mode(plain: Official, clock: Clock) -> None:
    timestamp, nonce = str(int(clock().timestamp())), "7"
    query = {"timestamp": timestamp, "nonce": nonce}
    query["signature"] = signature(SAFE.token, timestamp, nonce)
    for document in HOSTILE:
        await plain.refused(query, document.encode())


@pytest.mark.parametrize("raw", ["%ff=1", "signature=%ff", "x" * 3000, "timestamp=1&timestamp=2"])
async def test_no_query_makes_the_callback_fail(official: Official, raw: str) -> None:
    for method in ("GET", "POST"):
        assert (await official.call(method, f"/wechat?{raw}")).status_code == 403


async def test_wechat_itself_is_not_limited_by_address(official: Official) -> None:
    most = official.platform.settings.requests_per_address_minute
    async with official.client(address="203.0.113.7") as client:
        answers = [await client.get("/wechat") for _ in range(most + 1)]
        assert {answer.status_code for answer in answers} == {403}
        await client.get("/static/schema.js")
        others = [await client.get("/static/schema.js") for _ in range(most + 1)]
        assert others[-1].status_code == 429


# What is repeated -----------------------------------------------------------------------------


async def test_the_same_message_thrice_acts_once(official: Official, bound: int) -> None:
    assert bound
    fields = official.text("00000000")
    first, second, third = [await official.send(fields) for _ in range(3)]
    assert first is not None
    assert (second, third) == (None, None)
    assert await guesses(official) == 1


async def test_the_same_message_thrice_at_once_acts_once(official: Official, bound: int) -> None:
    assert bound
    fields = official.text("00000000")
    shown = await asyncio.gather(*(official.send(fields) for _ in range(3)))
    assert sorted(each is None for each in shown) == [False, True, True]
    assert await guesses(official) == 1


async def test_the_same_message_at_two_processes_acts_once(
    official: Official, bound: int, database_url: str, stand_in: StandIn, clock: Clock
) -> None:
    """Two applications share the database and nothing else."""
    assert bound
    async with open_official(database_url, clock, stand_in) as second:
        for _ in range(5):
            fields = official.text("00000000")
            shown = await asyncio.gather(
                *(each.send(fields) for each in (official, second, official, second))
            )
            assert sorted(each is None for each in shown) == [False, True, True, True]
    assert await guesses(official) == 5


async def test_the_same_event_thrice_is_answered_once(official: Official) -> None:
    fields = official.event("subscribe")
    shown = [await official.send(fields) for _ in range(3)]
    assert [each is None for each in shown] == [False, True, True]
    assert await official.send(official.event("subscribe", openid="o-else")) is not None


async def test_a_message_whose_effect_was_lost_acts_when_it_comes_again(
    official: Official, bound: int, database_url: str
) -> None:
    assert bound
    query, body = official.account.request(official.text("00000000"), official.clock().timestamp())
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE throttle_counts RENAME TO away")
        assert (await official.post("/wechat", params=query, content=body)).status_code == 500
        owner.execute("ALTER TABLE away RENAME TO throttle_counts")
    answer = await official.post("/wechat", params=query, content=body)
    assert official.account.reply(answer.text) is not None
    assert await guesses(official) == 1


async def test_without_the_database_a_text_is_answered_and_an_event_comes_again(
    official: Official,
) -> None:
    await official.platform.db.close()
    said = await official.say("12345678")
    assert "暂时不能查询" in said
    assert "not available for the moment" in said
    now = official.clock().timestamp()
    query, body = official.account.request(official.event("subscribe"), now)
    assert (await official.post("/wechat", params=query, content=body)).status_code == 503


async def test_what_was_seen_is_forgotten_after_a_day(official: Official, clock: Clock) -> None:
    await official.send(official.event("subscribe"))
    clock.forward(hours=23)
    await official.send(official.event("VIEW"))
    clock.forward(hours=2)
    async with official.platform.db.transaction() as tx:
        assert await store.purge_seen(tx) == 2  # the message and its nonce
    assert await ask(official.platform, "SELECT count(*) FROM wechat_seen") == [(2,)]


# Followers ------------------------------------------------------------------------------------


async def reached(official: Official, account_id: int) -> str | None:
    async with official.platform.db.transaction() as tx:
        return await openid_of(tx, official.platform.vault, account_id)


async def test_whoever_unfollows_is_reached_no_longer_and_again_after_following(
    official: Official, bound: int, clock: Clock
) -> None:
    await official.send(official.event("subscribe"))
    assert await reached(official, bound) == OPENID
    clock.forward(seconds=10)
    assert await official.send(official.event("unsubscribe")) is None
    assert await reached(official, bound) is None
    clock.forward(seconds=10)
    await official.send(official.event("subscribe"))
    assert await reached(official, bound) == OPENID


async def test_an_event_that_comes_late_does_not_overrule_a_later_one(
    official: Official, bound: int, clock: Clock
) -> None:
    unfollowed = official.event("unsubscribe")
    clock.forward(seconds=10)
    await official.send(official.event("subscribe"))
    await official.send(unfollowed)
    assert await reached(official, bound) == OPENID


async def test_an_event_of_a_time_to_come_does_not_overrule_what_follows(
    official: Official, bound: int, clock: Clock
) -> None:
    await official.send(official.event("subscribe"), CreateTime=9999999999)
    clock.forward(seconds=10)
    await official.send(official.event("unsubscribe"))
    assert await reached(official, bound) is None


async def test_no_openid_stands_in_the_database_in_the_clear(
    official: Official, bound: int
) -> None:
    assert bound
    await official.send(official.event("subscribe"))
    await official.say("眼科")
    rows: Sequence[object] = await official.traces()
    assert OPENID not in repr(rows)
    assert OPENID.encode().hex() not in repr(rows)


# In time --------------------------------------------------------------------------------------


async def test_an_answer_that_takes_too_long_follows_by_a_message_of_its_own(
    official: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "ANSWER_SECONDS", 0)
    stand_in = official.stand_in
    stand_in.followers.add(OPENID)
    assert await official.send(official.text("帮助")) is None
    async with asyncio.timeout(30):
        while not stand_in.texts:  # noqa: ASYNC110 - the stand-in lives in a thread
            await asyncio.sleep(0.01)
    [(to, text)] = stand_in.texts
    assert to == OPENID
    assert "识别码" in text


# Signatures that are used again ---------------------------------------------------------------


async def test_a_signature_serves_one_message(plain: Official, clock: Clock) -> None:
    now = clock().timestamp()
    query, body = plain.account.request(plain.text("帮助"), now)
    assert (await plain.post("/wechat", params=query, content=body)).status_code == 200
    # In plain mode the signature covers nothing of the message.
    _, other = plain.account.request(plain.event("unsubscribe"), now)
    await plain.refused(query, other)
    # WeChat's own repetition is still taken.
    assert (await plain.post("/wechat", params=query, content=body)).text == "success"


async def test_two_users_messages_of_one_id_are_two(official: Official) -> None:
    first = official.text("帮助")
    second = {**first, "FromUserName": "o-another-user"}
    assert await official.send(first) is not None
    assert await official.send(second) is not None
    assert await official.send(second) is None
