"""The order of a list that people arrange by hand."""

from __future__ import annotations


def moved(ids: list[int], id: int, *, up: bool) -> list[int]:
    """Return the ids with one moved a place up or down; at the end of the list it stays."""
    here = ids.index(id)
    there = max(0, here - 1) if up else min(len(ids) - 1, here + 1)
    rest = [other for other in ids if other != id]
    return [*rest[:there], id, *rest[there:]]
