"""A caller who is new: to which phone the hotline registers them (S2, S3)."""

from __future__ import annotations

from enum import StrEnum


class RegisterRefusal(StrEnum):
    """Why a caller is not registered, besides what registering a patient refuses."""

    PHONE_INVALID = "phone_invalid"
    PHONE_IN_USE = "phone_in_use"


def decide_phone(*, verified: bool, has_patients: bool) -> RegisterRefusal | None:
    """Return why nobody is registered to a phone, None where the caller is.

    A phone with a patient takes another from its verified caller only: otherwise a caller who
    names a stranger's phone would be verified for the stranger's bookings.
    """
    return None if verified or not has_patients else RegisterRefusal.PHONE_IN_USE
