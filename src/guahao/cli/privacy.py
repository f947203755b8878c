"""`guahao privacy`: export or erase a person's own data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, assert_never

import msgspec
import typer

from guahao.cli.common import CommandError, on_the_platform
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy import records as privacy_flows
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.own_data import ErasureRefusal
from guahao.rules.staff.staff import SYSTEM

app = typer.Typer(help="A person's own data: a copy of it, erasing it.", no_args_is_help=True)

_Phone = Annotated[str, typer.Argument(help="The phone of the account; not with --person.")]
_Person = Annotated[
    bool,
    typer.Option(
        "--person",
        help="Ask for a document instead: a person on a shared account, or on none any more.",
    ),
]
_NOBODY = "no account has this phone, or nobody is registered with this document"
_NOT_ERASED = {
    ErasureRefusal.UNKNOWN: _NOBODY,
    ErasureRefusal.CHANGED_MEANWHILE: "not erased: a registration changed just now; try again",
    ErasureRefusal.LIVE_BOOKING: (
        "not erased: a booking is live; cancel it, or wait for the visit to be over"
    ),
    ErasureRefusal.SUSPENDED: "not erased: suspended or restricted; wait until that is over",
}


@app.command("export")
def privacy_export(
    out: Annotated[Path, typer.Option("--out", help="A new file, readable by you alone.")],
    phone: _Phone = "",
    person: _Person = False,
) -> None:
    """Write everything that is stored of a phone's account, or of a person, to a JSON file."""

    async def write(platform: Platform) -> None:
        whose = await _whose(platform, phone, person)
        data = await privacy_flows.export(platform, whose, SYSTEM)
        if data is None:
            raise CommandError(_NOBODY)
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise CommandError(f"cannot write {out}: {error.strerror}") from None
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(data), indent=2))
        typer.echo(f"Written to {out}. Hand it over to the person alone, then delete it.")

    on_the_platform(write)


@app.command("erase")
def privacy_erase(
    reason: Annotated[str, typer.Option(help="Why: it is kept in the audit trail.")],
    phone: _Phone = "",
    person: _Person = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase names and documents of a phone's account, or of a person; it cannot be undone."""
    if not reason.strip():
        raise CommandError("--reason is empty: say why, the audit trail keeps it")

    async def erase(platform: Platform) -> None:
        whose = await _whose(platform, phone, person)
        if not yes:
            typer.confirm("Erase this for good?", abort=True)
        outcome = await privacy_flows.erase(platform, whose, SYSTEM, reason)
        match outcome:
            case privacy_flows.Erased(account_id=None, persons=registrations):
                typer.echo(f"Erased: {registrations} registrations. Bookings stay, unnamed.")
            case privacy_flows.Erased(persons=registrations):
                typer.echo(
                    f"Erased: the phone, and {registrations} registrations. Bookings stay, unnamed."
                )
            case Refused(why):
                raise CommandError(_NOT_ERASED[why])
            case never:
                assert_never(never)

    on_the_platform(erase)


async def _whose(platform: Platform, phone: str, person: bool) -> privacy_flows.Whose:
    """Return the account of the phone, or the person of a document, which is asked for: an
    argument would stay in the shell's history.
    """
    if person == bool(phone):
        raise CommandError("give either a phone or --person")
    found: privacy_flows.Whose | None
    if person:
        id_type = typer.prompt("Type of the document (01 resident ID, 03 passport, …)")
        found = await privacy_flows.person_of_document(
            platform, id_type, typer.prompt("Number of the document")
        )
    else:
        found = await privacy_flows.account_of_phone(platform, phone)
    if found is None:
        raise CommandError(_NOBODY)
    return found
