"""The keeper's machine: a folder for the chains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.operators.workplace import Workplace


@contextmanager
def prepare(workplace: Workplace) -> Iterator[None]:
    """Name the folder for the chains."""
    chains = workplace.folder / "chains"
    chains.mkdir()
    workplace.environ["CHAINS"] = str(chains)
    yield
