"""A stand-in for the SMS provider: speaks its protocol over HTTP and sends nothing.

For tests, and for trying the aliyun gateway without an account:

    python -m guahao.tools.sms_stand_in --port 8090 --receipts http://127.0.0.1:8000/...

SendSms and QuerySendDetails, signed as the provider's SDK signs (ACS3-HMAC-SHA256), with the
provider's troubles on demand; delivery receipts late, twice and out of order.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import itertools
import json
import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

from guahao.clock import Clock, city_clock

KEY_ID = "stand-in"
KEY_SECRET = "the stand-in's secret"  # noqa: S105 - nobody's
LONGEST_VARIABLE = 35

_ALGORITHM = "ACS3-HMAC-SHA256"
_WAITING, _FAILED, _DELIVERED = 1, 2, 3
_PUSH_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to one call.

    `code`: the answer, with `status`, instead of doing what was asked. `seconds`: how long
    the answer takes. `lost`: the connection breaks before the call is taken, or `after`.
    """

    code: str | None = None
    status: int = 200
    seconds: float = 0
    lost: bool = False
    after: bool = False


THROTTLED = Trouble("Throttling.User", 400)
LIMITED = Trouble("isv.BUSINESS_LIMIT_CONTROL")
FAILING = Trouble("ServiceUnavailable", 503)
ANSWER_LOST = Trouble(lost=True, after=True)
CALL_LOST = Trouble(lost=True)


@dataclass(slots=True)
class Accepted:
    """A message that was taken."""

    out_id: str
    biz_id: str
    phone: str
    template: str
    sign_name: str
    variables: Mapping[str, str]
    sent_at: datetime
    status: int = _WAITING
    error: str = ""


@dataclass
class StandIn:
    """The provider's memory. `troubles` are met by the next calls of an action, one by one."""

    clock: Clock = field(default_factory=city_clock)
    accepted: list[Accepted] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)
    chance: Callable[[], Trouble] = Trouble  # where none is named

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def trouble(self, action: str, *troubles: Trouble) -> None:
        """The next calls of this action meet these."""
        self.troubles.setdefault(action, []).extend(troubles)

    def next_trouble(self, action: str) -> Trouble:
        """What this call meets."""
        with self._lock:
            self.calls.append(action)
            waiting = self.troubles.get(action)
            return waiting.pop(0) if waiting else self.chance()

    def answer(self, action: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Do what is asked."""
        if action == "SendSms":
            return self._send(query)
        if action == "QuerySendDetails":
            return self._details(query)
        return _refusal("InvalidAction.NotFound")

    def _send(self, query: Mapping[str, str]) -> dict[str, Any]:
        phone = query.get("PhoneNumbers", "")
        variables = json.loads(query.get("TemplateParam") or "{}")
        if not (phone.isdigit() and len(phone) == len("13800000000") and phone[0] == "1"):
            return _refusal("isv.MOBILE_NUMBER_ILLEGAL")
        if any(len(value) > LONGEST_VARIABLE for value in variables.values()):
            return _refusal("isv.PARAM_LENGTH_LIMIT")
        with self._lock:
            message = Accepted(
                query.get("OutId", ""),
                f"{next(self._numbers)}^0",
                phone,
                query["TemplateCode"],
                query["SignName"],
                variables,
                self.clock(),
            )
            self.accepted.append(message)
        return _ok(BizId=message.biz_id)

    def _details(self, query: Mapping[str, str]) -> dict[str, Any]:
        with self._lock:
            found = [
                _detail(message)
                for message in reversed(self.accepted)
                if message.phone == query["PhoneNumber"]
                and f"{message.sent_at:%Y%m%d}" == query["SendDate"]
            ]
        size, page = int(query["PageSize"]), int(query["CurrentPage"])
        shown = found[(page - 1) * size : page * size]
        return _ok(TotalCount=str(len(found)), SmsSendDetailDTOs={"SmsSendDetailDTO": shown})

    def receipt(self, message: Accepted, error: str = "") -> dict[str, Any]:
        """The carrier has spoken: delivered, or `error`. As a part of what is pushed."""
        message.status, message.error = (_FAILED, error) if error else (_DELIVERED, "DELIVERED")
        return {
            "phone_number": message.phone,
            "send_time": _time(message.sent_at),
            "report_time": _time(self.clock()),
            "success": not error,
            "err_code": message.error,
            "err_msg": message.error,
            "sms_size": "1",
            "biz_id": message.biz_id,
            "out_id": message.out_id,
        }


def _detail(message: Accepted) -> dict[str, Any]:
    return {
        "OutId": message.out_id,
        "PhoneNum": message.phone,
        "TemplateCode": message.template,
        "Content": json.dumps(message.variables, ensure_ascii=False),
        "SendDate": _time(message.sent_at),
        "SendStatus": message.status,
        "ErrCode": message.error,
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _ok(**more: Any) -> dict[str, Any]:
    return {"Code": "OK", "Message": "OK", "RequestId": "stand-in", **more}


def _refusal(code: str) -> dict[str, Any]:
    return {"Code": code, "Message": code, "RequestId": "stand-in"}


# Over HTTP ----------------------------------------------------------------------------------


def _signed(method: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> bool:
    """Whether the call carries the signature of our key and secret."""
    authorization = headers.get("authorization", "")
    parts = dict(part.split("=", 1) for part in authorization.split(" ", 1)[-1].split(","))
    names = parts.get("SignedHeaders", "").split(";")
    canonical = "\n".join(
        [
            method,
            "/",
            "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(query)),
            *(f"{name}:{headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            headers.get("x-acs-content-sha256", ""),
        ]
    )
    text = f"{_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(KEY_SECRET.encode(), text.encode(), "sha256").hexdigest()
    return parts.get("Credential") == KEY_ID and hmac.compare_digest(
        parts.get("Signature", ""), expected
    )


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept as the SDK keeps it."""

    stand_in: ClassVar[StandIn]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A call."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
        action = headers.get("x-acs-action", "")
        if not _signed("POST", query, headers):
            self._answer(400, _refusal("SignatureDoesNotMatch"))
            return
        self._meet(self.stand_in.next_trouble(action), action, dict(query))

    def _meet(self, trouble: Trouble, action: str, query: Mapping[str, str]) -> None:
        if trouble.lost and not trouble.after:
            self.close_connection = True
            return
        refused = None if trouble.code is None else _refusal(trouble.code)
        answer = refused or self.stand_in.answer(action, query)
        time.sleep(trouble.seconds)
        if trouble.lost:
            self.close_connection = True
            return
        self._answer(trouble.status, answer)

    def _answer(self, status: int, answer: Mapping[str, Any]) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json;charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Nothing: the request's line holds a phone."""


@contextmanager
def serving(stand_in: StandIn, port: int = 0) -> Iterator[str]:
    """Serve until the end of the block, on a free port unless one is named; its address."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def push(url: str, receipts: Sequence[Mapping[str, Any]]) -> int:
    """Post receipts as the provider does; the answer's status. Raises OSError without one."""
    request = urllib.request.Request(  # noqa: S310 - the operator's own address
        url, json.dumps(receipts).encode(), {"content-type": "application/json;charset=utf-8"}
    )
    with urllib.request.urlopen(request, timeout=_PUSH_SECONDS) as answer:  # noqa: S310
        return int(answer.status)


# As a command -------------------------------------------------------------------------------


def main() -> None:
    """Serve until Ctrl-C, with troubles by chance, and push receipts."""
    given = _arguments()
    stand_in = StandIn(chance=lambda: _by_chance(given))
    with serving(stand_in, given.port) as address:
        print(f"SMS stand-in: {address}   key {KEY_ID}, secret: {KEY_SECRET}")
        try:
            _report_forever(stand_in, given)
        except KeyboardInterrupt:
            print(f"{len(stand_in.accepted)} messages taken.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A stand-in for the SMS provider.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--receipts", help="where delivery receipts are posted")
    parser.add_argument("--late", type=float, default=2, help="seconds until they are")
    for trouble in ("slow", "fail", "throttle", "lose", "undelivered", "twice"):
        parser.add_argument(f"--{trouble}", type=float, default=0, help="a share, 0 to 1")
    return parser.parse_args()


def _by_chance(given: argparse.Namespace) -> Trouble:
    shares = {
        THROTTLED: given.throttle,
        FAILING: given.fail,
        ANSWER_LOST: given.lose,
        Trouble(seconds=8): given.slow,
    }
    chance = random.random()
    for trouble, share in shares.items():
        chance -= share
        if chance < 0:
            return trouble
    return Trouble()


def _report_forever(stand_in: StandIn, given: argparse.Namespace) -> None:
    reported = 0
    while True:
        time.sleep(given.late)
        new = stand_in.accepted[reported:]
        reported += len(new)
        if new and given.receipts:
            _report(stand_in, new, given)


def _report(stand_in: StandIn, new: Sequence[Accepted], given: argparse.Namespace) -> None:
    """One batch, in no order, some of it twice."""
    receipts = [
        stand_in.receipt(message, "UNDELIV" if random.random() < given.undelivered else "")
        for message in new
    ]
    receipts += [receipt for receipt in receipts if random.random() < given.twice]
    random.shuffle(receipts)
    try:
        push(given.receipts, receipts)
    except OSError as error:
        print(f"receipts were not taken: {error}")


if __name__ == "__main__":
    main()
