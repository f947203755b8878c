"""Read a policy to compare: a TOML or JSON file with the changed numbers."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from guahao.rules.kernel.limits import HospitalRules, Policy

_Numbers = TypeVar("_Numbers", Policy, HospitalRules)

_COUNT = Annotated[int, Meta(ge=0, le=1000)]
# The bounds of numbers that are not simply counts or times of day.
_TYPES: dict[str, Any] = {
    "horizon_months": Annotated[int, Meta(ge=1, le=24)],
    "short_window_days": Annotated[int, Meta(ge=1, le=366)],
    "long_window_months": Annotated[int, Meta(ge=1, le=24)],
    "first_suspension_months": Annotated[int, Meta(ge=0, le=120)],
    "second_suspension_months": Annotated[int, Meta(ge=0, le=120)],
    "unchecked_may_book_experts": bool,
    "draw_returned_places": bool,
    "long_waits_percent": Annotated[int, Meta(ge=0, le=100)],
    "personal_release": bool,
    "checked_only": bool,
    "cancel_channels": frozenset[Literal["agent", "patient"]],
    "cycle_days": Annotated[int, Meta(ge=1, le=92)] | None,
    "cancel_days_before": Annotated[int, Meta(ge=1, le=30)],
}


class PolicyFileError(Exception):
    """A policy file is wrong; the message says where and what is expected."""


def read_policy(path: Path) -> tuple[Policy, HospitalRules]:
    """Return the platform's policy, and the rules of all hospitals from the table `hospital`.

    Numbers that the file does not name have their default. Raises PolicyFileError.
    """
    given = _read(path)
    hospital = given.pop("hospital", {})
    if not isinstance(hospital, dict):
        raise PolicyFileError("hospital: expected a table of a hospital's own numbers")
    return _changed(Policy(), given, ""), _changed(HospitalRules(), hospital, "hospital.")


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text) if path.suffix.lower() == ".toml" else _json(path, text)
    except OSError as error:
        raise PolicyFileError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # not UTF-8, not TOML, not JSON
        raise PolicyFileError(f"not {path.suffix[1:].upper()}: {error}") from None
    if not isinstance(given, dict):
        raise PolicyFileError("expected an object of names and numbers")
    return given


def _json(path: Path, text: str) -> Any:
    if path.suffix.lower() != ".json":
        raise PolicyFileError("expected a .toml or a .json file")
    return json.loads(text)


def _changed(defaults: _Numbers, given: dict[str, Any], prefix: str) -> _Numbers:
    """Return the defaults with the given values, each checked for type and bounds."""
    of = type(defaults)
    hints = get_type_hints(of)
    names = [field.name for field in fields(of)]
    unknown = [f"{prefix}{name}" for name in given if name not in names]
    if unknown:
        known = ", ".join(f"{prefix}{name}" for name in names)
        raise PolicyFileError(f"unknown: {', '.join(unknown)}; known are {known}")
    numbers = {name: _convert(prefix + name, given[name], hints[name]) for name in given}
    return of(**{**asdict(defaults), **numbers})


def _convert(name: str, value: Any, hint: Any) -> Any:
    wanted = _TYPES.get(name.removeprefix("hospital."), _COUNT if hint is int else None)
    if wanted is None:
        wanted = Annotated[hint, Meta(tz=False)]  # a time of day of the city
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise PolicyFileError(f"{name}: {str(error)[0].lower()}{str(error)[1:]}") from None
