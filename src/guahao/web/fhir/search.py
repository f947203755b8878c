"""Reading a FHIR search: parameters, references, dates with prefixes, paging."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from guahao.rules.limits import CITY_TIME
from guahao.web.reading import ID_MAX, QUERY_BYTES_MAX, ApiRequest, ProblemError

COUNT_DEFAULT = 50
COUNT_MAX = 200
_FIELDS_MAX = 30
_IDS_MAX = 200
_DATE = re.compile(r"(?P<prefix>eq|ge|le|gt|lt)?(?P<day>\d{4}-\d{2}-\d{2})(?P<clock>T.+)?")
_ALWAYS = frozenset({"_count", "_cursor", "_id", "_include", "_format"})
_FORMATS = frozenset({"json", "application/json", "application/fhir+json"})


@dataclass(frozen=True, slots=True)
class Search:
    """The parameters that were understood; each may be given more than once."""

    given: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """The first value of a parameter, or None."""
        values = self.given.get(name)
        return values[0] if values else None

    def ids(self, name: str, kind: str | None = None) -> list[int] | None:
        """Ids, comma-separated or repeated; `kind`: as references, `Kind/1` or just `1`.

        What is no id of ours names nothing and is left out; None where nothing was asked.
        """
        values = self.given.get(name)
        if values is None:
            return None
        texts = [part.strip() for value in values for part in value.split(",")]
        return [id for text in texts[:_IDS_MAX] if (id := reference_id(text, kind)) is not None]

    def words(self, name: str) -> set[str] | None:
        """Comma-separated words, or None where the parameter was not given."""
        values = self.given.get(name)
        return None if values is None else {w for value in values for w in value.split(",")}

    @property
    def count(self) -> int:
        """How many resources a page; at most COUNT_MAX."""
        return min(_whole(self.text("_count"), "_count", COUNT_DEFAULT), COUNT_MAX)

    @property
    def cursor(self) -> int:
        """Where the page begins: what the `next` link of the page before said."""
        return _whole(self.text("_cursor"), "_cursor", 0)

    @property
    def includes(self) -> set[str]:
        """What else is wished for, as `Slot:schedule`."""
        return set(self.given.get("_include", ()))

    def link(self, base: str, cursor: int | None = None) -> str:
        """The search as it was understood; `cursor`: its page from there on."""
        pairs = [(n, v) for n, values in self.given.items() for v in values if n != "_cursor"]
        if cursor is not None:
            pairs.append(("_cursor", str(cursor)))
        return f"{base}?{urlencode(pairs)}" if pairs else base


def read_search(request: ApiRequest, *known: str) -> Search:
    """The query string; a parameter that is not `known` is left out, as FHIR asks.

    With `Prefer: handling=strict` it is refused instead.
    """
    raw = request.scope["query_string"]
    if len(raw) > QUERY_BYTES_MAX:
        raise ProblemError("query_too_long")
    try:
        pairs = parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=_FIELDS_MAX)
    except UnicodeDecodeError:
        raise ProblemError("invalid_encoding") from None
    except ValueError:
        raise ProblemError("query_too_long") from None
    strict = b"handling=strict" in dict(request.scope["headers"]).get(b"prefer", b"")
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in _ALWAYS or name in known:
            given.setdefault(name, []).append(_clean(value, name))
        elif strict:
            raise ProblemError("fhir_parameter_unknown", field=name[:40])
    if (wanted := given.get("_format")) and wanted[0] not in _FORMATS:
        raise ProblemError("fhir_format")
    return Search(given)


def _clean(value: str, name: str) -> str:
    if not value.isprintable():
        raise ProblemError("fhir_parameter_invalid", field=name)
    return value


def reference_id(text: str, kind: str | None = None) -> int | None:
    """The id of `Kind/1`, of a URL that ends so, or of `1`; None for anything else."""
    if kind is not None and "/" in text:
        *_, named, text = text.split("/")
        if named != kind:
            return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(ID_MAX)):
        return int(text) if 1 <= int(text) <= ID_MAX else None
    return None


def in_range(dates: list[str] | None, name: str) -> Callable[[datetime], bool]:
    """Whether a moment meets all of these dates (`ge2026-12-01`, `2026-12-03`, `lt…T…`).

    A date is a whole day of the city; a moment must have its offset, or is the city's.
    """
    ranges = [_range(text, name) for text in dates or ()]
    return lambda moment: all(low <= moment < high for low, high in ranges)


def _range(text: str, name: str) -> tuple[datetime, datetime]:
    found = _DATE.fullmatch(text.replace(" ", "+"))  # a plus sign that came as a space
    if found is None:
        raise ProblemError("fhir_parameter_invalid", field=name)
    try:
        if found["clock"]:
            start = datetime.fromisoformat(found["day"] + found["clock"])
            start = start if start.tzinfo else start.replace(tzinfo=CITY_TIME)
            end = start + timedelta(seconds=1)
        else:
            day = date.fromisoformat(found["day"])
            start = datetime(day.year, day.month, day.day, tzinfo=CITY_TIME)
            end = start + timedelta(days=1)
        return _bounds(found["prefix"] or "eq", start, end)
    except (ValueError, OverflowError):
        raise ProblemError("fhir_parameter_invalid", field=name) from None


def _bounds(prefix: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    ever = datetime.max.replace(tzinfo=CITY_TIME)
    never = datetime.min.replace(tzinfo=CITY_TIME)
    return {
        "eq": (start, end),
        "ge": (start, ever),
        "gt": (end, ever),
        "le": (never, end),
        "lt": (never, start),
    }[prefix]


def _whole(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < len(str(ID_MAX)):
        return int(text)
    raise ProblemError("fhir_parameter_invalid", field=name)
