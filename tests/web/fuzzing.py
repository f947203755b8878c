"""A check of the fuzzer's own: what the description allows is not refused for its form."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

# What a request whose form is right must never hear.
_ABOUT_FORM = {
    "malformed_json",
    "invalid_encoding",
    "invalid_field",
    "missing_field",
    "unknown_field",
    "not_an_object",
    "idempotency_key_required",
    "idempotency_key_invalid",
}


@schemathesis.hook
def filter_body(_: schemathesis.HookContext, body: Any) -> bool:
    """Without 17.0 for 17: a whole number to JSON Schema, and to us a slip of the caller's."""
    if isinstance(body, dict):
        return all(filter_body(_, value) for value in body.values())
    if isinstance(body, list):
        return all(filter_body(_, value) for value in body)
    return not (isinstance(body, float) and body.is_integer())


@schemathesis.check
def what_the_description_allows_is_well_formed(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A call made by the description may be refused by the rules, but not as malformed."""
    made_by_it = case.meta is not None and case.meta.generation.mode.is_positive
    if made_by_it and "problem+json" in str(response.headers.get("content-type")):
        assert response.json()["code"] not in _ABOUT_FORM, response.text


@schemathesis.check
def a_wrong_item_is_refused_for_itself(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Where many items are answered one by one, a list that is not as described has a refusal."""
    body = None if case.meta is None else case.meta.components.get(ParameterLocation.BODY)
    if body is not None and body.mode.is_negative and response.status_code == 200:
        told = response.json()
        assert "refused" not in told or told["refused"] > 0, response.text
