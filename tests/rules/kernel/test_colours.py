"""A city's colour: what is one, how much it contrasts, and the tints that are made of it."""

from __future__ import annotations

import pytest

from guahao.rules.kernel.colours import (
    CONTRAST,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    Tints,
    contrast,
    dark_tints,
    is_readable,
    light_tints,
    mixed,
    read_colour,
    readable,
)

TEAL, PALE = "#0b6b61", "#9fd8d0"


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#0b6b61", TEAL),
        (" #0B6B61 ", TEAL),
        ("0b6b61", None),
        ("#0b6b6", None),
        ("#0b6b611", None),
        ("#0b6b6g", None),
        ("teal", None),
        ("", None),
    ],
)
def test_what_is_a_colour(text: str, colour: str | None) -> None:
    assert read_colour(text) == colour


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        # As WCAG defines it: white on black is 21, a colour on itself 1.
        ("#ffffff", "#000000", 21),
        ("#000000", "#ffffff", 21),
        (TEAL, TEAL, 1),
        # Known ratios of the three channels with white.
        ("#ff0000", "#ffffff", 3.998),
        ("#00ff00", "#ffffff", 1.372),
        ("#0000ff", "#ffffff", 8.592),
        ("#767676", "#ffffff", 4.542),
        # Dark channels are not curved.
        ("#0a0a0a", "#000000", 1.06071),
        ("#0b0b0b", "#000000", 1.06693),
    ],
)
def test_contrast_is_that_of_the_guidelines(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.0005)


@pytest.mark.parametrize(
    ("share", "colour"), [(0, "#102030"), (0.5, "#304050"), (0.25, "#203040"), (1, "#506070")]
)
def test_a_share_of_another_colour_is_mixed_in(share: float, colour: str) -> None:
    assert mixed("#102030", "#506070", share) == colour


def test_the_tints_of_both_themes() -> None:
    assert light_tints(TEAL) == Tints(TEAL, "#084b44", "#e2edec", "#ffffff")
    assert dark_tints(TEAL) == Tints("#8ab8b3", "#b9d4d1", "#1b2e28", "#02100f")


def test_the_dark_theme_lightens_a_colour_until_thin_strokes_can_be_read() -> None:
    for colour in ("#000000", TEAL, "#c8102e", PALE):
        tints = dark_tints(colour)
        grounds = (DARK_GROUNDS["surface-2"], tints.brand_tint)
        assert min(contrast(tints.brand, ground) for ground in grounds) >= 6.5
    assert dark_tints("#e8f5f3").brand == "#e8f5f3"  # as light as needed already


def test_a_colour_is_readable_on_every_ground_of_the_light_theme() -> None:
    assert CONTRAST == 4.5
    assert is_readable(TEAL)
    assert not is_readable(PALE)
    # On white alone it would be; the darker grounds decide.
    assert contrast("#767676", LIGHT_GROUNDS["surface"]) >= CONTRAST
    assert not is_readable("#767676")


def test_a_colour_is_darkened_no_more_than_it_needs() -> None:
    assert readable(TEAL) == TEAL
    darker = readable(PALE)
    assert is_readable(darker)
    step = next(n for n in range(101) if mixed(PALE, "#000000", n / 100) == darker)
    assert not is_readable(mixed(PALE, "#000000", (step - 1) / 100))
