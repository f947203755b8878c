"""The order number: an appointment's id with a check digit, for reading over a phone."""

from __future__ import annotations

import re

from stdnum import luhn

_ORDER_NO = re.compile(r"[0-9]{10,19}")


def order_no(appointment_id: int) -> str:
    """Return the order number: at least ten digits, the last a Luhn check digit."""
    digits = f"{appointment_id:09d}"
    return digits + luhn.calc_check_digit(digits)


def appointment_id(text: str) -> int | None:
    """Return the id of an order number; None if it was mistyped."""
    digits = "".join(text.split())
    if not _ORDER_NO.fullmatch(digits) or not luhn.is_valid(digits):
        return None
    return int(digits[:-1])
