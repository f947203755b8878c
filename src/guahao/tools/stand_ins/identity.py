"""A stand-in for the real-name verifier that speaks its protocol and knows the given persons.

For tests, and for trying the aliyun verifier without an account:

    python -m guahao.tools.stand_ins.identity --port 8091 --person 张三:110101199003070011

Id2MetaVerify: BizCode 1 where name and number belong together, 2 where the number is another
person's, 3 where the number is in no record.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guahao.tools.stand_ins.aliyun import KEY_ID, KEY_SECRET, AliyunStandIn, refusal, serving

ACTION = "Id2MetaVerify"
MATCHES, DIFFERS, NO_RECORD = "1", "2", "3"


@dataclass
class IdentityStandIn(AliyunStandIn):
    """The authority's records: `people` maps each number to its name."""

    people: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, action: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Compare the name and the number with the records."""
        if action != ACTION:
            return refusal("InvalidAction.NotFound")
        name, number = query.get("UserName", ""), query.get("IdentifyNum", "")
        if not name or not number or query.get("ParamType") != "normal":
            return refusal("400")
        if any(character.isdigit() for character in name):
            return refusal("401")
        self.asked.append((name, number))
        known = self.people.get(number)
        biz_code = NO_RECORD if known is None else MATCHES if known == name else DIFFERS
        return {
            "Code": "200",
            "Message": "success",
            "RequestId": "stand-in",
            "ResultObject": {"BizCode": biz_code},
        }


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A stand-in for the real-name verifier.")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument(
        "--person", action="append", default=[], metavar="NAME:NUMBER", help="known to it"
    )
    given = parser.parse_args()
    people = {number: name for name, _, number in (p.partition(":") for p in given.person)}
    with serving(IdentityStandIn(people=people), given.port) as address:
        print(f"Identity stand-in: {address}   key {KEY_ID}, secret: {KEY_SECRET}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("Stopped.")


if __name__ == "__main__":
    main()
