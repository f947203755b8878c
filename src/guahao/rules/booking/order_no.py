"""The order number: an appointment's id with a check digit, for reading over a phone."""

from __future__ import annotations

import re

from stdnum import luhn

_ORDER_NO = re.compile(r"[0-9]{10,19}")
# The digits of twice a digit, added up.
_TWICE = str.maketrans("0123456789", "0246813579")


def order_no(appointment_id: int) -> str:
    """Return the order number: at least ten digits, the last a Luhn check digit."""
    digits = f"{appointment_id:09d}"
    # luhn.calc_check_digit(digits), which would take a fiftieth of a booking call.
    total = sum(map(int, digits[-1::-2].translate(_TWICE))) + sum(map(int, digits[-2::-2]))
    return f"{digits}{-total % 10}"


def appointment_id(text: str) -> int | None:
    """Return the id of an order number; None if it was mistyped."""
    digits = "".join(text.split())
    if not _ORDER_NO.fullmatch(digits) or not luhn.is_valid(digits):
        return None
    return int(digits[:-1])
