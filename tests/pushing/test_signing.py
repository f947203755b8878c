"""The signature of a webhook, checked by the verifier that vendors are given."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.city import MONDAY_MORNING

from guahao.pushing.signing import signed_headers
from guahao.tools import webhook_verifier
from guahao.tools.webhook_verifier import TOLERANCE_SECONDS, Verifier

SECRET = "whsec_of_the_tests"
OTHER = "whsec_of_another_hospital"
BODY = b'{"event_id":7,"kind":"booked"}'
NOW = MONDAY_MORNING.timestamp()
GUIDE = Path(__file__).parents[2] / "docs" / "WEBHOOKS.md"


def sent(*secrets: str, body: bytes = BODY, late: float = 0) -> dict[str, str]:
    """The headers as a server hands them over."""
    made = signed_headers(secrets or (SECRET,), 7, body, MONDAY_MORNING - timedelta(seconds=late))
    return {name.lower(): value for name, value in made.items()}


def test_what_guahao_signed_is_taken_once() -> None:
    verifier, headers = Verifier([SECRET]), sent()
    assert verifier.refusal(headers, BODY, NOW) == ""
    assert verifier.refusal(headers, BODY, NOW + 1) == "nonce"
    assert verifier.refusal(sent(), BODY, NOW) == ""  # the same event again, signed anew


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (sent(OTHER), BODY),
        (sent(), BODY + b" "),
        (sent() | {"guahao-timestamp": str(int(NOW) + 1)}, BODY),
        (sent() | {"guahao-nonce": "0" * 32}, BODY),
        (sent() | {"guahao-signature": "v1="}, BODY),
        (sent() | {"guahao-signature": "签名"}, BODY),
        (sent() | {"guahao-signature": sent()["guahao-signature"].removeprefix("v1=")}, BODY),
        ({}, BODY),
    ],
)
def test_what_somebody_else_signed_or_changed_is_refused(
    headers: dict[str, str], body: bytes
) -> None:
    assert Verifier([SECRET]).refusal(headers, body, NOW) == "signature"


@pytest.mark.parametrize(("late", "refused"), [(0, ""), (300, ""), (301, "timestamp")])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_old_or_from_the_future_is_refused(late: int, refused: str, sign: int) -> None:
    assert Verifier([SECRET]).refusal(sent(late=late * sign), BODY, NOW) == refused


def test_a_nonce_is_remembered_for_as_long_as_its_timestamp_is_taken() -> None:
    verifier, early = Verifier([SECRET]), sent(late=-TOLERANCE_SECONDS)
    assert verifier.refusal(early, BODY, NOW) == ""
    assert verifier.refusal(early, BODY, NOW + 2 * TOLERANCE_SECONDS - 1) == "nonce"
    assert verifier.refusal(early, BODY, NOW + 2 * TOLERANCE_SECONDS + 1) == "timestamp"


def test_while_a_secret_is_replaced_either_serves() -> None:
    for known in ([SECRET], [OTHER], [OTHER, SECRET]):
        assert Verifier(known).refusal(sent(SECRET, OTHER), BODY, NOW) == ""


def test_the_guide_shows_the_very_verifier_that_is_tested() -> None:
    code = Path(webhook_verifier.__file__).read_text(encoding="utf-8")
    assert f"```python\n{code}```" in GUIDE.read_text(encoding="utf-8")
