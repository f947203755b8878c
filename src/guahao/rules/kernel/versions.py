"""What somebody was shown, told in a few characters: two who edit one record find out."""

from __future__ import annotations

from hashlib import sha256

_CHARACTERS = 16


def version_of(record: object) -> str:
    """Another one for another record; a frozen dataclass of plain values, or a tuple of them.

    A form carries it and gives it back: where the record's is no longer the same, somebody
    else has changed it in the meantime.
    """
    return sha256(repr(record).encode()).hexdigest()[:_CHARACTERS]
