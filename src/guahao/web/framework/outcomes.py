"""Problems as FHIR's OperationOutcome, for requests under /fhir/."""

from __future__ import annotations

import msgspec

from guahao.web.words.replies import Problem

FHIR_PATH = "/fhir/"
FHIR_JSON = "application/fhir+json"
_SYSTEM = "urn:guahao:problem"

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
