"""The answers from which a deployment is rendered, and their checks."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import msgspec

from guahao.errors import OperatorError

Role = Literal["database", "web", "worker"]
ROLES: tuple[Role, ...] = ("database", "web", "worker")
_DATABASES = (3, 5)  # a majority of two is both, so that two machines survive no loss
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_HOTLINE = re.compile(r"\+?[0-9][0-9 -]{1,18}[0-9]")
_PATH = re.compile(r"/[A-Za-z0-9._/-]+")
_BOUNDS = {
    "postgresql": (15, 30),
    "web_processes": (2, 16),
    "memory_gb": (4, 4096),
}


class AnswersError(OperatorError):
    """An answer is wrong; the message says which, and what to answer instead."""


class Machine(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A machine: its address for the other machines, and its roles."""

    address: str
    roles: tuple[Role, ...] = ROLES


class Answers(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The answers; docs/operators/install.md explains each."""

    public_host: str
    machines: dict[str, Machine]
    postgresql: int = 15  # the major version of the machines' distribution; 15 is Debian 12's
    # On each machine that serves the web. The last is apart; with two others, the public is served
    # while one of them is stuck.
    web_processes: int = 3
    memory_gb: int = 8  # of each machine with a database
    virtual_address: str | None = None  # moved between the web machines by keepalived
    virtual_interface: str = "eth0"
    monitoring: str | None = None  # the machine of Prometheus, which alone reads the metrics
    hotline: str = "114"  # the phone number that an error page names
    certificate: str = "/etc/guahao/tls/public.crt"
    certificate_key: str = "/etc/guahao/tls/public.key"

    def named(self, role: Role) -> dict[str, Machine]:
        """Return the machines with a role."""
        return {name: machine for name, machine in self.machines.items() if role in machine.roles}

    @property
    def is_cluster(self) -> bool:
        """Return whether the database is on several machines."""
        return len(self.machines) > 1


def read_answers(path: Path) -> Answers:
    """Read a file of answers; raises AnswersError."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnswersError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AnswersError(f"{path} is not a TOML file in UTF-8: {error}") from error
    try:
        return check(given)
    except AnswersError as error:
        raise AnswersError(f"{path}: {error}") from error


def check(given: Mapping[str, object]) -> Answers:
    """Return the answers, or raise AnswersError for the first wrong answer."""
    try:
        answers = msgspec.convert(given, Answers)
    except msgspec.ValidationError as error:
        raise AnswersError(str(error)) from error
    if _HOST.fullmatch(answers.public_host) is None:
        raise AnswersError(
            f"public_host: {answers.public_host!r} must be the name people type, in lower case,"
            " such as guahao.example.cn"
        )
    for name, (least, most) in _BOUNDS.items():
        if not least <= getattr(answers, name) <= most:
            raise AnswersError(f"{name} must be a whole number from {least} to {most}")
    for name in ("certificate", "certificate_key"):
        if _PATH.fullmatch(getattr(answers, name)) is None:
            raise AnswersError(f"{name} must be the path of a file on the web machines")
    if _INTERFACE.fullmatch(answers.virtual_interface) is None:
        raise AnswersError("virtual_interface must be a network interface such as eth0")
    if _HOTLINE.fullmatch(answers.hotline) is None:
        raise AnswersError("hotline must be the number that people call, such as 114")
    _check_machines(answers)
    return answers


def check_reachable(answers: Answers) -> None:
    """Raise AnswersError if the machines, or Prometheus, cannot reach each other.

    Only the tests' cluster uses the loopback addresses of a single machine.
    """
    if not answers.is_cluster and answers.monitoring is None:
        return
    for name, machine in answers.machines.items():
        if ip_address(machine.address).is_loopback:
            raise AnswersError(
                f"machines: {machine.address} reaches {name} from itself only; give the address"
                " under which the others reach it"
            )


def machines_of(text: str) -> dict[str, dict[str, str]]:
    """Read `web1=10.0.0.1,web2=10.0.0.2`."""
    machines: dict[str, dict[str, str]] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, equals, address = (part.strip() for part in word.partition("="))
        if not equals or not address:
            raise AnswersError(
                f"machines: {word!r} must be NAME=ADDRESS, such as web1=10.0.0.1,web2=10.0.0.2"
            )
        if name in machines:
            raise AnswersError(f"machines: {name} is there twice")
        machines[name] = {"address": address}
    return machines


def _check_machines(answers: Answers) -> None:
    if not answers.machines:
        raise AnswersError("machines: name at least one, such as --machines web1=10.0.0.1")
    addresses: dict[str, str] = {}
    for name, machine in answers.machines.items():
        if _NAME.fullmatch(name) is None:
            raise AnswersError(
                f"machines: {name!r} must be lower-case letters, digits and -, beginning with a"
                " letter, such as web1"
            )
        address = _address(f"machines: the address of {name}", machine.address)
        if address in addresses:
            raise AnswersError(f"machines: {name} and {addresses[address]} have one address")
        addresses[address] = name
        if not machine.roles or len(set(machine.roles)) < len(machine.roles):
            raise AnswersError(f"machines: {name} needs roles, each once: {', '.join(ROLES)}")
    _check_roles(answers)
    if answers.monitoring is not None:
        _address("monitoring", answers.monitoring)
    if answers.virtual_address is not None:
        if not answers.is_cluster:
            raise AnswersError("virtual_address is for several machines; one has its own address")
        if _address("virtual_address", answers.virtual_address) in addresses:
            raise AnswersError("virtual_address must belong to no machine")


def _check_roles(answers: Answers) -> None:
    for role in ROLES:
        if not answers.named(role):
            raise AnswersError(f"machines: no machine is {role}; give the role to at least one")
    databases = len(answers.named("database"))
    if answers.is_cluster and databases not in _DATABASES:
        raise AnswersError(
            f"machines: {databases} with a database cannot agree on a primary when one is lost."
            " Use one machine for everything, or three (or five) with a database: two lose their"
            " majority with either of them"
        )


def _address(what: str, text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise AnswersError(f"{what}: {text!r} must be an IP address such as 10.0.0.1") from None
    if address.version != 4:  # noqa: PLR2004 - IPv4 within the city's own network
        raise AnswersError(f"{what}: {text} must be an IPv4 address, as the machines use inside")
    is_other = what in ("virtual_address", "monitoring") and address.is_loopback
    if address.is_unspecified or address.is_multicast or is_other:
        raise AnswersError(f"{what}: {text} is no address of a machine")
    return str(address)
