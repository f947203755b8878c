"""Read what WeChat sends to an account's callback, and make the replies.

Requests are refused without a reason if WeChat did not sign them, if they are stale or malformed,
or if they are plain while safe mode is on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from guahao.wechat.crypto import Envelope, EnvelopeError
from guahao.wechat.signature import is_signature, signature
from guahao.wechat.xml import MalformedError, read_fields, write_fields

STALE_SECONDS = 300
TAKEN = "success"  # after this WeChat shows the sender nothing and does not retry

# Signatures join their sorted parts without a separator. The fixed form of the
# timestamp keeps digits from moving between it and the nonce.
_TIMESTAMP = re.compile(r"[0-9]{10}")
_NONCE = re.compile(r"[!-~]{1,128}")
_USER = re.compile(r"[A-Za-z0-9_@.-]{1,64}")
_CREATED = re.compile(r"[0-9]{1,10}")
_MSG_ID = re.compile(r"[0-9]{1,20}")
_EVENT = "event"

Query = Mapping[str, str]


class RefusedError(Exception):
    """The request is not from WeChat, or malformed."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message or an event from a user. `created_at`: WeChat's time in Unix seconds.

    `key` is the same when WeChat repeats a message; `once`, of the request's
    signature, is good for one message.
    """

    key: str
    sender: str
    receiver: str
    created_at: int
    kind: str
    content: str
    event: str
    event_key: str
    once: str


class Callback:
    """The callback of an account; with an envelope it is in safe mode."""

    def __init__(self, token: str, appid: str, aes_key: str | None) -> None:
        self._token = token
        self._envelope = None if aes_key is None else Envelope(aes_key, appid)

    def check(self, query: Query) -> str:
        """Return the answer to the server check, at any time; raises RefusedError."""
        self._verify(query, "signature")
        return query.get("echostr", "")

    def read(self, query: Query, body: bytes, now: float) -> Incoming:
        """Return the message of a request at `now` (Unix seconds); raises RefusedError."""
        refuse_stale(query, now)
        try:
            if self._envelope is None:
                self._verify(query, "signature")
                return _incoming(query, read_fields(body))
            sealed = read_fields(body).get("Encrypt", "")
            self._verify(query, "msg_signature", sealed)
            return _incoming(query, read_fields(self._envelope.open(sealed)))
        except (MalformedError, EnvelopeError):
            raise RefusedError from None

    def reply(self, message: str, now: int, nonce: str) -> str:
        """Return the body of a reply, encrypted and signed in safe mode."""
        if self._envelope is None:
            return message
        sealed, timestamp = self._envelope.seal(message), str(now)
        return write_fields(
            {
                "Encrypt": sealed,
                "MsgSignature": signature(self._token, timestamp, nonce, sealed),
                "TimeStamp": timestamp,
                "Nonce": nonce,
            }
        )

    def _verify(self, query: Query, name: str, *signed: str) -> None:
        """Check that the signature of that name covers timestamp, nonce and `signed`."""
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if _TIMESTAMP.fullmatch(timestamp) is None or _NONCE.fullmatch(nonce) is None:
            raise RefusedError
        if not is_signature(query.get(name, ""), self._token, timestamp, nonce, *signed):
            raise RefusedError


def refuse_stale(query: Query, now: float) -> None:
    """Raise RefusedError where the request is more than STALE_SECONDS from `now`."""
    timestamp = query.get("timestamp", "")
    if _TIMESTAMP.fullmatch(timestamp) is None or abs(now - int(timestamp)) > STALE_SECONDS:
        raise RefusedError


def _incoming(query: Query, fields: Mapping[str, str]) -> Incoming:
    kind, sender = fields.get("MsgType", ""), fields.get("FromUserName", "")
    receiver, created = fields.get("ToUserName", ""), fields.get("CreateTime", "")
    if not (kind and _USER.fullmatch(sender) and _USER.fullmatch(receiver)):
        raise RefusedError
    if _CREATED.fullmatch(created) is None:
        raise RefusedError
    event, event_key = fields.get("Event", ""), fields.get("EventKey", "")
    if kind == _EVENT:
        # MsgID, because receipts of template messages may differ in nothing else.
        same = (sender, created, event, event_key, fields.get("MsgID", ""))
        key = "event\n" + "\n".join(same)
    elif _MSG_ID.fullmatch(fields.get("MsgId", "")):
        # Ids are unique among the messages of a sender.
        key = f"message\n{sender}\n{fields['MsgId']}"
    else:
        raise RefusedError
    content = fields.get("Content", "")
    once = f"nonce\n{query.get('timestamp', '')}\n{query.get('nonce', '')}"
    return Incoming(key, sender, receiver, int(created), kind, content, event, event_key, once)
