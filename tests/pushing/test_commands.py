"""`guahao hospital-webhook`: an operator sets, rotates, stops, lists and sends again."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.city import Clock, ask, open_platform
from tests.crowd import add_clinic, booked
from tests.hospital_log import hospital_of
from tests.pushing.city import Hospital, crowd, push_all, pusher, stand_in

from guahao import cli
from guahao.flows.kernel.platform import Platform
from guahao.rules.integration.pushing import GIVE_UP_AFTER
from guahao.tools.stand_ins.hospital import Behaviour
from guahao.tools.webhook_verifier import Verifier

Operate = Callable[..., "asyncio.Future[tuple[int, str]]"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
def operate(
    database_url: str,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Operate:
    """Run a command of the operator's: its exit status, and what it said."""
    monkeypatch.setenv("GUAHAO_DATABASE_URL", database_url)
    monkeypatch.setenv("GUAHAO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GUAHAO_SECRET_KEY", "a secret key of the tests, long enough")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("GUAHAO_CLOCK_START", clock().replace(tzinfo=None).isoformat())
        monkeypatch.setattr(sys, "argv", ["guahao", "hospital-webhook", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((said.out + said.err).split())

    return lambda *arguments: asyncio.ensure_future(asyncio.to_thread(run, *arguments))


@pytest.fixture
async def hospital_id(platform: Platform) -> int:
    """A hospital, C0, that is told nothing yet."""
    [session] = await add_clinic(platform)
    return await hospital_of(platform, session)


def secret_of(said: str) -> str:
    [secret] = re.findall(r"secret (whsec_\S+)", said)
    return str(secret)


async def book_one(platform: Platform) -> int:
    """Somebody books; the appointment's id."""
    [person] = await crowd(platform, 1)
    [[session]] = await ask(platform, "SELECT id FROM clinic_sessions")
    return (await booked(platform, person, session)).id


@pytest.mark.usefixtures("hospital_id")
async def test_what_cannot_be_set_is_refused_in_a_sentence_and_nothing_is_kept(
    platform: Platform, operate: Operate
) -> None:
    for arguments, advice in (
        (("set", "C0", "http://his.example.cn/events"), "must begin with https://"),
        (("set", "C0", "nowhere"), "must be like https://"),
        (("set", "C0", "https://his.example.cn/e", "--kind", "born"), "the kinds are booked"),
        (("set", "C9", "https://his.example.cn/e"), "C9"),
        (("rotate", "C0"), "no webhook"),
        (("on", "C0"), "set one first"),
        (("off", "C0"), "set one first"),
    ):
        status, said = await operate(*arguments)
        assert (status, advice in said) == (2, True), said
    assert await ask(platform, "SELECT FROM hospital_webhooks") == []


async def test_an_operator_sets_rotates_and_stops_a_webhook(
    platform: Platform, clock: Clock, hospital_id: int, operate: Operate
) -> None:
    with stand_in(clock) as (system, url):
        status, said = await operate("set", "C0", url)
        assert status == 0
        first = secret_of(said)
        system.verifier = Verifier([first])
        assert await operate("set", "C0", url) == (0, "C0: set; its secret stays.")
        second = secret_of((await operate("rotate", "C0"))[1])
        assert second != first

        told = await book_one(platform)
        await push_all(pusher(platform))
        assert system.statuses() == {told: "booked"}  # the secret before still signs
        system.verifier = Verifier([second])

        assert await operate("off", "C0") == (0, "C0: off")
        kept = await book_one(platform)
        await push_all(pusher(platform))
        assert kept not in system.book
        assert await operate("on", "C0") == (0, "C0: on")
        await push_all(pusher(platform))
        assert system.statuses() == {told: "booked", kept: "booked"}
        assert system.refused == []

        clock.forward(hours=25)
        system.verifier = Verifier([first])
        await book_one(platform)
        await pusher(platform).push(hospital_id)
        assert system.refused == ["signature"]  # a day after rotation it signs no more


async def test_an_operator_sees_dead_letters_and_sends_them_again(
    platform: Platform, clock: Clock, hospital_id: int, operate: Operate
) -> None:
    with stand_in(clock) as (system, url):
        system.verifier = Verifier([secret_of((await operate("set", "C0", url))[1])])
        hospital = Hospital(platform, hospital_id, [], system)
        system.behave(Behaviour(down=True))
        lost = await book_one(platform)
        await push_all(pusher(platform))
        clock.now += GIVE_UP_AFTER + timedelta(minutes=1)
        await push_all(pusher(platform))
        assert await hospital.deliveries() == [("booked", True)]
        listed = (await operate("list"))[1]
        assert f"C0 {url} on; 0 delivered, 0 waiting, 1 dead" in listed

        system.behave(Behaviour())
        assert await operate("resend", "C0") == (0, "1 events are on their way again.")
        clock.forward(minutes=1)  # the command's own clock goes on while it runs
        await push_all(pusher(platform))
        assert system.statuses() == {lost: "booked"}
        assert await operate("resend", "C0") == (0, "0 events are on their way again.")
        assert "1 delivered, 0 waiting, 0 dead" in (await operate("list"))[1]
