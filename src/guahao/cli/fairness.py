"""`guahao fairness`: check the file of a draw, and be a witness of draws."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, assert_never

import typer

from guahao.cli.common import CommandError, console, on_the_platform
from guahao.flows.fairness.drawn import proof_file
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness import beacon as drand
from guahao.rules.fairness.allocating import Result, Won
from guahao.rules.fairness.log import LogError, differences, missing
from guahao.rules.fairness.log import read as read_log
from guahao.rules.fairness.merkle import is_proven
from guahao.rules.fairness.proof import Level
from guahao.rules.fairness.verifying import ProofError, VerifiedFile, verify
from guahao.rules.fairness.witnessing import CHAIN_MAX
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.fairness.log import PUBLIC_KEY_BYTES, is_signed
from guahao.tools import witness
from guahao.tools.witness import WitnessError

app = typer.Typer(help="Draws: check their files, be their witness.", no_args_is_help=True)
witness_app = typer.Typer(
    help="Values that nobody knows beforehand, from a machine outside the platform.",
    no_args_is_help=True,
)
app.add_typer(witness_app, name="witness")


@app.command("verify")
def fairness_verify(
    file: Annotated[Path, typer.Argument(help="The published file of a draw.")],
    ticket: Annotated[str | None, typer.Option(help="Say how this ticket fared.")] = None,
    log: Annotated[
        list[Path] | None,
        typer.Option(
            help="The public log: was this file published, step by step? Once for each part of it,"
            " in their order: /api/v1/fairness/log, then ?after= with the last line's number."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="The platform's public key, for a later part of the log: it stands after “key”"
            " near the top of /api/v1/fairness/log."
        ),
    ] = None,
) -> None:
    """Compute again everything that the file of a draw says. Exit status 1 where it is not true."""
    asked = (ticket or "").strip().lower()
    try:
        with file.open("rb") as lines:
            draw = verify(lines, asked)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None
    except ProofError as error:
        console.print(f"NOT TRUE, {error}")
        raise typer.Exit(1) from None
    unchecked = _check_beacons(draw)
    if log:
        _check_log([_read(part) for part in log], key, draw)
    console.print(f"True: draw {draw.draw_id}, {draw.entries} entries, {draw.won} won.")
    console.print(_level(draw), *unchecked, sep="\n", soft_wrap=True)
    if asked and draw.result is None:
        console.print(f"There is no ticket {ticket} in this draw.")
        raise typer.Exit(1)
    if draw.result is not None:
        console.print(_fared(asked, draw.result))


@app.command("file")
def fairness_file(
    draw: Annotated[int, typer.Argument(help="The number of a finished draw.", min=1)],
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
) -> None:
    """Write the file of a draw for the auditor: also of those whose entries are not published.

    Its digest stands in the public log (fairness verify --log).
    """

    async def write(platform: Platform) -> None:
        text = await proof_file(platform, draw)
        if text is None:
            raise CommandError(f"there is no finished draw {draw}")
        try:
            file.write_text(text, encoding="ascii")
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}") from None

    on_the_platform(write)


@app.command("entry")
def fairness_entry(
    line: Annotated[str, typer.Argument(help="Your line of the list, in quotes: “entry …”.")],
    proof: Annotated[list[str] | None, typer.Argument(help="The hashes of its proof.")] = None,
    *,
    number: Annotated[int, typer.Option(help="Which line it is, counted from 0.", min=0)],
    entries: Annotated[int, typer.Option(help="How many entries the draw has.", min=1)],
    root: Annotated[str, typer.Option(help="The fingerprint of the list, as it was published.")],
) -> None:
    """Check that an entry stood in the list when its draw was closed. Exit status 1 where not.

    For draws whose list is not published: its page shows each applicant all of this.
    """
    try:
        branch, top = [bytes.fromhex(text) for text in proof or ()], bytes.fromhex(root)
    except ValueError:
        raise CommandError("the fingerprint and the proof have hexadecimal digits only") from None
    if not is_proven(line.encode(), number, entries, branch, top):
        console.print("NOT TRUE: this line is not in the list with this fingerprint at this place.")
        raise typer.Exit(1)
    console.print("True: this entry was fixed when the draw was closed.")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None


def _check_beacons(draw: VerifiedFile) -> list[str]:
    """Check the signatures of drand's rounds; return what could not be checked here.

    Anybody may run a chain of their own: one that guahao does not know is named.
    """
    unchecked = []
    for source in draw.sources:
        beacon, signature = source.beacon, source.signature
        if beacon is None or signature is None:
            continue
        if not drand.can_check():
            unchecked.append(
                f"Not checked: that drand signed round {source.used}. Install guahao[drand], or"
                " compare the value with what any relay of drand shows at"
                f" /{beacon.chain.hex()}/public/{source.used}"
            )
        elif not drand.is_signed(beacon, source.used, signature):
            console.print(f"NOT TRUE: drand has not signed this value of round {source.used}")
            raise typer.Exit(1)
        if beacon.chain != drand.QUICKNET.chain:
            unchecked.append(
                f"Not checked: that chain {beacon.chain.hex()} is drand's. Any relay of drand shows"
                " its chains at /chains"
            )
    return unchecked


def _check_log(parts: list[bytes], given_key: str | None, draw: VerifiedFile) -> None:
    """Check that the log fits together, is signed, and published what the file says."""
    try:
        found = read_log(parts[0])
        for part in parts[1:]:
            found = found.followed_by(read_log(part))
        key = found.key if given_key is None else bytes.fromhex(given_key)
    except LogError as error:
        console.print(f"NOT TRUE, {error}")
        raise typer.Exit(1) from None
    except ValueError:
        raise CommandError("--key has 64 hexadecimal digits") from None
    if key is not None and len(key) != PUBLIC_KEY_BYTES:
        raise CommandError("--key has 64 hexadecimal digits")
    if key is None:
        raise CommandError(
            "these lines of the log name no key, as only the beginning does: give the platform's"
            " public key with --key (it stands after “key” near the top of /api/v1/fairness/log),"
            " or give the parts before as well, each with --log"
        )
    reason = None
    if found.key not in (None, key):
        reason = "the log names another key"
    elif not is_signed(key, found.seq, found.hash, found.signature):
        reason = "the head of the log is not signed by the platform's key"
    lacking = None if reason else missing(found, draw.draw_id)
    if lacking is not None:
        console.print(f"NOT SHOWN: {lacking}", soft_wrap=True)
        raise typer.Exit(1)
    reason = reason or differences(found, draw)
    if reason is not None:
        console.print(f"NOT TRUE: {reason}")
        raise typer.Exit(1)
    head = f"{found.seq} {found.hash.hex()}"
    console.print(f"The log published this; its last line: {head}", soft_wrap=True)


def _level(draw: VerifiedFile) -> str:
    witnesses = sum(s.beacon is None and not s.is_silent for s in draw.sources)
    match draw.level:
        case Level.OPERATOR:
            return (
                "Level: operator. Who held the platform's secret could have known the result before"
                " the entries were closed."
            )
        case Level.WITNESSED:
            return (
                f"Level: witnessed, by {witnesses}. Only the platform and all witnesses together"
                " could have known the result before the entries were closed."
            )
        case Level.BEACON:
            others = f", all {witnesses} witnesses" if witnesses else ""
            return (
                f"Level: beacon. Only the platform{others} and enough members of drand's network to"
                " sign, all together, could have known the result before the entries were closed."
            )
        case _ as never:
            assert_never(never)


def _fared(ticket: str, result: Result) -> str:
    """Return how a ticket fared."""
    outcome = f"{len(result.patients)} won" if isinstance(result, Won) else "did not win"
    reasons = f"; passed over: {', '.join(result.reasons)}" if result.reasons else ""
    return f"Ticket {ticket}: position {result.position}, {outcome}{reasons}."


@witness_app.command("new")
def witness_new(
    file: Annotated[Path, typer.Argument(help="Where the chain is kept, and by you alone.")],
    begins: Annotated[
        datetime, typer.Option(help="When value 1 may be shown, in the city's time.")
    ],
    minutes: Annotated[
        int, typer.Option(min=1, max=1440, help="Between a value and the next.")
    ] = 60,
    values: Annotated[int, typer.Option(min=1, max=CHAIN_MAX, help="How many values.")] = 20_000,
) -> None:
    """Make a chain of values and print the first, which the platform publishes.

    Keep a copy of the file on another medium: without it the draws that wait for you cannot use
    your values.
    """
    start = begins.replace(tzinfo=CITY_TIME) if begins.tzinfo is None else begins
    try:
        chain = witness.create(file, secrets.token_bytes(32), start, minutes, values)
    except WitnessError as error:
        raise CommandError(str(error)) from None
    first = witness.value_at(chain, 0).hex()
    entry = {
        "name": "…",
        "first": first,
        "url": "https://…",
        "begins": start.isoformat(),
        "minutes": minutes,
        "values": values,
    }
    console.print(f"0 {first}", soft_wrap=True)
    console.print(
        f"The last value is shown at {witness.shown_at(chain, values):%Y-%m-%d %H:%M}. Make the"
        " next chain a month before. The platform's operator adds to GUAHAO_FAIRNESS_WITNESSES:",
        soft_wrap=True,
    )
    console.print(json.dumps(entry, ensure_ascii=False), soft_wrap=True, markup=False)


@witness_app.command("serve")
def witness_serve(
    file: Annotated[Path, typer.Argument(help="The file of your chain.")],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8114,
) -> None:
    """Show each value over HTTP from its time on, until interrupted."""
    try:
        chain = witness.read(file)
        server = witness.Server(chain, host, port, lambda: datetime.now(CITY_TIME))
    except WitnessError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{host}:{port} cannot be listened on: {error.strerror}") from None
    console.print(f"Value 0 is {witness.value_at(chain, 0).hex()}", soft_wrap=True)
    console.print(f"Listening on http://{host}:{port}")
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


@witness_app.command("show")
def witness_show(file: Annotated[Path, typer.Argument(help="The file of your chain.")]) -> None:
    """Print the newest value whose time has come, with its number."""
    try:
        shown = witness.latest(witness.read(file), datetime.now(CITY_TIME))
    except WitnessError as error:
        raise CommandError(str(error)) from None
    console.print(f"{shown.index} {shown.value.hex()}", soft_wrap=True)
