"""What a registration does that meets the person's current one (RULES.md "Real-name check")."""

from __future__ import annotations

from itertools import product

import pytest

from guahao.rules.people.registering import Registering, decide_registration


@pytest.mark.parametrize(
    ("facts", "decided"),
    [
        ("own", Registering.KEEP),
        ("own checks", Registering.CHECK),
        ("own is_checked checks", Registering.KEEP),
        ("without_account", Registering.CONTINUE),
        ("without_account is_checked", Registering.CONTINUE),
        ("without_account is_checked checks", Registering.CONTINUE),
        ("without_account was_shown checks", Registering.CONTINUE),
        # Nobody has proven to be the person: a stranger may have registered and removed them.
        ("without_account checks", Registering.DISPLACE),
        ("", Registering.REFUSE),
        ("checks", Registering.DISPLACE),
        ("is_checked", Registering.REFUSE),
        ("is_checked checks", Registering.REFUSE),
        # A dispute: nothing of a registration counts for which nobody has shown the document.
        ("checks settles", Registering.DISPLACE),
        ("is_checked checks settles", Registering.DISPLACE),
        # One that was used with the document in hand is the person's own.
        ("is_checked checks settles was_shown", Registering.TAKE_OVER),
        ("checks settles was_shown", Registering.TAKE_OVER),
    ],
)
def test_a_registration_meets_another(facts: str, decided: Registering) -> None:
    given = dict.fromkeys(facts.split(), True)
    known = dict.fromkeys(("own", "without_account", "is_checked", "checks"), False)
    assert decide_registration(**(known | given)) is decided


def test_nobody_sheds_no_shows_of_a_registration_that_was_used_with_the_document() -> None:
    """By no way: they are dropped by displacing alone, and only where nobody has shown it."""
    for values in product((False, True), repeat=4):
        own, without_account, checks, settles = values
        if own and without_account:
            continue
        decided = decide_registration(
            own=own,
            without_account=without_account,
            is_checked=True,
            checks=checks,
            settles=settles,
            was_shown=True,
        )
        assert decided is not Registering.DISPLACE, values
