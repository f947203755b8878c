"""Draws wait for a round of drand, over real HTTP, and believe only what its network signed."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.city import MONDAY_MORNING, Clock, ask, open_platform
from tests.flows.fairness.fair_city import add_applicants, add_clinic, hold_until, only_draw
from tests.rules.reading import check
from tests.tools.relay import beacon_with, info, relaying, signed, with_relays
from typer.testing import CliRunner

from guahao.cli import app
from guahao.flows.fairness import beacons, draws
from guahao.flows.fairness.drawn import draw as drawn_draw
from guahao.flows.fairness.drawn import log, proof_file
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.beacon import Beacon, Drand, value_of
from guahao.rules.fairness.log import differences, read
from guahao.rules.fairness.proof import Level, Source
from guahao.settings import read_settings
from guahao.tools import draw_verifier
from guahao.tools.audit import fairness
from guahao.tools.audit.audit import Finding, audit
from guahao.tools.audit.fairness import unproven_draws

TEN = MONDAY_MORNING + timedelta(hours=1)
GENESIS = TEN - timedelta(days=1)
AT_TEN = 24 * 60 * 60 // 3 + 1  # the round of ten o'clock


@pytest.fixture
def key() -> int:
    """A key of its own for each test, so that no chain is known from the test before."""
    return random.randrange(1, 2**250)


@pytest.fixture
def beacon(key: int) -> Beacon:
    return beacon_with(key, GENESIS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def prepared(platform: Platform, clock: Clock, closed_before: int = 6) -> int:
    """A closed draw for one place, of three people."""
    await add_applicants(platform, await add_clinic(platform, 1, TEN), range(1, 4))
    await hold_until(platform, clock, TEN - timedelta(minutes=closed_before))
    return await only_draw(platform)


async def at(platform: Platform, clock: Clock, minutes: int) -> str:
    """The state of the draw once the job has run so many minutes after its time."""
    clock.now = TEN + timedelta(minutes=minutes)
    await draws.hold_draws(platform)
    [[state]] = await ask(platform, "SELECT state FROM draws")
    return str(state)


async def source_of(platform: Platform, draw_id: int) -> Source:
    """The draw's only source, as both verifiers read it in the file and the log publishes it."""
    file = await proof_file(platform, draw_id)
    published = await log(platform)
    assert file is not None
    assert published is not None
    own = draw_verifier.verify(io.BytesIO(file.encode()))
    draw_verifier.check_log(published.encode(), own)
    proven = check(file.encode())
    assert differences(read(published.encode()), proven) is None
    async with platform.db.transaction() as tx:
        assert [proof async for proof in unproven_draws(tx)] == [(draw_id, True)]
    [source] = proven.sources
    return source


async def signatures_audited(platform: Platform) -> Finding:
    [found] = [f for f in (await audit(platform)).findings if f.name == "beacons_signed"]
    return found


async def test_the_round_of_the_draw_itself_decides(
    platform: Platform, clock: Clock, beacon: Beacon, key: int, tmp_path: Path
) -> None:
    with relaying(beacon, key, clock) as relay:
        # A relay that is down keeps nobody waiting while another answers.
        city = with_relays(platform, beacon, "http://127.0.0.1:1", relay.url)
        draw_id = await prepared(city, clock)
        assert await at(city, clock, 0) == "done"
        assert relay.asked == [f"/{beacon.chain.hex()}/public/{AT_TEN}"]
    source = await source_of(city, draw_id)
    signature = signed(key, AT_TEN)
    assert source == Source(beacon.chain, AT_TEN, beacon=beacon, signature=signature)
    view = await drawn_draw(city, draw_id)
    assert view is not None
    assert (view.level, view.witnesses) == (Level.BEACON, ["drand city"])
    assert view.draw.source_values == [value_of(signature)]
    file = tmp_path / "draw.txt"
    file.write_text(await proof_file(city, draw_id) or "", encoding="ascii")
    told = CliRunner().invoke(app, ["fairness", "verify", str(file)])
    assert (told.exit_code, "Level: beacon." in told.output) == (0, True), told.output
    assert "Not checked: that drand signed" not in told.output
    assert f"Not checked: that chain {beacon.chain.hex()} is drand's" in told.output


async def test_a_relay_that_shows_what_its_network_did_not_sign_is_not_believed(
    platform: Platform, clock: Clock, beacon: Beacon, key: int
) -> None:
    with relaying(beacon, key + 1, clock) as forger:
        city = with_relays(platform, beacon, forger.url)
        draw_id = await prepared(city, clock)
        assert await at(city, clock, 1) == "closed"
        assert "waits for its sources" in "".join(
            row[0] for row in await ask(city, "SELECT line FROM fairness_log")
        )
        assert await at(city, clock, 31) == "closed"
    with relaying(beacon, key, clock) as relay:
        assert await at(with_relays(city, beacon, relay.url), clock, 32) == "done"
    source = await source_of(city, draw_id)
    assert (source.index, source.later) == (AT_TEN, AT_TEN + 30 * 60 // 3)


async def test_after_two_hours_the_draw_is_held_without_drand_and_says_so(
    platform: Platform, clock: Clock, beacon: Beacon
) -> None:
    city = with_relays(platform, beacon, "http://127.0.0.1:1")
    draw_id = await prepared(city, clock)
    assert await at(city, clock, 119) == "closed"
    assert await at(city, clock, 120) == "done"
    assert (await source_of(city, draw_id)).is_silent
    view = await drawn_draw(city, draw_id)
    assert view is not None
    assert view.level is Level.OPERATOR


async def test_a_draw_that_was_closed_late_uses_a_round_that_nobody_knew(
    platform: Platform, clock: Clock, beacon: Beacon, key: int
) -> None:
    """The control of the rule: with the round that was announced the file would be a lie."""
    with relaying(beacon, key, clock) as relay:
        city = with_relays(platform, beacon, relay.url)
        draw_id = await prepared(city, clock, closed_before=30)
        assert await at(city, clock, 5) == "closed"
        assert await at(city, clock, 6) == "done"
    assert (await source_of(city, draw_id)).later == AT_TEN + 5 * 60 // 3 + 1


async def test_the_settings_are_what_a_relay_says_of_its_chain(
    clock: Clock, beacon: Beacon, key: int
) -> None:
    with relaying(beacon, key, clock) as relay:
        text = {"chain": beacon.chain.hex(), "relays": [relay.url], "info": info(beacon)}
        found = read_settings({"GUAHAO_FAIRNESS_DRAND": json.dumps(text)}).fairness_drand
        assert found == Drand(beacon, (relay.url,))


async def drawn_by_what_nobody_signed(
    platform: Platform, clock: Clock, beacon: Beacon, key: int
) -> int:
    """A draw held by a worker that does not check; what it publishes agrees with itself."""
    beacons._newest[beacon.chain] = AT_TEN, signed(key + 1, AT_TEN)
    draw_id = await prepared(platform, clock)
    assert await at(platform, clock, 0) == "done"
    await source_of(platform, draw_id)
    return draw_id


async def test_the_audit_names_a_draw_whose_value_drand_has_not_signed(
    platform: Platform, clock: Clock, beacon: Beacon, key: int, tmp_path: Path
) -> None:
    city = with_relays(platform, beacon, "http://127.0.0.1:1")
    draw_id = await drawn_by_what_nobody_signed(city, clock, beacon, key)
    result = await audit(city)
    assert {f.name: f.ids for f in result.findings if f.disagreements} == {
        "beacons_signed": [draw_id]
    }
    file = tmp_path / "draw.txt"
    file.write_text(await proof_file(city, draw_id) or "", encoding="ascii")
    told = CliRunner().invoke(app, ["fairness", "verify", str(file)])
    assert (told.exit_code, "NOT TRUE: drand has not signed" in told.output) == (1, True)


async def test_the_audit_finds_the_round_of_a_relay_signed(
    platform: Platform, clock: Clock, beacon: Beacon, key: int
) -> None:
    with relaying(beacon, key, clock) as relay:
        city = with_relays(platform, beacon, relay.url)
        await prepared(city, clock)
        assert await at(city, clock, 0) == "done"
    found = await signatures_audited(city)
    assert (found.examined, found.disagreements, found.note) == (1, 0, "")


async def test_without_the_extra_the_audit_says_what_it_has_not_checked(
    platform: Platform, clock: Clock, beacon: Beacon, key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = with_relays(platform, beacon, "http://127.0.0.1:1")
    await drawn_by_what_nobody_signed(city, clock, beacon, key)
    monkeypatch.setitem(sys.modules, "py_ecc", None)  # as if it were not installed
    found = await signatures_audited(city)
    assert (found.examined, found.disagreements) == (0, 0)
    assert found.note == "not checked: the values of 1 draws; install guahao[drand]"


async def test_the_audit_says_where_it_has_checked_a_sample(
    platform: Platform, clock: Clock, beacon: Beacon, key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = with_relays(platform, beacon, "http://127.0.0.1:1")
    await drawn_by_what_nobody_signed(city, clock, beacon, key)
    monkeypatch.setattr(fairness, "ROUNDS_CHECKED", 0)
    assert (await signatures_audited(city)).note == "a sample: 0 of 1 rounds"
