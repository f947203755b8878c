"""A demo city, made once; every runbook works on a copy of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.operators.workplace import (
    Workplace,
    environment,
    serving_commands,
    temporary_folder,
    workplace_with,
)


@pytest.fixture(scope="session")
def commands() -> Iterator[Path]:
    """A folder for PATH with `guahao`."""
    with serving_commands() as folder:
        yield folder


@pytest.fixture(scope="session")
def city_data(commands: Path) -> Iterator[Path]:
    """The data folder of a small demo city whose server is stopped."""
    with temporary_folder("guahao-city-") as folder:
        made = Workplace(folder, environment(folder, commands))
        made.guahao("demo", "seed", "--hospitals", "1", "--days", "3", "--patients", "5")
        yield folder / "data"


@pytest.fixture
def workplace(city_data: Path, commands: Path) -> Iterator[Workplace]:
    """A workplace of this test alone."""
    with workplace_with(city_data, commands) as made:
        yield made
