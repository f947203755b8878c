"""What facts hold unless their reader says more."""

from __future__ import annotations

from dataclasses import replace

from tests.rules.helpers import SOON, patient

from guahao.rules.kernel.facts import Actor, CountedAppointment


def test_a_counted_appointment_is_over_unless_it_is_known_to_be_live() -> None:
    place = CountedAppointment(SOON, 1, 2)
    assert not place.is_live
    # Limits count live and past appointments alike.
    assert place == replace(place, is_live=True)


def test_a_person_is_taken_for_checked_where_nobody_checks_names() -> None:
    person = patient(1, account=7)
    assert person.is_checked
    assert (person.suspended_until, person.counted, person.document_ends_on) == (None, (), None)


def test_an_account_books_for_its_own_patients_and_staff_for_everybody() -> None:
    assert Actor("account", 7).may_book_for(patient(1, account=7))
    assert not Actor("account", 7).may_book_for(patient(1, account=8))
    assert not Actor("account", 7).may_book_for(patient(1, account=None))
    assert Actor("staff", 7).may_book_for(patient(1, account=None))
    assert Actor("hospital", 7).may_book_for(patient(1, account=8))
