"""The real-name verifier's own SDK over HTTP, against a stand-in with the provider's troubles."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator

import pytest
from tests.city import resident_id

from guahao.identity_check import aliyun
from guahao.identity_check.aliyun import AliyunVerifier, IdentityAccess
from guahao.identity_check.circuit import FAULTS_TO_OPEN, OPEN_SECONDS, Circuit
from guahao.identity_check.gateway import Verdict
from guahao.rules.people.identity import ID_TYPES, RESIDENT_ID, Document
from guahao.tools.stand_ins.aliyun import (
    ANSWER_LOST,
    CALL_LOST,
    FAILING,
    KEY_ID,
    KEY_SECRET,
    THROTTLED,
    Trouble,
    serving,
)
from guahao.tools.stand_ins.identity import ACTION, IdentityStandIn

ZHANG = Document(RESIDENT_ID, resident_id(1))
STRANGER = Document(RESIDENT_ID, resident_id(2))
NAME = "阿卜杜拉·买买提"


@pytest.fixture
def stand_in() -> IdentityStandIn:
    return IdentityStandIn(people={ZHANG.number: NAME})


@pytest.fixture
def endpoint(stand_in: IdentityStandIn) -> Iterator[str]:
    with serving(stand_in) as address:
        yield address


class Seconds:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def verifier(endpoint: str, seconds: Seconds, monkeypatch: pytest.MonkeyPatch) -> AliyunVerifier:
    monkeypatch.setattr(aliyun, "_RETRY_WAIT_SECONDS", 0)
    return AliyunVerifier(IdentityAccess(endpoint, KEY_ID, KEY_SECRET), Circuit(seconds))


async def test_the_authority_says_yes_or_no_and_nothing_else_is_either(
    verifier: AliyunVerifier, stand_in: IdentityStandIn
) -> None:
    assert verifier.name == "aliyun"
    assert await verifier.check(NAME, ZHANG) is Verdict.MATCH
    assert await verifier.check("张三", ZHANG) is Verdict.MISMATCH
    assert await verifier.check(NAME, STRANGER) is Verdict.UNKNOWN  # in no record
    assert stand_in.asked == [(NAME, ZHANG.number), ("张三", ZHANG.number), (NAME, STRANGER.number)]


async def test_only_resident_ids_are_asked_about(
    verifier: AliyunVerifier, stand_in: IdentityStandIn
) -> None:
    for id_type in set(ID_TYPES) - {RESIDENT_ID}:
        assert await verifier.check(NAME, Document(id_type, ZHANG.number)) is Verdict.UNKNOWN
    assert stand_in.calls == []


@pytest.mark.parametrize(
    "trouble",
    [THROTTLED, FAILING, CALL_LOST, ANSWER_LOST, Trouble("500"), Trouble("402", 402)],
    ids=str,
)
async def test_a_passing_fault_is_asked_again_and_a_lasting_fault_is_unknown(
    verifier: AliyunVerifier, stand_in: IdentityStandIn, trouble: Trouble
) -> None:
    stand_in.trouble(ACTION, trouble)
    assert await verifier.check(NAME, ZHANG) is Verdict.MATCH
    stand_in.trouble(ACTION, trouble, trouble)
    assert await verifier.check(NAME, ZHANG) is Verdict.UNKNOWN
    assert len(stand_in.calls) == 4


@pytest.mark.parametrize("code", ["410", "411", "412"])
async def test_an_account_without_permission_or_money_is_not_asked_twice(
    verifier: AliyunVerifier, stand_in: IdentityStandIn, code: str
) -> None:
    stand_in.trouble(ACTION, Trouble(code, int(code)))
    assert await verifier.check(NAME, ZHANG) is Verdict.UNKNOWN
    assert len(stand_in.calls) == 1


async def test_a_wrong_secret_or_a_port_without_listener_is_unknown(
    endpoint: str, stand_in: IdentityStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliyun, "_RETRY_WAIT_SECONDS", 0)
    wrong = AliyunVerifier(IdentityAccess(endpoint, KEY_ID, "a wrong secret"))
    assert await wrong.check(NAME, ZHANG) is Verdict.UNKNOWN
    assert stand_in.asked == []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    gone = AliyunVerifier(IdentityAccess(address, KEY_ID, KEY_SECRET))
    assert await gone.check(NAME, ZHANG) is Verdict.UNKNOWN


async def test_nobody_waits_longer_than_the_patience(
    verifier: AliyunVerifier, stand_in: IdentityStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliyun, "PATIENCE_SECONDS", 0.1)
    stand_in.trouble(ACTION, Trouble(seconds=0.5))
    assert await verifier.check(NAME, ZHANG) is Verdict.UNKNOWN


async def test_a_dead_provider_is_left_alone_until_a_probe_finds_it_back(
    verifier: AliyunVerifier, stand_in: IdentityStandIn, seconds: Seconds
) -> None:
    stand_in.chance = lambda: FAILING
    for _ in range(FAULTS_TO_OPEN):
        assert await verifier.check(NAME, ZHANG) is Verdict.UNKNOWN
    asked = len(stand_in.calls)
    for _ in range(20):
        assert await verifier.check(NAME, ZHANG) is Verdict.UNKNOWN
    assert len(stand_in.calls) == asked

    seconds.now += OPEN_SECONDS  # the probe fails: another pause
    verdicts = await asyncio.gather(*(verifier.check(NAME, ZHANG) for _ in range(5)))
    assert set(verdicts) == {Verdict.UNKNOWN}
    assert len(stand_in.calls) == asked + 2  # of the probe alone, tried twice

    stand_in.chance = Trouble
    assert await verifier.check(NAME, ZHANG) is Verdict.UNKNOWN
    seconds.now += OPEN_SECONDS
    assert await verifier.check(NAME, ZHANG) is Verdict.MATCH
    assert await verifier.check(NAME, ZHANG) is Verdict.MATCH


@pytest.mark.parametrize("code", ["400", "401", "403"])
async def test_a_stranger_cannot_open_the_circuit_with_questions_the_provider_refuses(
    verifier: AliyunVerifier, stand_in: IdentityStandIn, code: str
) -> None:
    stand_in.trouble(ACTION, *[Trouble(code, int(code))] * (FAULTS_TO_OPEN + 1))
    for _ in range(FAULTS_TO_OPEN + 1):
        assert await verifier.check(NAME, STRANGER) is Verdict.UNKNOWN
    assert await verifier.check(NAME, ZHANG) is Verdict.MATCH


async def test_checks_beyond_the_queue_are_not_waited_for(
    verifier: AliyunVerifier, stand_in: IdentityStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliyun, "_CHECKS_WAITING", 3)
    stand_in.chance = lambda: Trouble(seconds=0.1)
    verdicts = await asyncio.gather(*(verifier.check(NAME, ZHANG) for _ in range(10)))
    assert verdicts.count(Verdict.MATCH) == 3
    assert verdicts.count(Verdict.UNKNOWN) == 7


async def test_neither_names_nor_numbers_are_logged(
    verifier: AliyunVerifier,
    stand_in: IdentityStandIn,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG)
    for trouble in (Trouble(), FAILING, CALL_LOST, Trouble("401", 401), Trouble("403")):
        stand_in.trouble(ACTION, trouble, trouble)
        await verifier.check(NAME, ZHANG)
    logged = caplog.text + "".join(capfd.readouterr())
    assert "identity_check_failed" in logged
    assert ZHANG.number not in logged
    assert NAME not in logged
