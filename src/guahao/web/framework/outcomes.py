"""Problems as FHIR's OperationOutcome, for requests under /fhir/."""

from __future__ import annotations

import re

import msgspec

from guahao.web.words.replies import Problem

FHIR_PATH = "/fhir/"
FHIR_JSON = "application/fhir+json"
_SYSTEM = "urn:guahao:problem"
_SERVED = (b"application/fhir+json", b"application/json", b"text/json", b"application/*", b"*/*")
_NEVER = re.compile(rb"0(\.0*)?")

# FHIR's issue types by HTTP status.
_ISSUE_TYPES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "business-rule",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
}
_encode = msgspec.json.Encoder().encode


def accepts_fhir(accepted: bytes | None) -> bool:
    """Return whether an Accept header allows JSON of this FHIR version."""
    return accepted is None or any(map(_is_served, accepted.lower().split(b",")))


def _is_served(media_range: bytes) -> bool:
    media_type, *parameters = (part.strip() for part in media_range.split(b";"))
    given = dict(part.partition(b"=")[::2] for part in parameters)
    if _NEVER.fullmatch(given.get(b"q", b"1")):
        return False
    return media_type in _SERVED and given.get(b"fhirversion", b"4.0") in (b"4.0", b"4.0.1")


def operation_outcome(problem: Problem, trace_id: str | None = None) -> bytes:
    """Encode a problem as an OperationOutcome: our code as coding, our sentence as text."""
    issue: dict[str, object] = {
        "severity": "error",
        "code": _ISSUE_TYPES.get(problem.status, "exception"),
        "details": {
            "coding": [{"system": _SYSTEM, "code": problem.code, "display": problem.title}],
            "text": problem.detail,
        },
    }
    if problem.field is not None:
        issue["expression"] = [problem.field]
    if trace_id is not None:
        issue["diagnostics"] = trace_id
    return _encode({"resourceType": "OperationOutcome", "issue": [issue]})
