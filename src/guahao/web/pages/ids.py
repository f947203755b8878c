"""Ids in what people send."""

from __future__ import annotations

from guahao.web.reading import ID_MAX


def as_id(text: str) -> int | None:
    """An id, or None where it can be none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(ID_MAX))):
        return None
    return int(text) if 1 <= int(text) <= ID_MAX else None
