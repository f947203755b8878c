"""Values that are made by the thousand: equal by their fields, hashable, with slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from guahao.rules.kernel.facts import Actor, CountedAppointment

MONDAY = date(2026, 11, 30)


def test_values_are_equal_by_their_fields_and_can_be_keys() -> None:
    actor = Actor("account", 7)
    assert actor == Actor("account", 7) != replace(actor, id=8)
    assert {actor: 1}[Actor("account", 7)] == 1
    assert not hasattr(actor, "__dict__")


def test_a_field_that_is_not_compared_is_not_hashed() -> None:
    live, past = (CountedAppointment(MONDAY, 1, 2, is_live) for is_live in (True, False))
    assert live == past
    assert len({live, past}) == 1
