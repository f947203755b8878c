"""The OpenAPI 3.1 description of the API, generated from its endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import msgspec
from litestar.types import Method

from guahao.rules.integration.clients import Scope
from guahao.web.framework.problems import MEDIA_TYPE, ProblemBody, problem_body
from guahao.web.http.reading import EXTERNAL_ID
from guahao.web.words.fields import FIELDS
from guahao.web.words.replies import Replies
from guahao.words.catalogue import Language
from guahao.words.text import Words

_SCHEMAS = "#/components/schemas/{name}"
_ALWAYS = ("too_many_requests", "internal_error", "unavailable")
_TOKEN = ("token_required", "token_invalid", "token_expired")
_WITH_TOKEN = (*_TOKEN, "log_in_ended", "confirm_required")
_WITH_SCOPE = (*_TOKEN, "scope_missing", "client_disabled", "certificate_wrong")
_SCOPES = {
    Scope.SUPPLY: Words("发布科室和号源、停诊"),
    Scope.BOOKINGS: Words("查看本院预约和患者"),
    Scope.ATTENDANCE: Words("取号、上报就诊"),
}
_WITH_QUERY = ("invalid_field", "unknown_field", "invalid_encoding", "query_too_long")
_WITH_BODY = (
    "malformed_json",
    "invalid_encoding",
    "invalid_field",
    "missing_field",
    "unknown_field",
    "not_an_object",
    "unsupported_media_type",
    "body_too_large",
)
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_EXAMPLE_FIELD = "patient_id"
_EXAMPLE_SECONDS = 30
_VISIBLE_ASCII = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}
_TITLE = Words("挂号平台接口")
_ABOUT = Words(
    "时间为带时区的ISO 8601，日期为YYYY-MM-DD，金额以分为单位。"
    "错误一律为application/problem+json；用Accept-Language选择中文（默认）或英文。"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the API: its path, input, response and problems.

    `needs_token`: a citizen's token. `scope`: the scope that a hospital's token needs; empty: any
    token of the hospital. `others`: responses of other statuses that are not problems.
    """

    method: Method
    path: str
    tag: Words
    summary: Words
    answer: msgspec.Struct  # an example; its type is the response type
    status: int = 200
    body: msgspec.Struct | None = None  # an example likewise
    query: type[msgspec.Struct] | None = None
    headers: Mapping[str, Words] | None = None  # required ones
    needs_token: bool = True
    scope: Scope | Literal[""] | None = None
    is_form: bool = False  # the body is one
    others: Mapping[int, msgspec.Struct] | None = None
    problems: tuple[str, ...] = ()

    def codes(self) -> list[str]:
        """Return every problem that this endpoint can respond with."""
        return [
            *(_WITH_TOKEN if self.needs_token else ()),
            *(() if self.scope is None else _WITH_SCOPE),
            *(_WITH_QUERY if self.query else ()),
            *(_WITH_BODY if self.body and not self.is_form else ()),
            *self.problems,
            *_ALWAYS,
        ]


def describe(
    endpoints: Iterable[Endpoint], prefix: str, replies: Replies, language: Language
) -> bytes:
    """Return the OpenAPI document in a language."""
    endpoints = list(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operations = paths.setdefault(prefix + endpoint.path, {})
        operations[endpoint.method.lower()] = _operation(endpoint, replies, language)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": _TITLE.of(language),
            "version": version("guahao"),
            "description": _ABOUT.of(language),
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints, language),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "hospital": _hospital_security(prefix, language),
            },
        },
    }
    return msgspec.json.encode(document)


def _hospital_security(prefix: str, language: Language) -> dict[str, Any]:
    """Describe OAuth 2 client credentials (RFC 6749, 4.4)."""
    scopes = {scope.value: words.of(language) for scope, words in _SCOPES.items()}
    flow = {"tokenUrl": f"{prefix}/hospital/token", "scopes": scopes}
    return {"type": "oauth2", "flows": {"clientCredentials": flow}}


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.scope is not None:
        return [{"hospital": [endpoint.scope] if endpoint.scope else []}]
    return [{"token": []}] if endpoint.needs_token else []


def _schemas(endpoints: list[Endpoint], language: Language) -> dict[str, Any]:
    types = {type(endpoint.answer) for endpoint in endpoints} | {
        type(c.body) for c in endpoints if c.body
    }
    types |= {type(other) for endpoint in endpoints for other in (endpoint.others or {}).values()}
    ordered = sorted(types | {ProblemBody}, key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_SCHEMAS)
    bodies = {type(endpoint.body).__name__ for endpoint in endpoints if endpoint.body}
    for body in bodies | {name for name in schemas if name.endswith("ItemIn")}:
        for name, schema in schemas[body]["properties"].items():
            schema["description"] = FIELDS[name].of(language)
    return schemas


def _operation(endpoint: Endpoint, replies: Replies, language: Language) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}{_identifier(endpoint.path)}",
        "tags": [endpoint.tag.of(language)],
        "summary": endpoint.summary.of(language),
        "parameters": _parameters(endpoint, language),
        "responses": _responses(endpoint, replies, language),
        "security": _security(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {_FORM if endpoint.is_form else _JSON: _content(endpoint.body)},
        }
    return operation


def _identifier(path: str) -> str:
    return path.replace("/", "_").replace("-", "_").replace("{", "").replace("}", "")


def _content(example: msgspec.Struct) -> dict[str, Any]:
    return {
        "schema": {"$ref": _SCHEMAS.format(name=type(example).__name__)},
        "example": msgspec.to_builtins(example),
    }


def _parameters(endpoint: Endpoint, language: Language) -> list[dict[str, Any]]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    for name, words in (endpoint.headers or {}).items():
        parameters.append(
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": words.of(language),
                "schema": _VISIBLE_ASCII,
            }
        )
    return parameters + _query_parameters(endpoint, language)


def _path_schema(name: str) -> dict[str, Any]:
    if name == "external_id":
        return {"type": "string", "pattern": EXTERNAL_ID}
    return {"type": "integer", "minimum": 1}


def _query_parameters(endpoint: Endpoint, language: Language) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    schema = msgspec.json.schema_components([endpoint.query], ref_template=_SCHEMAS)[1]
    described = schema[endpoint.query.__name__]
    required = described.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            # An empty value counts as missing: forms send fields that were left empty.
            **({} if name in required else {"allowEmptyValue": True}),
            "description": FIELDS[name].of(language),
            "schema": field,
        }
        for name, field in described["properties"].items()
    ]


def _responses(endpoint: Endpoint, replies: Replies, language: Language) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(endpoint.status): {
            "description": endpoint.summary.of(language),
            "content": {_JSON: _content(endpoint.answer)},
        }
    }
    for status, other in (endpoint.others or {}).items():
        responses[str(status)] = {
            "description": endpoint.summary.of(language),
            "content": {_JSON: _content(other)},
        }
    for code in endpoint.codes():
        problem = replies.problem(
            code, language, field=_EXAMPLE_FIELD, retry_after_seconds=_EXAMPLE_SECONDS
        )
        response = responses.setdefault(
            str(problem.status), {"description": "", "content": {MEDIA_TYPE: _problem_content()}}
        )
        problems = response["content"].setdefault(MEDIA_TYPE, _problem_content())
        examples = problems["examples"]
        examples[code] = {"value": msgspec.to_builtins(problem_body(problem))}
        response["description"] = " / ".join(examples)
    return responses


def _problem_content() -> dict[str, Any]:
    return {"schema": {"$ref": _SCHEMAS.format(name=ProblemBody.__name__)}, "examples": {}}
