"""The HTTP protocol of Alibaba Cloud's APIs, for stand-ins of its services.

Requests are signed as the provider's SDK signs them (ACS3-HMAC-SHA256); the provider's
troubles come on demand.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

KEY_ID = "stand-in"
KEY_SECRET = "the stand-in's secret"  # noqa: S105 - nobody's

_ALGORITHM = "ACS3-HMAC-SHA256"
_LOCK = threading.Lock()
_END_SECONDS = 0.05  # how often a server checks whether to stop; 0.5 by default


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault that a request meets.

    `code`: the answer, with `status`, instead of doing what was asked. `seconds`: how long
    the answer takes. `lost`: the connection breaks before the request is taken, or `after`.
    """

    code: str | None = None
    status: int = 200
    seconds: float = 0
    lost: bool = False
    after: bool = False


THROTTLED = Trouble("Throttling.User", 400)
FAILING = Trouble("ServiceUnavailable", 503)
ANSWER_LOST = Trouble(lost=True, after=True)
CALL_LOST = Trouble(lost=True)


@dataclass
class AliyunStandIn:
    """A service. The next requests of an action meet its `troubles` in order."""

    calls: list[str] = field(default_factory=list)
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)
    chance: Callable[[], Trouble] = Trouble  # if none is named

    def trouble(self, action: str, *troubles: Trouble) -> None:
        """Let the next requests of this action meet these troubles."""
        self.troubles.setdefault(action, []).extend(troubles)

    def next_trouble(self, action: str) -> Trouble:
        """Return the trouble that this request meets."""
        with _LOCK:
            self.calls.append(action)
            waiting = self.troubles.get(action)
            return waiting.pop(0) if waiting else self.chance()

    def answer(self, action: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Carry out an action; `query` holds the parameters of the URL and the form."""
        raise NotImplementedError


def accepted(**more: Any) -> dict[str, Any]:
    """Return the answer to an accepted request."""
    return {"Code": "OK", "Message": "OK", "RequestId": "stand-in", **more}


def refusal(code: str) -> dict[str, Any]:
    """Return the answer to a refused request."""
    return {"Code": code, "Message": code, "RequestId": "stand-in"}


@contextmanager
def serving(stand_in: AliyunStandIn, port: int = 0) -> Iterator[str]:
    """Serve until the end of the block and yield the address; port 0 takes a free port."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(_END_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _signed(query: Sequence[tuple[str, str]], headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether the request and its body are signed with our key and secret."""
    authorization = headers.get("authorization", "")
    parts = dict(part.split("=", 1) for part in authorization.split(" ", 1)[-1].split(","))
    names = parts.get("SignedHeaders", "").split(";")
    digest = headers.get("x-acs-content-sha256", "")
    canonical = "\n".join(
        [
            "POST",
            "/",
            "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(query)),
            *(f"{name}:{headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            digest,
        ]
    )
    text = f"{_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(KEY_SECRET.encode(), text.encode(), "sha256").hexdigest()
    return (
        parts.get("Credential") == KEY_ID
        and digest == hashlib.sha256(body).hexdigest()
        and hmac.compare_digest(parts.get("Signature", ""), expected)
    )


class _Handler(BaseHTTPRequestHandler):
    """A connection, kept alive as the SDK keeps it."""

    stand_in: ClassVar[AliyunStandIn]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
        action = headers.get("x-acs-action", "")
        if not _signed(query, headers, body):
            self._send(400, refusal("SignatureDoesNotMatch"))
            return
        form = parse_qsl(body.decode(), keep_blank_values=True)
        self._meet(self.stand_in.next_trouble(action), action, dict([*query, *form]))

    def _meet(self, trouble: Trouble, action: str, query: Mapping[str, str]) -> None:
        if trouble.lost and not trouble.after:
            self.close_connection = True
            return
        refused = None if trouble.code is None else refusal(trouble.code)
        answer = refused or self.stand_in.answer(action, query)
        time.sleep(trouble.seconds)
        if trouble.lost:
            self.close_connection = True
            return
        self._send(trouble.status, answer)

    def _send(self, status: int, answer: Mapping[str, Any]) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json;charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Log nothing: the request's line may hold personal data."""
