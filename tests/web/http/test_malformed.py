"""Whatever is sent, the answer is a 4xx that says what was wrong, in the reader's language."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.city import Clock
from tests.web.site import (
    API,
    CHINESE,
    ENGLISH,
    Citizen,
    Site,
    add_citizen,
    closed,
    problem,
)

JSON = {"Content-Type": "application/json"}
KEY = {"Idempotency-Key": "a-key"}
LANGUAGES = pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
BOOKING = {"clinic_session_id": 1, "patient_id": 1}
PERSON = {"name": "张三", "id_type": "01", "id_no": "110101199003070011"}
LOOKUP = {"code": "12345678", "id_no": "110101199003070011"}
PROOF = {"phone": "13800000001", "otp": "123456"}


@pytest.fixture(scope="module")
def closed_site() -> Site:
    """The same for every call: each is refused before anything is remembered of it."""
    return closed(Clock())


_accounts = count(1)


@pytest.fixture
def token(closed_site: Site) -> str:
    """All this is refused before anybody asks whose token it is."""
    return closed_site.token(next(_accounts))  # no account asks too often


@LANGUAGES
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"clinic_session_id": 1, "patient_id": 1', 400, "malformed_json"),
        (b'{"clinic_session_id": 1, "patient_id": 1} {}', 400, "malformed_json"),
        (b"{'clinic_session_id': 1}", 400, "malformed_json"),
        (b'{"clinic_session_id": NaN, "patient_id": 1}', 400, "malformed_json"),
        (b"\xef\xbb\xbf{}", 400, "malformed_json"),
        (b'{"patient_id\xff": 1}', 400, "invalid_encoding"),
        (b'{"\xc3\x28": 1}', 400, "invalid_encoding"),
        (b'{"\\ud800": 1}', 400, "malformed_json"),
        (b"null", 422, "not_an_object"),
        (b"[]", 422, "not_an_object"),
        (b"[" * 10_000, 422, "not_an_object"),
        (b'"text"', 422, "not_an_object"),
        (b"{}", 422, "missing_field"),
        (b'{"patient_id": 1}', 422, "missing_field"),
        (b'{"clinic_session_id": 1, "patient_id": 1, "x": 2}', 422, "unknown_field"),
        (b'{"clinic_session_id": 1, "patient_id": 1, "": 2}', 422, "unknown_field"),
        (b'{"clinic_session_id": 1, "patient_id": "1"}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": 1.0}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": true}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": null}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": {"a": []}}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": 0}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": -1}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": 9223372036854775808}', 422, "invalid_field"),
        (b'{"clinic_session_id": 1, "patient_id": 1e400}', 422, "invalid_field"),
        (b'{"clinic_session_id": ' + b"9" * 9000 + b"}", 422, "invalid_field"),
        (b'{"clinic_session_id": ' + b"[" * 9000 + b"}", 422, "invalid_field"),
        (b" " * 17_000, 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_not_as_described(
    closed_site: Site, token: str, language: dict[str, str], body: bytes, status: int, code: str
) -> None:
    answer = await closed_site.post(
        f"{API}/appointments", token=token, content=body, headers=JSON | KEY | language
    )
    problem(answer, status, code)


@LANGUAGES
@pytest.mark.parametrize(
    ("path", "body", "field", "value"),
    [
        ("/patients", PERSON, "name", ""),
        ("/patients", PERSON, "name", "王" * 61),
        ("/patients", PERSON, "name", "张\0三"),
        ("/patients", PERSON, "name", "张三\n"),
        ("/patients", PERSON, "name", 7),
        ("/patients", PERSON, "id_type", "05"),
        ("/patients", PERSON, "id_type", 1),
        ("/patients", PERSON, "id_no", "1" * 41),
        ("/patients", PERSON, "id_no", "1101\x1b"),
        ("/appointments/lookup", LOOKUP, "code", "1234567"),
        ("/appointments/lookup", LOOKUP, "code", "１２３４５６７８"),
        ("/appointments/lookup", LOOKUP, "code", "12345678\n"),
        ("/appointments/lookup", LOOKUP, "code", 12345678),
        ("/appointments/lookup", LOOKUP, "id_no", ""),
        ("/auth/otp", {"phone": "13800000001"}, "phone", "1" * 33),
        ("/auth/otp", {"phone": "13800000001"}, "phone", "138\x0000000001"),
        ("/auth/token", PROOF, "otp", "1" * 17),
        ("/auth/token", PROOF, "otp", 123456),
    ],
)
async def test_a_field_that_cannot_be_right_is_named_with_what_it_should_be(
    closed_site: Site,
    token: str,
    language: dict[str, str],
    path: str,
    body: dict[str, Any],
    field: str,
    value: object,
) -> None:
    answer = await closed_site.post(
        API + path, token=token, json=body | {field: value}, headers=language
    )
    detail = problem(answer, 422, "invalid_field")
    assert field in detail
    assert answer.json()["field"] == field
    assert not any(text in detail for text in ("API", "接口文档"))


@LANGUAGES
@pytest.mark.parametrize("key", [None, "", "a b", "密".encode(), b"\xff", "a" * 65, "a\tb"])
async def test_an_idempotency_key_that_is_none(
    closed_site: Site, token: str, language: dict[str, str], key: str | bytes | None
) -> None:
    sent: list[tuple[bytes, bytes]] = [
        (name.encode(), value.encode()) for name, value in language.items()
    ]
    if key is not None:
        sent.append((b"Idempotency-Key", key if isinstance(key, bytes) else key.encode()))
    sent.append((b"Authorization", f"Bearer {token}".encode()))
    async with closed_site.client() as client:
        answer = await client.post(f"{API}/appointments", headers=sent, json=BOOKING)
    problem(answer, 400, f"idempotency_key_{'required' if key is None else 'invalid'}")


@LANGUAGES
@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", ";", "\x7f"],
)
async def test_a_content_type_that_is_not_json(
    closed_site: Site, language: dict[str, str], content_type: str | None
) -> None:
    headers = language if content_type is None else language | {"Content-Type": content_type}
    answer = await closed_site.post(f"{API}/auth/otp", content=b'{"phone": "1"}', headers=headers)
    problem(answer, 415, "unsupported_media_type")


async def test_a_content_type_may_name_its_charset(closed_site: Site) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = await closed_site.post(f"{API}/auth/otp", content=b'{"phone": "1"}', headers=headers)
    problem(answer, 422, "phone_invalid")


SESSIONS = "/clinic-sessions?hospital_id=1&department_id=1"


@LANGUAGES
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/hospitals?cursor=abc", 422, "invalid_field"),
        ("/hospitals?cursor=null", 422, "invalid_field"),
        ("/hospitals?cursor=-1", 422, "invalid_field"),
        ("/hospitals?cursor=9223372036854775808", 422, "invalid_field"),
        ("/hospitals?q=" + "x" * 81, 422, "invalid_field"),
        ("/hospitals?q=%00", 422, "invalid_field"),
        ("/hospitals?q=%ff", 400, "invalid_encoding"),
        ("/hospitals?grad=1", 422, "unknown_field"),
        ("/hospitals?%00=1", 422, "unknown_field"),
        ("/hospitals?q=" + "x" * 3000, 414, "query_too_long"),
        ("/hospitals?" + "q=1&" * 40, 414, "query_too_long"),
        ("/clinic-sessions", 422, "missing_field"),
        ("/clinic-sessions?hospital_id=1", 422, "missing_field"),
        ("/clinic-sessions?department_id=1", 422, "missing_field"),
        (f"{SESSIONS}&date_from=2026-02-30", 422, "invalid_field"),
        (f"{SESSIONS}&date_from=20261203", 422, "invalid_field"),
        (f"{SESSIONS}&date_to=2026-12-03T00:00", 422, "invalid_field"),
        (f"{SESSIONS}&date_to=0000-00-00", 422, "invalid_field"),
        (f"{SESSIONS}&date_to=tomorrow", 422, "invalid_field"),
        (f"{SESSIONS}&date_from=2026-12-04&date_to=2026-12-03", 422, "invalid_period"),
        (f"{SESSIONS}&title=%0a", 422, "invalid_field"),
        ("/appointments?view=all", 422, "invalid_field"),
        ("/appointments/abc", 404, "unknown_appointment"),
        ("/appointments/-1", 404, "unknown_appointment"),
        ("/appointments/9223372036854775808", 404, "unknown_appointment"),
        ("/appointments/%00", 404, "unknown_appointment"),
        ("/appointments/%ff", 404, "unknown_appointment"),
        ("/nothing", 404, "not_found"),
        ("/appointments/1/2/3", 404, "not_found"),
        ("/../../etc/passwd", 404, "not_found"),
    ],
)
async def test_an_address_that_cannot_be_right(
    closed_site: Site, token: str, language: dict[str, str], path: str, status: int, code: str
) -> None:
    problem(await closed_site.get(API + path, token=token, headers=language), status, code)


async def test_extreme_dates_are_only_empty(site: Site) -> None:
    answer = await site.get(f"{API}{SESSIONS}&date_from=0001-01-01&date_to=9999-12-31")
    assert answer.json() == {"items": [], "next": None}


@LANGUAGES
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"{API}/appointments"),
        ("PUT", f"{API}/me"),
        ("GET", f"{API}/auth/otp"),
        ("BREW", f"{API}/me"),
        ("POST", "/health/live"),
    ],
)
async def test_a_method_that_is_not_taken_names_those_that_are(
    closed_site: Site, language: dict[str, str], method: str, path: str
) -> None:
    answer = await closed_site.call(method, path, headers=language)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


@LANGUAGES
async def test_a_host_that_cannot_be_one(closed_site: Site, language: dict[str, str]) -> None:
    answer = await closed_site.get(f"{API}/me", headers=language | {"Host": "a b/../"})
    problem(answer, 400, "bad_request")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["phone", "otp", "name", "id_type", "id_no", "code", "clinic_session_id", "patient_id"]
)
BODIES = st.one_of(
    st.binary(max_size=200),
    ANYTHING.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(NAMES, ANYTHING).map(lambda value: json.dumps(value).encode()),
)
PATHS = ["/auth/otp", "/auth/token", "/patients", "/appointments", "/appointments/lookup"]


@pytest.fixture
async def citizen(site: Site) -> Citizen:
    return await add_citizen(site)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.sampled_from(PATHS), body=BODIES)
async def test_no_body_whatever_is_our_own_failure(
    site: Site, citizen: Citizen, path: str, body: bytes
) -> None:
    answer = await site.post(
        API + path, token=citizen.token, content=body, headers=JSON | KEY | CHINESE
    )
    assert 400 <= answer.status_code < 500, answer.text
    problem(answer, answer.status_code, answer.json()["code"])


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(["/hospitals", "/clinic-sessions", "/appointments", "/hospitals/1"]),
    query=st.dictionaries(
        st.sampled_from(["q", "cursor", "hospital_id", "department_id", "date_from", "view"])
        | st.text(max_size=5),
        st.text(max_size=20),
        max_size=4,
    ),
)
async def test_no_query_whatever_is_our_own_failure(
    site: Site, citizen: Citizen, path: str, query: dict[str, str]
) -> None:
    answer = await site.get(API + path, token=citizen.token, params=query)
    assert answer.status_code < 500, answer.text
