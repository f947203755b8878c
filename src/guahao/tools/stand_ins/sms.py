"""A stand-in for the SMS provider that speaks its protocol over HTTP and sends nothing.

For tests, and for trying the aliyun gateway without an account:

    python -m guahao.tools.stand_ins.sms --port 8090 --receipts http://127.0.0.1:8000/...

SendSms and QuerySendDetails, signed as the provider's SDK signs (ACS3-HMAC-SHA256), with the
provider's troubles on demand; delivery receipts late, twice and out of order.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from guahao.clock import Clock, city_clock
from guahao.tools.stand_ins.aliyun import (
    ANSWER_LOST,
    FAILING,
    KEY_ID,
    KEY_SECRET,
    THROTTLED,
    AliyunStandIn,
    Trouble,
    accepted,
    refusal,
    serving,
)

LONGEST_VARIABLE = 35

_WAITING, _FAILED, _DELIVERED = 1, 2, 3
_PUSH_SECONDS = 10


LIMITED = Trouble("isv.BUSINESS_LIMIT_CONTROL")


@dataclass(slots=True)
class Accepted:
    """An accepted message."""

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
class StandIn(AliyunStandIn):
    """The provider's state."""

    clock: Clock = field(default_factory=city_clock)
    accepted: list[Accepted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def answer(self, action: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Carry out an action of the API."""
        if action == "SendSms":
            return self._send(query)
        if action == "QuerySendDetails":
            return self._details(query)
        return refusal("InvalidAction.NotFound")

    def _send(self, query: Mapping[str, str]) -> dict[str, Any]:
        phone = query.get("PhoneNumbers", "")
        variables = json.loads(query.get("TemplateParam") or "{}")
        if not (phone.isdigit() and len(phone) == len("13800000000") and phone[0] == "1"):
            return refusal("isv.MOBILE_NUMBER_ILLEGAL")
        if any(len(value) > LONGEST_VARIABLE for value in variables.values()):
            return refusal("isv.PARAM_LENGTH_LIMIT")
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
        return accepted(BizId=message.biz_id)

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
        return accepted(TotalCount=str(len(found)), SmsSendDetailDTOs={"SmsSendDetailDTO": shown})

    def receipt(self, message: Accepted, error: str = "") -> dict[str, Any]:
        """Return the receipt of a delivered message, or of a message that failed with `error`."""
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


# Receipts over HTTP -------------------------------------------------------------------------


def push(url: str, receipts: Sequence[Mapping[str, Any]]) -> int:
    """Post receipts as the provider does; return the status, or raise OSError without an answer."""
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
    """Push a batch in random order, with some receipts twice."""
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
