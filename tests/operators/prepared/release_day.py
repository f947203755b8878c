"""A city with a backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.operators.workplace import Workplace


@contextmanager
def prepare(workplace: Workplace) -> Iterator[None]:
    """Take a backup."""
    workplace.environ["GUAHAO_BACKUP_DIR"] = str(workplace.folder / "archive")
    workplace.guahao("backup", "take")
    yield
