"""`guahao hospitals` and `guahao sessions`: import files, all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guahao.cli.common import console, hospital_id_of, on_the_platform
from guahao.flows.kernel.platform import Platform
from guahao.tools import hospital_import as hospital_import_tool
from guahao.tools import session_import as session_import_tool
from guahao.web.words.sheet_words import cell_text, file_text

hospitals_app = typer.Typer(help="The directory of hospitals.", no_args_is_help=True)
sessions_app = typer.Typer(help="Clinic sessions and weekly timetables.", no_args_is_help=True)

_SENTENCES = session_import_tool.Sentences(
    lambda word: file_text(word, "en"), lambda fault: cell_text(fault, "en")
)


@hospitals_app.command("import")
def hospitals_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Excel or CSV.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show alone.")] = False,
    include_hidden: Annotated[
        bool,
        typer.Option("--include-hidden", help="Also hidden sheets, hidden and filtered rows."),
    ] = False,
) -> None:
    """Import hospitals by their codes, all or nothing; exit status 1 if a cell is wrong."""
    right, content = False, file.read_bytes()

    async def work(platform: Platform) -> None:
        nonlocal right
        right = await hospital_import_tool.run(
            platform,
            file.name,
            content,
            _SENTENCES,
            console,
            dry_run=dry_run,
            include_hidden=include_hidden,
        )

    on_the_platform(work)
    raise typer.Exit(0 if right else 1)


@sessions_app.command("import")
def sessions_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Excel or CSV.")],
    hospital: Annotated[
        str | None, typer.Option(help="The hospital's code; without it, a column names them.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show alone.")] = False,
    include_hidden: Annotated[
        bool,
        typer.Option("--include-hidden", help="Also hidden sheets, hidden and filtered rows."),
    ] = False,
) -> None:
    """Import sessions or weekly timetables, all or nothing; exit status 1 if a cell is wrong."""
    right, content = False, file.read_bytes()

    async def work(platform: Platform) -> None:
        nonlocal right
        hospital_id = None if hospital is None else await hospital_id_of(platform, hospital)
        right = await session_import_tool.run(
            platform,
            file.name,
            content,
            hospital_id,
            _SENTENCES,
            console,
            dry_run=dry_run,
            include_hidden=include_hidden,
        )

    on_the_platform(work)
    raise typer.Exit(0 if right else 1)
