"""WeChat's protocol: its published vectors, and whatever else may come instead."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guahao.wechat.callback import STALE_SECONDS, Callback, RefusedError
from guahao.wechat.crypto import Envelope, EnvelopeError
from guahao.wechat.signature import is_signature, signature
from guahao.wechat.xml import MalformedError, read_fields, write_fields

TOKEN, KEY, APPID = "AAAAA", "A" * 43, "wxba5fad812f8e6fb9"
SEALED = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
CHECK = {"timestamp": "1714036504", "nonce": "1514711492"}
CHECKED = "f464b24fc39322e44b38aa78f5edd27bd1441696"
MESSAGE = {"timestamp": "1713424427", "nonce": "415670741"}
SIGNED = "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
AT = 1713424427

FIELDS = {
    "ToUserName": "gh_city",
    "FromUserName": "o-somebody",
    "CreateTime": "1713424427",
    "MsgType": "text",
    "Content": "眼科",
    "MsgId": "24530120045123456",
}


def signed(fields: dict[str, str], key: str | None = KEY) -> tuple[dict[str, str], bytes]:
    """A message of ours, rightly signed."""
    xml = write_fields(fields)
    if key is None:
        return {**MESSAGE, "signature": signature(TOKEN, *MESSAGE.values())}, xml.encode()
    sealed = Envelope(key, APPID).seal(xml)
    query = {**MESSAGE, "msg_signature": signature(TOKEN, *MESSAGE.values(), sealed)}
    return query, write_fields({"ToUserName": "gh_city", "Encrypt": sealed}).encode()


# The vectors ----------------------------------------------------------------------------------


def test_the_published_check_has_the_published_signature() -> None:
    assert signature(TOKEN, *CHECK.values()) == CHECKED
    query = {**CHECK, "signature": CHECKED, "echostr": "4375120948345356249"}
    assert Callback(TOKEN, APPID, KEY).check(query) == "4375120948345356249"


def test_the_published_message_has_the_published_signature_and_opens() -> None:
    assert is_signature(SIGNED, TOKEN, *MESSAGE.values(), SEALED)
    assert Envelope(KEY, APPID).open(SEALED) == '{"demo_resp":"good luck"}'


# Signatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "0" * 40},
        {"signature": ""},
        {"signature": CHECKED.upper()},
        {"nonce": "1514711493"},
        {"timestamp": "1714036505"},
        {"timestamp": "", "nonce": "17140365041514711492"},
        {"timestamp": "1514711492", "nonce": ""},
        {"timestamp": "1514711492 "},
        {"nonce": "签名"},
    ],
)
def test_a_check_that_is_not_signed_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        Callback(TOKEN, APPID, KEY).check({**CHECK, "signature": CHECKED, **change})


def test_digits_do_not_move_between_the_signed_parts() -> None:
    """Joined without a mark, "1713424427" + "415" is also "171342442" + "7415"."""
    query = {"timestamp": "1713424427415670741", "nonce": "A", "signature": ""}
    query["signature"] = signature("AAAA", query["timestamp"], query["nonce"])
    with pytest.raises(RefusedError):
        Callback("AAAA", APPID, None).check(query)


# Messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, None])
def test_a_message_that_is_signed_is_read(key: str | None) -> None:
    message = Callback(TOKEN, APPID, key).read(*signed(FIELDS, key), AT)
    assert (message.sender, message.receiver) == ("o-somebody", "gh_city")
    assert (message.kind, message.content, message.created_at) == ("text", "眼科", AT)


@pytest.mark.parametrize("late", [-STALE_SECONDS - 1, STALE_SECONDS + 1])
def test_a_message_is_refused_when_it_is_stale_or_from_the_future(late: int) -> None:
    callback, (query, body) = Callback(TOKEN, APPID, KEY), signed(FIELDS)
    callback.read(query, body, AT + STALE_SECONDS)
    callback.read(query, body, AT - STALE_SECONDS)
    with pytest.raises(RefusedError):
        callback.read(query, body, AT + late)


def test_in_safe_mode_the_signature_of_the_query_alone_vouches_for_nothing() -> None:
    query, body = signed(FIELDS)
    query["signature"] = signature(TOKEN, *MESSAGE.values())
    query["msg_signature"] = query["signature"]
    with pytest.raises(RefusedError):
        Callback(TOKEN, APPID, KEY).read(query, body, AT)


def test_in_safe_mode_a_plain_message_is_refused() -> None:
    query, body = signed(FIELDS, None)
    for more in ({}, {"encrypt_type": "raw"}, {"msg_signature": query["signature"]}):
        with pytest.raises(RefusedError):
            Callback(TOKEN, APPID, KEY).read({**query, **more}, body, AT)


def test_a_plain_message_with_an_envelope_that_was_signed_for_another_is_refused() -> None:
    _, other = signed({**FIELDS, "Content": "别的"})
    query, _ = signed(FIELDS)
    with pytest.raises(RefusedError):
        Callback(TOKEN, APPID, KEY).read(query, other, AT)


def test_an_envelope_for_another_account_is_refused_although_it_is_signed() -> None:
    sealed = Envelope(KEY, "wx0000000000000000").seal(write_fields(FIELDS))
    query = {**MESSAGE, "msg_signature": signature(TOKEN, *MESSAGE.values(), sealed)}
    with pytest.raises(RefusedError):
        Callback(TOKEN, APPID, KEY).read(query, write_fields({"Encrypt": sealed}).encode(), AT)


@pytest.mark.parametrize(
    "change",
    [
        {"FromUserName": ""},
        {"FromUserName": "o'; DROP TABLE wechat_users; --"},
        {"FromUserName": "o" * 65},
        {"ToUserName": ""},
        {"CreateTime": "yesterday"},
        {"CreateTime": "-1"},
        {"CreateTime": "17134244270"},
        {"MsgType": ""},
        {"MsgId": ""},
        {"MsgId": "1" * 21},
    ],
)
def test_what_is_no_message_is_refused_although_it_is_signed(change: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        Callback(TOKEN, APPID, KEY).read(*signed({**FIELDS, **change}), AT)


def test_messages_are_told_apart_by_id_and_events_by_sender_time_event_and_key() -> None:
    def key(change: dict[str, str]) -> str:
        return Callback(TOKEN, APPID, KEY).read(*signed({**FIELDS, **change}), AT).key

    assert key({}) == key({"Content": "another", "CreateTime": "1713424428"})
    assert key({}) != key({"MsgId": "24530120045123457"})
    assert key({}) != key({"FromUserName": "o-else"})
    event = {"MsgType": "event", "Event": "CLICK", "EventKey": "help"}
    assert key(event) == key({**event, "MsgId": "7"})
    changes = [
        {"FromUserName": "o-else"},
        {"CreateTime": "1713424428"},
        {"Event": "VIEW"},
        {"EventKey": ""},
    ]
    assert len({key({**event, **change}) for change in [{}, *changes]}) == 5


# Envelopes ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(max_size=200).filter(lambda text: text.isprintable()))
def test_what_is_sealed_opens_again(message: str) -> None:
    assert Envelope(KEY, APPID).open(Envelope(KEY, APPID).seal(message)) == message


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_fail_to_open(box: bytes) -> None:
    with pytest.raises(EnvelopeError):
        Envelope(KEY, APPID).open(base64.b64encode(box).decode())


@pytest.mark.parametrize(
    "sealed", ["", "=", "不", SEALED[:-4], SEALED[4:], SEALED + "\n", "A" * 88]
)
def test_what_is_no_envelope_does_not_open(sealed: str) -> None:
    with pytest.raises(EnvelopeError):
        Envelope(KEY, APPID).open(sealed)


def test_another_key_does_not_open() -> None:
    with pytest.raises(EnvelopeError):
        Envelope("B" * 43, APPID).open(SEALED)


def test_a_reply_is_signed_and_opens_for_wechat() -> None:
    reply = read_fields(Callback(TOKEN, APPID, KEY).reply("<xml></xml>", AT, "7f3a"))
    assert set(reply) == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
    parts = (reply["TimeStamp"], reply["Nonce"], reply["Encrypt"])
    assert is_signature(reply["MsgSignature"], TOKEN, *parts)
    assert Envelope(KEY, APPID).open(reply["Encrypt"]) == "<xml></xml>"


# XML ------------------------------------------------------------------------------------------

BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = [
    "",
    "no xml",
    "<xml>",
    "<xml></xml><xml></xml>",
    "<other><A>1</A></other>",
    "<xml><A>1</A><A>2</A></xml>",
    "<!DOCTYPE xml><xml><A>1</A></xml>",
    '<!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml><A>1</A></xml>',
    '<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><A>&x;</A></xml>',
    '<!DOCTYPE xml [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><xml><A>1</A></xml>',
    f'<!DOCTYPE xml [<!ENTITY e0 "ha">{BOMB}]><xml><A>&e9;</A></xml>',
    "<xml><A>&nbsp;</A></xml>",
    "<xml><A>\x00</A></xml>",
    "<xml><A>\x1b</A></xml>",
    "<xml><A",
]


@pytest.mark.parametrize("document", HOSTILE)
def test_hostile_documents_are_refused(document: str) -> None:
    with pytest.raises(MalformedError):
        read_fields(document)
    with pytest.raises(MalformedError):
        read_fields(document.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00",
        "<xml><A>1</A></xml>".encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-7"?><xml><A>+ADw-</A></xml>\xff',
    ],
)
def test_what_is_no_utf_8_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read_fields(body)


def test_an_envelope_that_holds_a_bomb_is_refused_although_it_is_signed() -> None:
    for document in HOSTILE:
        sealed = Envelope(KEY, APPID).seal(document)
        query = {**MESSAGE, "msg_signature": signature(TOKEN, *MESSAGE.values(), sealed)}
        body = write_fields({"Encrypt": sealed}).encode()
        with pytest.raises(RefusedError):
            Callback(TOKEN, APPID, KEY).read(query, body, AT)


def test_fields_are_read_as_they_stand_and_nested_ones_are_left_out() -> None:
    document = "<xml><A><![CDATA[<b> & ]]></A><B>&lt;1</B><C><D>2</D></C><E/></xml>"
    assert read_fields(document) == {"A": "<b> &", "B": "<1", "E": ""}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("ABC"), st.text("<>&\"'] a眼", max_size=30)))
def test_what_is_written_is_read_again(fields: dict[str, str]) -> None:
    assert read_fields(write_fields(fields)) == {
        name: text.strip() for name, text in fields.items()
    }
