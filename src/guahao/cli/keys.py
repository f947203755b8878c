"""`guahao keys`: rotate the platform's secret key."""

from __future__ import annotations

import typer

from guahao.cli.common import console, on_the_platform
from guahao.flows.kernel.platform import Platform
from guahao.flows.kernel.rotation import rotate

app = typer.Typer(help="The platform's secret key.", no_args_is_help=True)


@app.command("rotate")
def keys_rotate() -> None:
    """Replace old keys' ciphertexts and HMACs by GUAHAO_SECRET_KEY's, while the platform runs.

    You can interrupt it and start it again. Exit status 1 where a row could not be rotated.
    """
    failed: dict[str, list[int]] = {}

    async def work(platform: Platform) -> None:
        done = await rotate(
            platform, lambda name, count, total: console.print(f"{name}: {count:,} of {total:,}")
        )
        failed.update(done.failed)
        console.print(f"Rotated: {done.values:,} values.")
        for name, ids in done.failed.items():
            console.print(f"{name}: not rotated, rows {', '.join(map(str, ids[:20]))}")
        if done.erased_persons:
            console.print(
                f"{done.erased_persons:,} erased persons are still recognized by the old key alone:"
                f" keep it in GUAHAO_SECRET_KEYS_OLD until {done.erased_until}, when the nightly"
                " job has dropped the last of them. Without it, an erased person who registers"
                " again begins anew, without their no-shows."
            )

    on_the_platform(work)
    raise typer.Exit(1 if failed else 0)
