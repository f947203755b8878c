"""How long a list, a name and a secret of a hospital's system may be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from guahao.rules.integration import clients, reconciling
from guahao.rules.integration.clients import thumbprint


def test_the_bounds_of_what_a_hospital_s_system_sends() -> None:
    assert reconciling.DAYS_MAX == 31
    assert timedelta(hours=24) == reconciling.LIST_AGE_MAX
    assert reconciling.NOTE_MAX == 200
    assert clients.NAME_LENGTH_MAX == 80
    assert clients.OVERLAP_HOURS_MAX == 720


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("ab" * 32, "ab" * 32),
        (" " + ":".join(["AB"] * 32) + "\n", "ab" * 32),
        ("ab" * 31, None),
        ("xy" * 32, None),
        ("", None),
    ],
)
def test_a_thumbprint_is_64_hex_digits_however_they_are_written(
    text: str, digits: str | None
) -> None:
    assert thumbprint(text) == digits
