"""A stand-in for a hospital's information system (HIS), speaking over real HTTP.

For vendors and tests: it accepts webhooks as a HIS should (signature, timestamp and nonce, each
event once, never an older event over a newer one), keeps its own book, and on demand is slow,
down, forgetful, hasty or lying. `/` shows the book and changes its behaviour.
"""

from __future__ import annotations

import html
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from guahao.tools.webhook_verifier import Verifier

EVENTS_PATH = "/events"
Action = Callable[[Mapping[str, str]], str]  # the form's fields in, a sentence out
_BODY_BYTES_MAX = 1_000_000
_SHOWN = 200
_TAKEN = 204
_END_SECONDS = 0.05  # how often a server checks whether to stop; 0.5 by default


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the system behaves; shares are from 0 to 1."""

    down: bool = False  # breaks every connection
    slow_seconds: float = 0  # before each answer
    lose: float = 0  # accepts the event, and breaks the connection instead of answering
    twice: float = 0  # records the event twice
    reorder: bool = False  # records each event after the next event
    lie: float = 0  # acknowledges the event and discards it


@dataclass(slots=True)
class Entry:
    """A booking in the hospital's own book."""

    status: str
    event_id: int
    booking: Mapping[str, Any]


@dataclass
class StandIn:
    """The hospital's state."""

    verifier: Verifier = field(default_factory=lambda: Verifier([]))
    clock: Callable[[], float] = time.time
    behaviour: Behaviour = field(default_factory=Behaviour)
    chance: Callable[[], float] = random.random
    book: dict[int, Entry] = field(default_factory=dict)  # by the booking's id
    actions: Mapping[str, Action] = field(default_factory=dict)  # the calls that the page offers
    said: str = ""  # the result of the last call
    received: list[tuple[int, int]] = field(default_factory=list)  # booking, event
    effects: list[int] = field(default_factory=list)  # events that changed the book
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Mapping[str, Any] | None = None
        self.arrived = threading.Event()  # an answer is waited for
        self.gate = threading.Event()  # closed while no answer is given
        self.gate.set()

    def receive(self, headers: Mapping[str, str], body: bytes) -> int | None:
        """Accept an event; return the status to answer with, or None to break the connection."""
        self.arrived.set()
        self.gate.wait()
        behaviour = self.behaviour
        time.sleep(behaviour.slow_seconds)
        if behaviour.down:
            return None
        with self._lock:
            refused = self.verifier.refusal(headers, body, self.clock())
            if refused:
                self.refused.append(refused)
                return 401
            event = json.loads(body)
            self.received.append((event["booking"]["id"], event["event_id"]))
            if self.chance() >= behaviour.lie:
                self._take(event, behaviour)
        return None if self.chance() < behaviour.lose else _TAKEN

    def _take(self, event: Mapping[str, Any], behaviour: Behaviour) -> None:
        held, self._held = self._held, event if behaviour.reorder else None
        for current in (None if behaviour.reorder else event, held):
            if current is not None:
                self._enter(current)
                if self.chance() < behaviour.twice:
                    self._enter(current)

    def _enter(self, event: Mapping[str, Any]) -> None:
        """Record an event in the book, unless the book has a newer event of the booking."""
        booking = event["booking"]
        known = self.book.get(booking["id"])
        if known is None or known.event_id < event["event_id"]:
            self.book[booking["id"]] = Entry(booking["status"], event["event_id"], booking)
            self.effects.append(event["event_id"])

    def enter(self, event: Mapping[str, Any]) -> None:
        """Record an event that the hospital's own call returned, like a webhook."""
        with self._lock:
            self._enter(event)

    def behave(self, behaviour: Behaviour) -> None:
        """Behave like this from now on; record the event that was held back."""
        with self._lock:
            self.behaviour = behaviour
            if self._held is not None and not behaviour.reorder:
                held, self._held = self._held, None
                self._enter(held)

    def statuses(self) -> dict[int, str]:
        """Return the status of each booking, by its id."""
        with self._lock:
            return {id: entry.status for id, entry in self.book.items()}

    def waiting_on(self, visit_date: str) -> dict[int, bool]:
        """Return the unreported bookings of a visit date."""
        with self._lock:
            return {
                id: True
                for id, entry in self.book.items()
                if entry.booking["visit_date"] == visit_date
                and entry.status in ("booked", "unverified")
            }

    def bookings(self) -> list[Mapping[str, Any]]:
        """Return the whole book, by the bookings' ids."""
        with self._lock:
            return [self.book[id].booking for id in sorted(self.book)]

    def as_json(self) -> dict[str, Any]:
        """Return the book, newest first, and the counts."""
        with self._lock:
            entries = sorted(self.book.values(), key=lambda one: -one.event_id)
            return {
                "bookings": [dict(one.booking) for one in entries[:_SHOWN]],
                "known": len(self.book),
                "received": len(self.received),
                "entered": len(self.effects),
                "refused": len(self.refused),
            }


# Over HTTP ----------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    """A connection."""

    stand_in: ClassVar[StandIn]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the page, or the book as JSON."""
        if self.path == "/book":
            body = json.dumps(self.stand_in.as_json(), ensure_ascii=False).encode()
            self._answer(200, body, "application/json")
        elif self.path == "/":
            self._answer(200, _page(self.stand_in).encode(), "text/html; charset=utf-8")
        else:
            self._answer(404)

    def do_POST(self) -> None:
        """Accept an event, or the page's form."""
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), _BODY_BYTES_MAX))
        if self.path == EVENTS_PATH:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = self.stand_in.receive(headers, body)
            if status is None:
                self.close_connection = True
            else:
                self._answer(status)
        elif self.path == "/behaviour":
            self._change(_form(body))
        elif self.path == "/call":
            self._call(_form(body))
        else:
            self._answer(404)

    def _change(self, given: Mapping[str, str]) -> None:
        behaviour = read_behaviour(given)
        if behaviour is None:
            self._answer(400, b"shares are numbers from 0 to 1, seconds from 0 to 600\n")
            return
        self.stand_in.behave(behaviour)
        self._to_the_page()

    def _call(self, given: Mapping[str, str]) -> None:
        """Let the hospital call the platform, as the form says."""
        action = self.stand_in.actions.get(given.get("do", ""))
        if action is None:
            self._answer(400, b"no such call\n")
            return
        self.stand_in.said = action(given)
        self._to_the_page()

    def _to_the_page(self) -> None:
        self.send_response(303)
        self.send_header("location", "/")
        self.send_header("content-length", "0")
        self.end_headers()

    def _answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        if status != _TAKEN:
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Log nothing."""


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(errors="replace")))


def read_behaviour(given: Mapping[str, str]) -> Behaviour | None:
    """Return the behaviour of a form, correct by default; None if a field is not a number."""
    read: dict[str, Any] = {}
    for share in fields(Behaviour):
        text = given.get(share.name, "")
        if isinstance(share.default, bool):
            read[share.name] = text in ("1", "on", "true")
            continue
        try:
            read[share.name] = float(text or 0)
        except ValueError:
            return None
        if not 0 <= read[share.name] <= (600 if share.name == "slow_seconds" else 1):
            return None
    return Behaviour(**read)


_SAYS = {
    "down": "down 不应答",
    "slow_seconds": "seconds before an answer 应答延迟（秒）",
    "lose": "share of lost answers 丢失应答比例",
    "twice": "share entered twice 重复入账比例",
    "reorder": "out of order 乱序入账",
    "lie": "share thrown away after 204 谎称收到比例",
}


_STYLE = (
    "body{font:14px/1.5 sans-serif;margin:16px;max-width:960px}h1{font-size:20px}"
    "form{display:flex;flex-wrap:wrap;gap:8px 16px;padding:12px;border:1px solid #d6d6d6;"
    "margin:0 0 12px}p{margin:0}input:not([type=checkbox]){width:9em}button{padding:4px 12px}"
    "td,th{padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid #d6d6d6}"
)


def _page(stand_in: StandIn) -> str:
    shown, behaviour = stand_in.as_json(), stand_in.behaviour
    inputs = "".join(_input(name, words, getattr(behaviour, name)) for name, words in _SAYS.items())
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(str(value))}</td>"
            for value in (
                one["order_no"],
                one["status"],
                one["visit_date"],
                one["department_name"],
                one["patient"]["name"],
            )
        )
        + "</tr>"
        for one in shown["bookings"]
    )
    counts = ", ".join(f"{name} {shown[name]}" for name in ("known", "received", "entered"))
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8><title>HIS stand-in</title>"
        f"<style>{_STYLE}</style>"
        f"<h1>HIS stand-in 模拟医院系统</h1><p>{counts}, refused {shown['refused']}</p>"
        f"<form method=post action=/behaviour>{inputs}<button>保存 Save</button></form>"
        f"{_calls(stand_in)}"
        "<table><tr><th>order 预约单号<th>status 状态<th>visit 就诊日<th>department 科室"
        f"<th>patient 就诊人</tr>{rows}</table></html>"
    )


def _calls(stand_in: StandIn) -> str:
    """Return the page's part with the hospital's calls and their fields."""
    if not stand_in.actions:
        return ""
    buttons = "".join(
        f'<button name=do value="{html.escape(name)}">{html.escape(name)}</button> '
        for name in stand_in.actions
    )
    return (
        "<form method=post action=/call><p><label for=day>day 日期</label> <input id=day name=day"
        " type=date> <label for=code>code 识别码</label> <input id=code name=code>"
        " <label for=id_no>document 证件号码</label> <input id=id_no name=id_no></p>"
        f"<p>{buttons}</p></form><p role=status>{html.escape(stand_in.said)}</p>"
    )


def _input(name: str, words: str, value: float) -> str:
    label = f"<label for={name}>{words}</label>"
    if isinstance(value, bool):
        checked = " checked" if value else ""
        return f"<p><input type=checkbox id={name} name={name}{checked}> {label}</p>"
    return f"<p>{label} <input id={name} name={name} value={value:g}></p>"


@contextmanager
def serving(stand_in: StandIn, port: int = 0) -> Iterator[str]:
    """Serve until the end of the block, by default on a free port, and yield the address."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(_END_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stand_in.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
