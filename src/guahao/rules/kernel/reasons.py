"""The reason that a member of staff writes for what they do, as the audit trail keeps it."""

from __future__ import annotations

from guahao.rules.kernel.text import prose

REASON_MAX = 200  # characters
FULL_REASON_MIN = 2


def stated_reason(text: str) -> str | None:
    """Return a typed reason, cut after REASON_MAX characters, or None where none was typed."""
    return prose(text)[:REASON_MAX] or None


def full_reason(text: str) -> str | None:
    """Return a typed reason by which somebody else decides, or None where it cannot be one.

    It has at least FULL_REASON_MIN characters. A longer one than REASON_MAX is asked for anew, as
    what is cut off could be what matters.
    """
    reason = prose(text)
    return reason if FULL_REASON_MIN <= len(reason) <= REASON_MAX else None
