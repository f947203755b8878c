"""Versions of shown records, so that concurrent edits of a record are noticed."""

from __future__ import annotations

from hashlib import sha256

_CHARACTERS = 16


def version_of(record: object) -> str:
    """Return a short digest of a frozen dataclass of plain values, or of a tuple of them.

    A form carries it: if it differs from the record's current version on submission, somebody
    else has changed the record in the meantime.
    """
    return sha256(repr(record).encode()).hexdigest()[:_CHARACTERS]
