"""Parsing of FHIR searches: parameters, references and paging.

A parameter given twice means both (AND), a comma one or the other (OR). What narrows a search
and is not understood is refused, so that nobody takes more for less: a modifier, a chain, a
text that is given twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from guahao.web.fhir.services import Services
from guahao.web.http.reading import ID_MAX, QUERY_BYTES_MAX, ApiRequest, ProblemError, as_id, header

COUNT_DEFAULT = 50
COUNT_MAX = 200
_FIELDS_MAX = 30
_IDS_MAX = 200
_ALWAYS = frozenset({"_count", "_cursor", "_id", "_include", "_format"})
_FORMATS = frozenset({"json", "application/json", "application/fhir+json"})


@dataclass(frozen=True, slots=True)
class Search:
    """The known parameters of a search; `base`: our base URL, for absolute references."""

    base: str
    given: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return the only value of a parameter, or None."""
        values = self.given.get(name, [])
        if len(values) > 1:
            raise ProblemError("fhir_parameter_invalid", field=name)
        return values[0] if values else None

    def ids(self, name: str, kind: str | None = None) -> list[int] | None:
        """Return the ids that a parameter allows; `kind`: of references, `Kind/1` or just `1`.

        What is no id of ours names nothing and is left out; None where nothing was asked.
        """
        if name not in self.given:
            return None
        groups = [
            {self.id_of(text, kind) for text in _alternatives(value, name)}
            for value in self.given[name]
        ]
        return sorted(id for id in set.intersection(*groups) if id is not None)

    def id_of(self, reference: str, kind: str | None) -> int | None:
        """Return the id of `Kind/1`, relative or under our base URL; without a kind, of `1`."""
        return reference_id(reference.removeprefix(f"{self.base}/"), kind)

    def refers(self, name: str) -> Callable[..., bool]:
        """Return whether the parameter matches a resource with these references (`Kind/1`)."""
        groups = [
            {text.removeprefix(f"{self.base}/") for text in _alternatives(value, name)}
            for value in self.given.get(name, ())
        ]

        def is_meant(*references: str) -> bool:
            known = {*references, *(reference.partition("/")[2] for reference in references)}
            return all(known & group for group in groups)

        return is_meant

    def tokens(self, name: str) -> Callable[..., bool]:
        """Return whether the parameter (`code`, `system|code`) matches any `(system, code)`."""
        groups = [_alternatives(value, name) for value in self.given.get(name, ())]

        def is_meant(*tokens: tuple[str, str]) -> bool:
            return all(
                any(_is_token(t, *token) for t in group for token in tokens) for group in groups
            )

        return is_meant

    def words(self, name: str) -> set[str] | None:
        """Return the codes that a parameter allows; None where it is missing."""
        if name not in self.given:
            return None
        return set.intersection(
            *({code.rpartition("|")[2] for code in v.split(",")} for v in self.given[name])
        )

    @property
    def count(self) -> int:
        """Return the page size, at most COUNT_MAX; 0 asks for the total only."""
        return min(_whole(self.text("_count"), "_count", COUNT_DEFAULT), COUNT_MAX)

    def after(self, parts: int) -> tuple[int, ...] | None:
        """Return the key of `parts` numbers that the page begins after; None: the first page.

        A key, not a count: what sells out or is added between two pages moves no page.
        """
        text = self.text("_cursor")
        if text is None:
            return None
        key = tuple(_whole(part, "_cursor", 0) for part in text.split("."))
        if len(key) != parts:
            raise ProblemError("fhir_parameter_invalid", field="_cursor")
        return key

    @property
    def includes(self) -> set[str]:
        """Return the resources to include, such as `Slot:schedule`."""
        return set(self.given.get("_include", ()))

    def backwards(self, name: str) -> bool:
        """Return whether `_sort` is descending; `name` is the only parameter to sort by."""
        wish = self.text("_sort")
        if wish not in (None, name, f"-{name}"):
            raise ProblemError("fhir_parameter_invalid", field="_sort")
        return wish == f"-{name}"

    def link(self, base: str, after: tuple[int, ...] | None = None) -> str:
        """Return the URL of the search; `after`: of its page after this key."""
        pairs = [(n, v) for n, values in self.given.items() for v in values]
        if after is not None:
            pairs = [(n, v) for n, v in pairs if n != "_cursor"]
            pairs.append(("_cursor", ".".join(map(str, after))))
        return f"{base}?{urlencode(pairs)}" if pairs else base


def read_search(services: Services, request: ApiRequest, *known: str) -> Search:
    """Parse the query string; parameters that are not `known` are ignored, as FHIR requires.

    With `Prefer: handling=strict` they are refused instead. Modifiers (`name:exact`) and chains
    (`schedule.actor`) of known parameters are always refused, as FHIR requires.
    """
    strict = b"handling=strict" in (header(request.scope, b"prefer") or b"")
    known_here = _ALWAYS.union(known)
    given: dict[str, list[str]] = {}
    for name, value in _pairs(request):
        if name in known_here:
            given.setdefault(name, []).append(_clean(value, name))
        elif name == "_include:iterate":
            raise ProblemError("fhir_include_iterate")
        elif name.partition(".")[0].partition(":")[0] in known_here and "." in name:
            raise ProblemError("fhir_chain", field=name[:40])
        elif strict or name.partition(":")[0] in known_here:
            raise ProblemError("fhir_parameter_unknown", field=name[:40])
    if (wanted := given.get("_format")) and wanted[0].replace(" ", "+") not in _FORMATS:
        raise ProblemError("fhir_format")
    return Search(services.base, given)


def _pairs(request: ApiRequest) -> list[tuple[str, str]]:
    raw = request.scope["query_string"]
    if len(raw) > QUERY_BYTES_MAX:
        raise ProblemError("query_too_long")
    try:
        return parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=_FIELDS_MAX)
    except UnicodeDecodeError:
        raise ProblemError("invalid_encoding") from None
    except ValueError:
        raise ProblemError("query_too_long") from None


def _clean(value: str, name: str) -> str:
    if not value.isprintable():
        raise ProblemError("fhir_parameter_invalid", field=name)
    return value


def _alternatives(value: str, name: str) -> list[str]:
    texts = [text.strip() for text in value.split(",")]
    if len(texts) > _IDS_MAX:
        raise ProblemError("fhir_parameter_invalid", field=name)
    return texts


def _is_token(asked: str, system: str, code: str) -> bool:
    if "|" not in asked:
        return asked == code
    asked_system, _, asked_code = asked.partition("|")
    return asked_system == system and asked_code in (code, "")


def reference_id(text: str, kind: str | None = None) -> int | None:
    """Return the id of `Kind/1` or of `1`; None for other texts."""
    if kind is not None:
        text = text.removeprefix(f"{kind}/")
    return as_id(text)


def all_of(*constraints: Iterable[int] | None) -> list[int] | None:
    """Return the ids that all constraints allow; None where there is no constraint."""
    asked = [set(ids) for ids in constraints if ids is not None]
    return sorted(set.intersection(*asked)) if asked else None


def _whole(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < len(str(ID_MAX)):
        return int(text)
    raise ProblemError("fhir_parameter_invalid", field=name)
