"""Where a ticket stood in the order of a draw, and where the places ended: lengths of a picture."""

from __future__ import annotations

from dataclasses import dataclass

_LEFT, _RIGHT = 12, 628
_LABEL_SPACE = 120  # a label nearer to the edge begins or ends at it


@dataclass(frozen=True, slots=True)
class Picture:
    """A bar of all entries. `last`: the last position that got a place; 0: none did."""

    position: int
    entries: int
    last: int

    @property
    def own_x(self) -> float:
        """Return where the own ticket stands."""
        return self._x(self.position - 0.5)

    @property
    def last_x(self) -> float:
        """Return where the last place was given out."""
        return self._x(self.last)

    @property
    def own_anchor(self) -> str:
        """Return how the label of the own ticket is aligned, so that it is not cut off."""
        return _anchor(self.own_x)

    @property
    def last_anchor(self) -> str:
        """Return how the label of the last place is aligned."""
        return _anchor(self.last_x)

    def _x(self, count: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * count / max(self.entries, 1), 1)


def _anchor(x: float) -> str:
    if x < _LEFT + _LABEL_SPACE:
        return "start"
    return "end" if x > _RIGHT - _LABEL_SPACE else "middle"
