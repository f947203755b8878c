"""Map dataclasses to the columns of statements and rows, by name."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@cache
def names(cls: type[DataclassInstance]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in order."""
    return tuple(field.name for field in fields(cls))


def columns(cls: type[DataclassInstance], alias: str = "", prefix: str = "") -> str:
    """Return the columns named after the fields, of the table `alias`, each under `prefix`."""
    table = f"{alias}." if alias else ""
    if not prefix:
        return ", ".join(f"{table}{name}" for name in names(cls))
    return ", ".join(f"{table}{name} AS {prefix}{name}" for name in names(cls))


def parameters(cls: type[DataclassInstance]) -> str:
    """Return the named parameters of the fields, to be given `asdict` of an instance."""
    return ", ".join(f"%({name})s" for name in names(cls))


def take(cls: type[T], row: dict[str, Any], prefix: str = "") -> T:
    """Make an instance of the columns under `prefix`, which are removed from the row."""
    return cls(**{name: row.pop(f"{prefix}{name}") for name in names(cls)})
