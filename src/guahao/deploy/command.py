"""`guahao deploy init`: ask for the answers, and write the files for an operator to copy."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import jinja2
import msgspec

from guahao.deploy.answers import (
    ROLES,
    Answers,
    AnswersError,
    check,
    check_reachable,
    machines_of,
    read_answers,
)
from guahao.deploy.credentials import credentials_of, read_folder
from guahao.deploy.folder import SECRETS, State, Written, check_folder, write_folder
from guahao.deploy.plan import PlannedFile, parameters, plan

ANSWERS = "answers.toml"
_ANSWERS_TEMPLATE = jinja2.Template(
    """\
# The answers from which this folder was made. Change one and run: guahao deploy init --out .
public_host = "{{ a.public_host }}"
postgresql = {{ a.postgresql }}
web_processes = {{ a.web_processes }}
memory_gb = {{ a.memory_gb }}
certificate = "{{ a.certificate }}"
certificate_key = "{{ a.certificate_key }}"
hotline = "{{ a.hotline }}"
{% if a.monitoring %}
monitoring = "{{ a.monitoring }}"
{% endif %}
{% if a.virtual_address %}
virtual_address = "{{ a.virtual_address }}"
virtual_interface = "{{ a.virtual_interface }}"
{% endif %}
{% for name, machine in a.machines.items() %}

[machines.{{ name }}]
address = "{{ machine.address }}"
roles = [{% for role in machine.roles %}"{{ role }}"{{ ", " if not loop.last }}{% endfor %}]
{% endfor %}
""",
    trim_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,
)


def gather(
    out: Path,
    file: Path | None,
    given: Mapping[str, str | int | None],
    roles: Mapping[str, str | None],
    ask: Callable[[str, str | None], str] | None = None,
) -> Answers:
    """Collect the answers: from a file (or an earlier run's), then options, then questions.

    `ask` puts a question with a default to the operator; None without an interactive terminal.
    """
    before = file or (out / ANSWERS if (out / ANSWERS).is_file() else None)
    answers: dict[str, object] = {}
    if before is not None:
        answers = msgspec.to_builtins(read_answers(before))
    answers |= {
        name: value for name, value in given.items() if value is not None and name != "machines"
    }
    machines = given.get("machines")
    if machines is not None:
        answers["machines"] = machines_of(str(machines))
    if "machines" not in answers:
        if ask is None:
            raise AnswersError("name the machines: --machines web1=10.0.0.1 (or --answers FILE)")
        answers["machines"] = machines_of(
            ask("Machines, one or three (name=address, ...)", "web1=10.0.0.1")
        )
    if "public_host" not in answers:
        if ask is None:
            raise AnswersError("name the host that people type: --host guahao.example.cn")
        answers["public_host"] = ask("Host name that people type", None)
    _give_roles(answers["machines"], roles)  # type: ignore[arg-type]
    found = check(answers)
    check_reachable(found)
    return found


def _give_roles(machines: dict[str, dict[str, object]], roles: Mapping[str, str | None]) -> None:
    """Apply `--database web1,web2,web3` and its like; other roles stay unchanged."""
    chosen = {role: text for role, text in roles.items() if text is not None}
    for role, text in chosen.items():
        named = [word.strip() for word in text.split(",") if word.strip()]
        unknown = [name for name in named if name not in machines]
        if unknown:
            raise AnswersError(f"--{role}: there is no machine {', '.join(unknown)}")
        for name, machine in machines.items():
            has = {*machine.get("roles", ROLES)} - {role}  # type: ignore[misc]
            if name in named:
                has.add(role)
            machine["roles"] = [each for each in ROLES if each in has]


def write(answers: Answers, out: Path, *, force: bool, now: datetime) -> list[Written]:
    """Write the whole deployment into a folder; return the state of each file."""
    check_folder(out)
    credentials, secrets = credentials_of(answers, read_folder(out / SECRETS), now)
    planned = [
        PlannedFile(ANSWERS, _ANSWERS_TEMPLATE.render(a=answers)),
        PlannedFile(".gitignore", "# Secrets do not belong into a repository.\n*\n"),
        *plan(answers, credentials),
    ]
    return write_folder(out, planned, secrets, force=force)


def living_changes(answers: Answers, out: Path) -> dict[str, str]:
    """Return the parameters that differ from those of the folder's Patroni; call before `write`.

    Patroni reads them only when the cluster is created, so that the new file changes nothing.
    """
    for name in answers.named("database") if answers.is_cluster else ():
        file = out / name / "etc/patroni/patroni.yml"
        if file.is_file():
            before = file.read_text(encoding="utf-8")
            wanted = parameters(answers, answers.postgresql)
            return {
                key: value for key, value in wanted.items() if f'{key}: "{value}"' not in before
            }
    return {}


def report(
    written: list[Written], out: Path, say: Callable[[str], None], changes: Mapping[str, str]
) -> None:
    """Print the state of the files, without secrets, and what to change in a running cluster."""
    for file in written:
        if file.state is State.SAME:
            continue
        say(f"{file.state.value:>20}  {file.path}")
        if file.difference and file.state is not State.NEW:
            say(file.difference)
    same = sum(file.state is State.SAME for file in written)
    if same:
        say(f"{same} files are unchanged.")
    if changes:
        given = " ".join(f"--pg {name}={shlex.quote(value)}" for name, value in changes.items())
        say(
            "A cluster that lives takes these parameters from its own configuration, not from the"
            " file. On a machine with a database:\n"
            f"  patronictl edit-config guahao {given}\n"
            "  patronictl restart guahao   # where `patronictl list` shows Pending restart"
        )
    if any(file.state is State.KEPT for file in written):
        say("What you edited stays. Take the changes over by hand, or overwrite with --force.")
    say(
        f"Next: read {out / 'README.md'}. Keep a copy of {out / SECRETS} where the backups are not."
    )


def is_terminal() -> bool:
    """Return whether an operator can answer questions."""
    return sys.stdin.isatty() and sys.stdout.isatty()
