"""Show what `guahao doctor` found: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from guahao.rules.operations.checks import Check, State, exit_status

# A word and a symbol beside the colour.
_SHOWN = {
    State.OK: "[green]✓ ok[/]",
    State.WARNING: "[yellow]! warning[/]",
    State.FAILED: "[red]✗ failed[/]",
    State.UNKNOWN: "[magenta]? unknown[/]",
}
_WORST_FIRST = (State.FAILED, State.WARNING, State.UNKNOWN, State.OK)


def show(checks: Sequence[Check], console: Console) -> None:
    """Print a table, the worst first, and a sentence that sums it up."""
    table = Table("Check", "State", "What it says", show_lines=False)
    alike: dict[str, list[str]] = {}  # what was not checked for the same reason is on the same line
    for check in checks:
        if check.state is State.UNKNOWN:
            alike.setdefault(check.says, []).append(check.name)
    for check in sorted(checks, key=lambda check: _WORST_FIRST.index(check.state)):
        if check.state is State.UNKNOWN:
            names = alike.pop(check.says, None)
            if names:
                table.add_row(", ".join(names), _SHOWN[check.state], escape(check.says))
            continue
        figures = ", ".join(
            f"{name} {value:,}" if isinstance(value, int | float) else f"{name} {value}"
            for name, value in check.figures.items()
            if value is not None
        )
        says = escape(check.says) + (f"\n[dim]{escape(figures)}[/]" if figures else "")
        table.add_row(check.name, _SHOWN[check.state], says)
    console.print(table)
    counts = {state: sum(check.state is state for check in checks) for state in _WORST_FIRST}
    told = [f"{count} {state.value}" for state, count in counts.items() if count]
    console.print(f"{len(checks)} checks: {', '.join(told)}.", highlight=False)


def as_json(checks: Sequence[Check]) -> str:
    """Return the findings for a program: `status` is the exit status."""
    found = {"status": exit_status(checks), "checks": checks}
    return msgspec.json.encode(found).decode()
