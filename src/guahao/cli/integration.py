"""The systems of others: `guahao hospital-client`, `hospital-webhook` and `wechat`."""

from __future__ import annotations

import os
from typing import Annotated

import typer
import uvloop

from guahao import wiring
from guahao.cli.common import CommandError, Reason, console, hospital_id_of, on_the_platform
from guahao.flows.integration import clients as client_flows
from guahao.flows.integration import webhooks
from guahao.flows.integration.clients import (
    OVERLAP_HOURS,
    NewSecret,
)
from guahao.flows.integration.webhooks import WebhookSet
from guahao.flows.kernel.platform import Platform
from guahao.rules.integration.clients import OVERLAP_HOURS_MAX, ClientRefusal, Scope
from guahao.rules.integration.pushing import KINDS, WebhookRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import SYSTEM
from guahao.settings import read_settings

clients_app = typer.Typer(
    help="The information systems of hospitals (HIS) that call the platform.", no_args_is_help=True
)
wechat_app = typer.Typer(help="The Official Account on WeChat.", no_args_is_help=True)
webhooks_app = typer.Typer(help="Notify hospitals of their bookings.", no_args_is_help=True)

_WEBHOOK_ADVICE = {
    WebhookRefusal.UNKNOWN: "there is no such hospital, or it has no webhook",
    WebhookRefusal.BAD_URL: "the address must be like https://his.example.cn/guahao/events",
    WebhookRefusal.NOT_HTTPS: "the address must begin with https://",
    WebhookRefusal.NO_KINDS: f"the kinds are {', '.join(KINDS)}",
}


def refused_client(refusal: ClientRefusal) -> CommandError:
    """Return the error for a refused change of a client."""
    return CommandError(f"not done: {refusal.value.replace('_', ' ')}")


def refused_webhook(refusal: WebhookRefusal) -> CommandError:
    """Return the error for a refused change of a webhook."""
    return CommandError(f"not done: {_WEBHOOK_ADVICE[refusal]}")


@clients_app.command("add")
def hospital_client_add(
    hospital: Annotated[str, typer.Argument(help="The hospital's code.")],
    name: Annotated[str, typer.Option(help="What the system is called.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; more than once for more.")],
    certificate: Annotated[
        str, typer.Option(help="SHA-256 of the only certificate it may come with.")
    ] = "",
) -> None:
    """Add a client of a hospital; prints its secret, once."""

    async def add(platform: Platform) -> None:
        hospital_id = await hospital_id_of(platform, hospital)
        scopes = frozenset(scope)
        _print_secret(
            await client_flows.add_client(platform, SYSTEM, hospital_id, name, scopes, certificate)
        )

    on_the_platform(add)


@clients_app.command("list")
def hospital_client_list() -> None:
    """List every client, with hospital, scopes and state."""

    async def show(platform: Platform) -> None:
        for client in await client_flows.list_clients(platform):
            state = "  disabled" if client.disabled_at else ""
            scopes = ",".join(client.scopes)
            typer.echo(
                f"{client.client_id}  {client.hospital_code}  {scopes}  {client.name}{state}"
            )

    on_the_platform(show)


@clients_app.command("rotate")
def hospital_client_rotate(
    client_id: str,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=OVERLAP_HOURS_MAX, help="The older secret lives so long.")
    ] = OVERLAP_HOURS,
    reason: Reason = "",
) -> None:
    """Issue another secret, printed once; the one before it stays valid for the overlap."""

    async def rotate(platform: Platform) -> None:
        id = await _client_row_id(platform, client_id)
        _print_secret(await client_flows.rotate(platform, SYSTEM, id, overlap_hours, reason))

    on_the_platform(rotate)


@clients_app.command("disable")
def hospital_client_disable(client_id: str, reason: Reason = "") -> None:
    """Shut a client out, with the tokens it has, from its next call on."""

    async def disable(platform: Platform) -> None:
        id = await _client_row_id(platform, client_id)
        await client_flows.set_disabled(platform, SYSTEM, id, disabled=True, reason=reason)
        typer.echo(f"{client_id} is shut out.")

    on_the_platform(disable)


async def _client_row_id(platform: Platform, client_id: str) -> int:
    id = await client_flows.id_of(platform, client_id)
    if id is None:
        raise CommandError(f"there is no client {client_id}; `guahao hospital-client list` has all")
    return id


def _print_secret(outcome: NewSecret | Refused[ClientRefusal]) -> None:
    if isinstance(outcome, Refused):
        raise refused_client(outcome.reason)
    typer.echo(f"client_id      {outcome.client_id}")
    typer.echo(f"client_secret  {outcome.secret}")
    typer.echo("The secret is shown this once; give it to the hospital by a way that is safe.")
    if outcome.older_until is not None:
        typer.echo(f"The secret before it ends at {outcome.older_until:%Y-%m-%d %H:%M}.")


@webhooks_app.command("set")
def webhook_set(
    hospital: Annotated[str, typer.Argument(help="The hospital's code.")],
    url: Annotated[str, typer.Argument(help="Where its system takes events: https://…")],
    kind: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(KINDS)}; without it, all.")
    ] = None,
) -> None:
    """Notify a hospital there; print the secret that signs, once, where it is new."""

    async def put(platform: Platform) -> None:
        id = await hospital_id_of(platform, hospital)
        made = await webhooks.set_webhook(platform, SYSTEM, id, url, kind or KINDS)
        _print_webhook(hospital, made)

    on_the_platform(put)


@webhooks_app.command("rotate")
def webhook_rotate(hospital: str, reason: Reason = "") -> None:
    """Set a new secret at once; for 24 hours the one before signs as well."""

    async def rotate(platform: Platform) -> None:
        id = await hospital_id_of(platform, hospital)
        _print_webhook(hospital, await webhooks.rotate_secret(platform, SYSTEM, id, reason))

    on_the_platform(rotate)


@webhooks_app.command("on")
def webhook_on(hospital: str) -> None:
    """Push again, from where it was switched off."""
    _switch_webhook(hospital, on=True)


@webhooks_app.command("off")
def webhook_off(hospital: str, reason: Reason = "") -> None:
    """Push nothing; what happens meanwhile is kept for a week."""
    _switch_webhook(hospital, on=False, reason=reason)


def _switch_webhook(hospital: str, *, on: bool, reason: str = "") -> None:
    async def switch(platform: Platform) -> None:
        id = await hospital_id_of(platform, hospital)
        outcome = await webhooks.switch(platform, SYSTEM, id, on=on, reason=reason)
        if isinstance(outcome, Refused):
            raise CommandError(f"{hospital} has no webhook; set one first")
        typer.echo(f"{hospital}: {'on' if on else 'off'}")

    on_the_platform(switch)


@webhooks_app.command("list")
def webhook_list() -> None:
    """List every webhook: where, on or off, what waits, what is dead, what went wrong last."""

    async def show(platform: Platform) -> None:
        for hook in await webhooks.states(platform):
            state = "on" if hook.enabled else "off"
            if hook.probe_at is not None:
                state = f"not answering, asked again at {hook.probe_at:%H:%M:%S}"
            counts = f"{hook.delivered:,} delivered, {hook.waiting:,} waiting, {hook.dead:,} dead"
            console.print(f"{hook.code} {hook.url} {state}; {counts} {hook.error}", highlight=False)

    on_the_platform(show)


@webhooks_app.command("resend")
def webhook_resend(hospital: str) -> None:
    """Send a hospital's dead letters again, all of them."""

    async def resend(platform: Platform) -> None:
        id = await hospital_id_of(platform, hospital)
        count = await webhooks.send_again(platform, SYSTEM, id)
        typer.echo(f"{count:,} events are on their way again.")

    on_the_platform(resend)


def _print_webhook(hospital: str, made: WebhookSet | Refused[WebhookRefusal]) -> None:
    if isinstance(made, Refused):
        raise refused_webhook(made.reason)
    if made.secret is None:
        typer.echo(f"{hospital}: set; its secret stays.")
        return
    typer.echo(f"{hospital}: secret {made.secret}")
    typer.echo("It is shown this once. docs/WEBHOOKS.md says how a receiver checks with it.")


@wechat_app.command("menu")
def wechat_menu() -> None:
    """Make the account's menu, or make it anew: book, my registrations, help."""
    # The worker with all that it sends through takes 0.8 s, and no other command needs it.
    from guahao.worker_process import create_wechat_menu  # noqa: PLC0415

    settings = read_settings(os.environ)
    if settings.wechat_appid is None:
        raise CommandError("there is no Official Account: set GUAHAO_WECHAT_APPID and the others")
    with wiring.application_url(settings, migrated=True) as url:
        uvloop.run(create_wechat_menu(settings, url))
    typer.echo("The menu is made; WeChat shows it to new followers at once, to others in a day.")
