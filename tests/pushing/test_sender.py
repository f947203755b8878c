"""Where events may go, and what may go wrong on the way."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from guahao.pushing.sender import AllowedAddresses, SendFailure, WebhookSender, resolve
from guahao.rules.integration.pushing import Undelivered

PRODUCTION = AllowedAddresses(demo=False)
DEMO = AllowedAddresses(demo=True)
END_SECONDS = 0.05  # how often a server checks whether to stop; 0.5 by default


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"),  # noqa: S104
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
        *("fd00::1", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1"),
        *("224.0.0.1", "ff02::1", "255.255.255.255", "198.18.0.1"),
        *("64:ff9b:1::a00:1", "::7f00:1", "192.0.0.8"),
        *("fec0::1", "5f00::1", "3fff::1", "::ffff:0:7f00:1", "::ffff:0:808:808"),
        *("192.88.99.1", "192.31.196.1", "100::1", "2001:2::1", "2001:db8::1", "4000::1"),
    ],
)
def test_nothing_is_sent_inside(address: str) -> None:
    assert not PRODUCTION.allows(address)


def test_something_is_sent_outside_and_where_the_operator_says() -> None:
    assert PRODUCTION.allows("8.8.8.8")
    assert PRODUCTION.allows("2400:3200::1")
    assert PRODUCTION.allows("64:ff9b::808:808")
    assert DEMO.allows("127.0.0.1")
    assert not DEMO.allows("10.20.0.1")
    ours = AllowedAddresses(demo=False, networks=("10.20.0.0/16",))
    assert ours.allows("10.20.3.4")
    assert ours.allows("::ffff:10.20.3.4")
    assert not ours.allows("10.21.0.1")


async def test_a_name_with_one_forbidden_address_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a name server of somebody else's may answer; the operating system is asked for it."""

    def answers(*_: object, **__: object) -> list[tuple[object, ...]]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("8.8.8.8", 443)), (*kind, ("169.254.169.254", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    connection = WebhookSender(PRODUCTION).connect("https://his.example.cn/")
    assert await connection.send(b"{}", {}) == SendFailure(Undelivered.FORBIDDEN_ADDRESS)
    await connection.close()


async def test_an_address_that_is_allowed_is_the_one_that_is_used() -> None:
    assert await resolve(DEMO, "127.0.0.1", 80) == "127.0.0.1"


class _Oddity(BaseHTTPRequestHandler):
    status = 204
    headers_sent: tuple[tuple[str, str], ...] = ()
    seen: list[tuple[str, str]] = []  # noqa: RUF012 - of each subclass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((self.path, self.headers["host"]))
        self.send_response(self.status)
        for name, value in self.headers_sent:
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def answering(
    status: int, *headers: tuple[str, str], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A receiver that always answers so; its address, and what it was asked."""
    seen: list[tuple[str, str]] = []
    kind = type("Kind", (_Oddity,), {"status": status, "headers_sent": headers, "seen": seen})
    server = HTTPServer(("127.0.0.1", 0), kind)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(END_SECONDS,))
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/in?x=1", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def sent(url: str, sender: WebhookSender | None = None) -> SendFailure | None:
    connection = (sender or WebhookSender(DEMO)).connect(url)
    try:
        return await connection.send(b"{}", {"Guahao-Event": "1"})
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        (200, None),
        (204, None),
        (302, SendFailure("HTTP 302")),
        (401, SendFailure("HTTP 401")),
        (422, SendFailure("HTTP 422", of_event_alone=True)),
        (429, SendFailure("HTTP 429")),
        (503, SendFailure("HTTP 503")),
    ],
)
async def test_only_2xx_is_taken_and_no_redirect_is_followed(
    status: int, refused: SendFailure | None
) -> None:
    with answering(200) as (elsewhere, elsewhere_seen):
        with answering(status, ("location", elsewhere)) as (url, seen):
            assert await sent(url) == refused
        assert [path for path, _ in seen] == ["/in?x=1"]
        assert seen[0][1].startswith("localhost:")  # its own name, not the address behind it
        assert elsewhere_seen == []


async def test_what_does_not_answer_is_not_waited_for_without_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        answer = await sent(url, WebhookSender(DEMO, answer_seconds=0.2))
    assert answer == SendFailure(Undelivered.NO_ANSWER)


async def test_a_connection_that_nobody_takes_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = await asyncio.wait_for(sent(f"http://127.0.0.1:{port}/"), 60)
    assert answer is not None
    assert not answer.of_event_alone
    assert answer.error.startswith("ConnectError")


async def test_the_certificate_must_be_of_the_hospitals_name(tmp_path: Path) -> None:
    """Although the connection goes to the address that was looked at."""
    server_side, our_side = certificate_for("localhost", tmp_path)
    sender = WebhookSender(DEMO, tls=our_side)
    with answering(200, tls=server_side) as (url, seen):
        named = url.replace("http://", "https://")
        assert await sent(named, sender) is None
        assert len(seen) == 1
        for trusted, asked in (
            (sender, named.replace("localhost", "127.0.0.1")),
            (WebhookSender(DEMO), named),
        ):
            refused = await sent(asked, trusted)
            assert refused is not None
            assert "certificate" in refused.error
        assert len(seen) == 1


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A receiver's side with a certificate of this name, and ours, which trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    chain, secret = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(chain, secret)
    return server_side, ssl.create_default_context(cafile=str(chain))
