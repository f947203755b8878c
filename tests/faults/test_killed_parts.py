"""Parts of `guahao up` are killed, and itself: what remains goes on, and the next start works."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.acceptance.ports import free_port
from tests.conftest import SOURCES

from guahao.embedded import EmbeddedServer

PATIENCE_SECONDS = 120


def until(holds: Callable[[], bool], what: str) -> None:
    last = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < last:
        try:
            if holds():
                return
        except (httpx.TransportError, psutil.NoSuchProcess):
            pass
        time.sleep(0.1)
    raise AssertionError(what)


class Everything:
    """`guahao up` over a small city on its own embedded server."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.port = free_port()
        self.server = EmbeddedServer(folder / "postgres")
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": SOURCES,
            "GUAHAO_DATA_DIR": str(folder),
            "GUAHAO_PORT": str(self.port),
        }
        city = ["demo", "seed", "--hospitals", "1", "--days", "3", "--patients", "5"]
        self._run(*city).wait()
        self.up = self._run("up")

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "guahao", *command], env=self.environ, stdout=log, stderr=log
            )

    def start_again(self) -> None:
        self.up = self._run("up")

    def is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/health/ready"
        return httpx.get(url, timeout=5).status_code == 200

    def wait(self) -> None:
        until(self.is_ready, self.log.read_text())
        until(lambda: len(self.parts()) == 2, "not two parts")

    def parts(self) -> dict[str, psutil.Process]:
        children = psutil.Process(self.up.pid).children()
        found: dict[str, psutil.Process] = {}
        for child in children:
            words = child.cmdline()
            for name in ("serve", "worker"):
                if name in words:
                    found[name] = child
        return found


@pytest.fixture(scope="module")
def everything() -> Iterator[Everything]:
    # Not pytest's folder: the server's user needs to pass through the parents.
    folder = Path(tempfile.mkdtemp(prefix="guahao-up-"))
    started = Everything(folder)
    try:
        yield started
    finally:
        started.up.terminate()
        started.up.wait(PATIENCE_SECONDS)
        started.server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def up(everything: Everything) -> Everything:
    if everything.up.poll() is not None:
        everything.start_again()
    everything.wait()
    return everything


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_a_part_that_is_killed_starts_again_and_the_other_stays(up: Everything, name: str) -> None:
    before = up.parts()
    children = before[name].children(recursive=True)
    before[name].send_signal(signal.SIGKILL)
    until(lambda: name in up.parts() and up.parts()[name] != before[name], "not started again")
    up.wait()
    after = up.parts()
    [other] = {"serve", "worker"} - {name}
    assert after[other] == before[other]
    psutil.wait_procs(children, PATIENCE_SECONDS)
    assert not [child for child in children if child.is_running()]
    assert f"The part `{name}` was killed by signal 9; it starts again in" in up.log.read_text()


def test_a_killed_postmaster_is_started_again_under_parts_that_stay(up: Everything) -> None:
    before, postmaster = up.parts(), up.server.pid()
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    until(lambda: up.server.pid() not in (None, postmaster), "no new postmaster")
    up.wait()
    assert up.parts() == before


def test_nothing_outlives_a_killed_up_and_the_next_start_works(up: Everything) -> None:
    # Not the database's server, which stays and is adopted: it may have been started just now.
    family = [
        process
        for part in up.parts().values()
        for process in (part, *part.children(recursive=True))
    ]
    up.up.kill()
    up.up.wait()
    up.start_again()  # at once: it waits for those that still end
    _, alive = psutil.wait_procs(family, PATIENCE_SECONDS)
    assert not alive
    up.wait()
    assert up.server.is_running()
    up.up.terminate()
    assert up.up.wait(PATIENCE_SECONDS) == 0
    assert not up.server.is_running()  # it was adopted, and stopped with the rest
