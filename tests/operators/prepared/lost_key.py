"""A city with a backup and a process that runs; $PID, $FOUND and $WRONG."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.operators.workplace import Workplace


@contextmanager
def prepare(workplace: Workplace) -> Iterator[None]:
    """Take a backup; run a process with the key in its environment."""
    workplace.environ["GUAHAO_BACKUP_DIR"] = str(workplace.folder / "archive")
    workplace.guahao("backup", "take")
    key = (Path(workplace.environ["GUAHAO_DATA_DIR"]) / "secret-key").read_text()
    running = {**workplace.environ, "GUAHAO_SECRET_KEY": key}
    process = subprocess.Popen(["sleep", "600"], env=running)
    try:
        workplace.environ |= {
            "PID": str(process.pid),
            "FOUND": key,
            "WRONG": "a key that is not the city's own",
        }
        yield
    finally:
        process.kill()
        process.wait()
