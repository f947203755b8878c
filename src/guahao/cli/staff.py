"""`guahao staff`: the members of the staff."""

from __future__ import annotations

from typing import Annotated

import typer

from guahao.cli.common import CommandError, Reason, console, hospital_id_of, on_the_platform
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff import staff as staff_flows
from guahao.flows.staff.staff import NewStaff
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.members import StaffRefusal
from guahao.rules.staff.staff import SYSTEM, Role

app = typer.Typer(help="The members of the staff.", no_args_is_help=True)


@app.command("add")
def staff_add(
    login: str,
    name: Annotated[str, typer.Option()],
    role: Annotated[Role, typer.Option()],
    hospital: Annotated[str | None, typer.Option(help="The code of a clerk's hospital.")] = None,
) -> None:
    """Add a member; prints a temporary password, once."""

    async def add(platform: Platform) -> None:
        hospital_id = None if hospital is None else await hospital_id_of(platform, hospital)
        _print_password(
            await staff_flows.add_staff(platform, SYSTEM, login, name, role, hospital_id)
        )

    on_the_platform(add)


@app.command("list")
def staff_list() -> None:
    """List all members, with role, hospital and state."""

    async def show(platform: Platform) -> None:
        for member in await staff_flows.list_staff(platform):
            state = "disabled" if member.disabled_at else ""
            console.print(member.login, member.role.value, member.hospital_name or "-", state)

    on_the_platform(show)


@app.command("reset")
def staff_reset(login: str, reason: Reason = "") -> None:
    """Set a new temporary password, and have the second factor enrolled anew."""

    async def reset(platform: Platform) -> None:
        id = await _staff_id(platform, login)
        await staff_flows.reset_second_factor(platform, SYSTEM, id)
        _print_password(await staff_flows.reset_password(platform, SYSTEM, id, reason))

    on_the_platform(reset)


@app.command("disable")
def staff_disable(login: str, reason: Reason = "") -> None:
    """Shut somebody out, at once."""

    async def disable(platform: Platform) -> None:
        id = await _staff_id(platform, login)
        outcome = await staff_flows.disable_staff(platform, SYSTEM, id, reason)
        if isinstance(outcome, Refused):
            raise CommandError(f"not disabled: {outcome.reason.value.replace('_', ' ')}")
        typer.echo(f"{login} is shut out.")

    on_the_platform(disable)


@app.command("role")
def staff_role(
    login: str,
    role: Role,
    hospital: Annotated[str | None, typer.Option(help="The code of a clerk's hospital.")] = None,
    reason: Reason = "",
) -> None:
    """Give a member another role; they are logged out everywhere."""

    async def change(platform: Platform) -> None:
        id = await _staff_id(platform, login)
        hospital_id = None if hospital is None else await hospital_id_of(platform, hospital)
        outcome = await staff_flows.change_role(platform, SYSTEM, id, role, hospital_id, reason)
        if isinstance(outcome, Refused):
            raise CommandError(f"not changed: {outcome.reason.value.replace('_', ' ')}")
        typer.echo(f"{login} is {role.value} now.")

    on_the_platform(change)


async def _staff_id(platform: Platform, login: str) -> int:
    id = await staff_flows.staff_id_of(platform, login)
    if id is None:
        raise CommandError(f"nobody has the login {login}")
    return id


def _print_password(outcome: NewStaff | Refused[StaffRefusal]) -> None:
    if isinstance(outcome, Refused):
        raise CommandError(f"not done: {outcome.reason.value.replace('_', ' ')}")
    typer.echo(f"{outcome.login}: temporary password {outcome.password}")
    until = outcome.expires_at.isoformat(timespec="minutes")
    typer.echo(f"It is shown this once and holds until {until}.")
    typer.echo("The first log-in asks for a new one and an authenticator.")
