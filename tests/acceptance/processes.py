"""The platform as an operator runs it: real processes, killed for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from tests.acceptance.ports import free_port
from tests.conftest import SOURCES

SECRET_KEY = "the acceptance tests' own secret key"
START_SECONDS = 90


def environment(database_url: str, folder: Path, **settings: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": SOURCES,
        "GUAHAO_DATABASE_URL": database_url,
        "GUAHAO_DATA_DIR": str(folder),
        "GUAHAO_SECRET_KEY": SECRET_KEY,
        **settings,
    }


def guahao(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the operator's to its end."""
    return subprocess.run(
        [sys.executable, "-m", "guahao", *command],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class Web:
    """A web process on 127.0.0.1."""

    def __init__(self, env: dict[str, str]) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._env = {**env, "GUAHAO_PORT": str(self.port)}
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "guahao", "serve"], env=self._env, stdout=subprocess.DEVNULL
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.base}/health/ready", timeout=2).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("the web process did not become ready")

    def kill(self) -> None:
        """kill -9: the process that answers and the one that watches over it."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        for member in family:
            member.send_signal(signal.SIGKILL)
        self.process.wait(START_SECONDS)

    def stop(self) -> int:
        """SIGTERM, as an operator ends it."""
        self.process.terminate()
        return self.process.wait(START_SECONDS)

    def start_again(self) -> None:
        """Start another process on the same port, as systemd does after an end."""
        self.process = self._started()
        self.wait_until_ready()

    def restart(self) -> int:
        """SIGTERM, then the new release: what `guahao-roll` does to a unit of systemd."""
        ended = self.stop()
        self.start_again()
        return ended


@contextmanager
def web_processes(env: dict[str, str], count: int) -> Iterator[list[Web]]:
    started = [Web(env) for _ in range(count)]
    try:
        for web in started:
            web.wait_until_ready()
        yield started
    finally:
        for web in started:
            if web.process.poll() is None:
                web.kill()
