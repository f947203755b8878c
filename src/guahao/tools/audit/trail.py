"""Verify the audit trail for an operator, or accept it after a backup was restored."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from guahao import trail_sinks
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.trail import TrailHead, accept_trail, trail_head, verify_trail
from guahao.rules.staff.staff import SYSTEM

_ADVICE = {
    "missing": "An entry was deleted or moved.",
    "changed": "An entry is not what was written.",
    "cut": "Entries at the end were deleted.",
    "head_forged": "The end of the chain was not written by this platform.",
    "emptied": "All entries were deleted.",
    "rolled_back": "The chain is whole but ends before what was sent out: a backup was restored,"
    " or its end was cut. After a restore: guahao audit trail --accept REASON.",
    "other_past": "This is not the chain whose head was sent out or noted.",
    "other_key": "This GUAHAO_SECRET_KEY is not the one that the trail was written with.",
}


async def run(
    platform: Platform,
    noted: TrailHead | None,
    sink: Path | None,
    accept_reason: str | None,
    console: Console,
) -> bool:
    """Print and return whether the trail is untouched.

    Compare it with `noted`, or with the last head in `sink`. With a reason to accept it, append
    that reason and send the new head out first; then compare with the new head.
    """
    sent = trail_sinks.Noted() if sink is None else trail_sinks.last_noted(sink, platform.vault)
    if sink is not None and sent.head is None:
        print(f"{sink} holds no head that was sent with this secret key.", file=sys.stderr)
    elif sent.head is not None:
        print(f"Last sent out: entry {sent.head.seq:,}, {sent.at:%Y-%m-%d %H:%M} UTC.")
    if accept_reason is not None:
        await accept_trail(platform, SYSTEM, accept_reason, noted or sent.head)
        head = await trail_head(platform)
        assert head is not None
        trail_sinks.send(platform.settings, platform.vault, head)
        noted, sent = None, trail_sinks.Noted(head)
    with console.status("Verifying the audit trail ...") as status:
        verdict = await verify_trail(
            platform,
            noted or sent.head,
            lambda done, of: status.update(f"{done:,} of {of:,} entries"),
        )
    if sent.forged:
        print(f"{sent.forged} lines at the end of {sink} were not sent by this platform.")
    if not verdict.holds:
        advice = _ADVICE.get(verdict.why or "", "")
        print(
            f"Touched from entry {verdict.broken_at} on: {verdict.why}. {advice}", file=sys.stderr
        )
        return False
    print(f"{verdict.entries:,} entries, none touched. Head, to be noted elsewhere:")
    print(verdict.head)
    return not sent.forged
