"""Which verifier the platform asks, what it may cost, and what the demo's says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.city import Clock, open_platform, resident_id

from guahao.flows.kernel.platform import Platform
from guahao.identity_check.budget import BudgetedVerifier
from guahao.identity_check.demo import MISMATCHING_NUMBER, UNANSWERED_NUMBER, DemoVerifier
from guahao.identity_check.gateway import NoVerifier, Verdict
from guahao.rules.people.identity import RESIDENT_ID, Document, valid_document
from guahao.settings import Settings
from guahao.tools.stand_ins.aliyun import KEY_ID, KEY_SECRET, serving
from guahao.tools.stand_ins.identity import IdentityStandIn
from guahao.wiring import build_platform

ZHANG = Document(RESIDENT_ID, resident_id(1))


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as platform:
        yield platform


@pytest.fixture
def stand_in() -> IdentityStandIn:
    return IdentityStandIn(people={ZHANG.number: "张三"})


@pytest.fixture
def endpoint(stand_in: IdentityStandIn) -> Iterator[str]:
    with serving(stand_in) as address:
        yield address


@pytest.mark.parametrize(
    ("settings", "verifier"),
    [
        (Settings(), DemoVerifier),
        (Settings(identity_verifier="demo"), DemoVerifier),
        (Settings(identity_verifier="none"), NoVerifier),
        (Settings(identity_verifier="aliyun"), BudgetedVerifier),
    ],
)
def test_a_setting_chooses_the_verifier(settings: Settings, verifier: type) -> None:
    platform = build_platform(settings, "postgresql://nobody@localhost/none", connections=1)
    assert isinstance(platform.verifier, verifier)


async def test_the_chosen_provider_is_asked_at_the_endpoint_of_the_settings(
    database_url: str, stand_in: IdentityStandIn, endpoint: str
) -> None:
    settings = Settings(
        secret_key="a secret key of the tests, long enough",
        identity_verifier="aliyun",
        identity_aliyun_endpoint=endpoint,
        identity_aliyun_access_key_id=KEY_ID,
        identity_aliyun_access_key_secret=KEY_SECRET,
        identity_checks_per_day=2,
    )
    platform = build_platform(settings, database_url, connections=2)
    await platform.db.open()
    try:
        verdicts = [await platform.verifier.check("张三", ZHANG) for _ in range(4)]
    finally:
        await platform.db.close()
    assert verdicts == [Verdict.MATCH, Verdict.MATCH, Verdict.UNKNOWN, Verdict.UNKNOWN]
    assert len(stand_in.asked) == 2


async def test_the_budget_is_one_for_all_processes_and_begins_anew_at_midnight(
    database_url: str,
) -> None:
    clock = Clock()
    async with open_platform(database_url, clock) as one, open_platform(database_url, clock) as two:
        here = BudgetedVerifier(DemoVerifier(), one.db, per_day=3)
        there = BudgetedVerifier(DemoVerifier(), two.db, per_day=3)
        for verifier in (here, there, here):
            assert await verifier.check("张三", ZHANG) is Verdict.MATCH
        assert await there.check("张三", ZHANG) is Verdict.UNKNOWN
        clock.now = clock.now.replace(hour=23, minute=59)
        assert await here.check("张三", ZHANG) is Verdict.UNKNOWN
        clock.forward(minutes=1)
        assert await here.check("张三", ZHANG) is Verdict.MATCH


async def test_a_document_the_provider_does_not_know_costs_nothing(platform: Platform) -> None:
    verifier = BudgetedVerifier(DemoVerifier(), platform.db, per_day=1)
    for _ in range(3):
        assert await verifier.check("SMITH", Document("03", "E12345678")) is Verdict.UNKNOWN
    assert await verifier.check("张三", ZHANG) is Verdict.MATCH
    assert verifier.name == "demo"


async def test_the_demo_confirms_invented_persons_and_has_a_number_for_each_other_verdict() -> None:
    verifier = DemoVerifier()
    assert await verifier.check("张三", ZHANG) is Verdict.MATCH
    assert await verifier.check("张三", Document("03", "E12345678")) is Verdict.UNKNOWN
    today = Clock()().date()
    for number, verdict in (
        (MISMATCHING_NUMBER, Verdict.MISMATCH),
        (UNANSWERED_NUMBER, Verdict.UNKNOWN),
    ):
        document = valid_document(RESIDENT_ID, number, today)
        assert document is not None
        assert await verifier.check("张三", document) is verdict


async def test_without_a_verifier_everybody_is_unknown() -> None:
    assert await NoVerifier().check("张三", ZHANG) is Verdict.UNKNOWN
