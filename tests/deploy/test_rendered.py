"""What is made for a machine, read by the programs that are to run with it."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import msgspec
import psycopg
import pytest
import yaml
from cryptography import x509
from tests.acceptance.ports import free_port

from guahao.deploy import example
from guahao.deploy.answers import Answers
from guahao.deploy.credentials import credentials_of, scram_verifier
from guahao.deploy.example import FOLDER, NAMES, NGINX, answers_of, rendered
from guahao.deploy.plan import APART_PATHS, PROMETHEUS, PUBLIC_PATHS, Layout, plan
from guahao.embedded import program
from guahao.settings import Settings
from guahao.web import citizens
from guahao.web.app import staff_routes
from guahao.web.fhir.appointments import appointment_routes
from guahao.web.fhir.services import PREFIX as FHIR_PREFIX
from guahao.web.framework.public_routes import PUBLIC_ROUTES
from guahao.web.sms.receipts import RECEIPTS_PATH

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def installed(name: str, package: str) -> str:
    """A program's path; the test is skipped where it is not there."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian, Ubuntu: apt-get install {package})")
    return found


def check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_what_the_templates_make(name: str) -> None:
    """Where this fails, look at the change and run: python -m guahao.deploy.example"""
    kept = {
        str(path.relative_to(FOLDER / name)): path.read_text()
        for path in (FOLDER / name).rglob("*")
        if path.is_file()
    }
    assert {**rendered(name), "answers.toml": kept["answers.toml"]} == kept


def test_the_containers_nginx_is_made_of_the_same_template() -> None:
    """Where this fails, look at the change and run: python -m guahao.deploy.example"""
    assert (FOLDER / NGINX).read_text() == example.nginx()


def test_nginx_caches_the_routes_that_answer_everybody_alike_and_no_others() -> None:
    """Where this fails, PUBLIC_PATHS is to follow PUBLIC_ROUTES, or a page is cached for all."""
    paths = [route.path.replace("{id}", "70") for route in PUBLIC_ROUTES]
    of_nginx = {path: [p for p in PUBLIC_PATHS if re.fullmatch(p, path)] for path in paths}
    assert {path: len(found) for path, found in of_nginx.items()} == dict.fromkeys(paths, 1)
    assert len(PUBLIC_PATHS) == len(paths)


def test_all_staff_pages_are_served_apart_and_of_the_citizens_who_gives_a_place_back() -> None:
    def apart(paths: Iterable[str]) -> set[str]:
        """Return those that nginx leads to the process apart, with numbers as ids."""
        numbered = {path: re.sub(r"\{[^}]*\}", "70", path) for path in paths}
        return {
            path
            for path, asked in numbered.items()
            if any(re.fullmatch(f"{pattern}/?", asked) for pattern in APART_PATHS)
        }

    of_staff = {route.path for route in staff_routes()}
    assert apart(of_staff) == of_staff
    assert apart(route.path for route in citizens.routes()) == {
        "/bookings/{appointment_id}/cancel",
        "/bookings/{appointment_id}/decline",
    }
    of_fhir = {f"{FHIR_PREFIX}{route.path}" for route in appointment_routes()}
    assert apart(of_fhir) == {f"{FHIR_PREFIX}/Appointment/{{id}}"}  # an update cancels
    assert not apart(route.path for route in PUBLIC_ROUTES)
    assert apart([RECEIPTS_PATH, "/wechat"]) == {RECEIPTS_PATH, "/wechat"}
    assert not apart(["/staffing", "/api/v1/hospitals/70", "/api/v1/appointments", "/wechat/login"])


def write(
    folder: Path,
    answers: Answers,
    http: tuple[str, ...] = ("80", "[::]:80"),
    https: tuple[str, ...] = ("443", "[::]:443"),
) -> None:
    """Every file of the deployment, with paths under its own machine's folder."""
    credentials, _ = credentials_of(answers, {}, NOW)
    layouts = {
        name: Layout(
            tls=f"{folder}/{name}/etc/guahao/tls",
            pg_bin=str(program("postgres").parent),
            pg_data=f"{folder}/{name}/data",
            share=f"{folder}/{name}/usr/local/share/guahao",
            nginx_cache=f"{folder}/{name}/cache",
            nginx_memory=f"{folder}/{name}/memory",
            nginx_log=f"{folder}/{name}",
            certificate=f"{folder}/{name}/etc/guahao/tls/public.crt",
            certificate_key=f"{folder}/{name}/etc/guahao/tls/public.key",
            haproxy_user=haproxy_user(),
            http_ports=http,
            https_ports=https,
        )
        for name in answers.machines
    }
    for file in plan(answers, credentials, layouts):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)
    for name in answers.machines:
        tls = folder / name / "etc/guahao/tls"
        tls.mkdir(parents=True, exist_ok=True)
        _, secrets = credentials_of(answers_of("three-machines"), {}, datetime.now(UTC))
        (tls / "public.crt").write_text(secrets["web1.crt"])
        (tls / "public.ca").write_text(secrets["ca.crt"])
        (tls / "public.key").write_text(secrets["web1.key"])


def haproxy_user() -> str:
    """The user of Debian's package; none where we may not become it."""
    return "haproxy" if os.geteuid() == 0 else ""


@pytest.mark.parametrize("name", NAMES)
def test_systemd_takes_every_unit(name: str, tmp_path: Path) -> None:
    systemd_analyze = installed("systemd-analyze", "systemd")
    answers = answers_of(name)
    write(tmp_path / "city", answers)
    units = tmp_path / "units"
    for machine in answers.machines:
        shutil.copytree(
            tmp_path / "city" / machine / "etc/systemd/system", units, dirs_exist_ok=True
        )
    (units / "guahao-web@.service").rename(units / "guahao-web@8001.service")
    for unit in units.glob("*.service"):
        # The programs are not installed here; everything else of the unit is.
        text = unit.read_text().replace("/opt/guahao/current/.venv/bin/guahao", "/bin/true")
        text = text.replace("/usr/local/lib/guahao/check-schema", "/bin/true")
        unit.write_text(text.replace("/opt/patroni/bin/patroni", "/bin/true"))
    found = [*units.glob("*.service"), *units.glob("*.timer")]
    assert len(found) >= 10
    done = subprocess.run(
        [systemd_analyze, "verify", "--man=no", *map(str, found)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    ours = [line for line in done.stderr.splitlines() if str(units) in line or "guahao" in line]
    assert not ours, done.stderr
    if not [line for line in done.stderr.splitlines() if "Failed to" in line]:
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_nginx_takes_its_configuration(name: str, tmp_path: Path) -> None:
    nginx = installed("nginx", "nginx-light")
    write(
        tmp_path,
        answers_of(name),
        http=(f"127.0.0.1:{free_port()}",),
        https=(f"127.0.0.1:{free_port()}",),
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{\n include {tmp_path}/web1/etc/nginx/conf.d/guahao.conf;\n}}\n"
    )
    check(nginx, "-t", "-q", "-c", str(whole), "-e", str(tmp_path / "error.log"))


def test_nginx_closes_an_idle_connection_before_a_process_does() -> None:
    """Or a POST that is sent at that moment fails, and nginx may not send it again."""
    upstreams = re.findall(r"(?s)upstream \w+ \{.*?\n    \}", example.nginx())
    assert len(upstreams) == 2
    for upstream in upstreams:
        [seconds] = re.findall(r"keepalive_timeout (\d+)s;", upstream)
        assert int(seconds) < Settings().header_seconds


def test_haproxy_closes_an_idle_connection_before_a_process_does() -> None:
    """Of so many connections half are closed at each purge, until none is left."""
    connections = 2**16
    config = rendered("three-machines")["web1/etc/haproxy/haproxy.cfg"]
    backends = [line for line in config.splitlines() if "observe layer4" in line]
    assert backends
    for backend in backends:
        [milliseconds] = re.findall(r"pool-purge-delay (\d+)ms", backend)
        seconds = int(milliseconds) / 1000 * connections.bit_length()
        assert seconds < Settings().header_seconds


@pytest.mark.parametrize(
    ("name", "processes", "is_alone"),
    [("one-machine", 2, True), ("one-machine", 3, False), ("three-machines", 2, False)],
)
def test_a_process_that_books_alone_has_two_lanes(
    tmp_path: Path, name: str, processes: int, is_alone: bool
) -> None:
    """As is the default; of several, each has one (docs/decisions/0005)."""
    write(tmp_path, msgspec.structs.replace(answers_of(name), web_processes=processes))
    settings = (tmp_path / "web1/etc/guahao/guahao.env").read_text(encoding="utf-8")
    assert ("GUAHAO_DESK_LANES=1\n" not in settings) == is_alone


def test_debians_nginx_gets_connections_for_a_release_once(tmp_path: Path) -> None:
    whole = tmp_path / "nginx.conf"
    whole.write_text("user www-data;\nevents {\n\tworker_connections 768;\n}\n")
    script = rendered("one-machine")["web1/install.sh"]
    lines = [line for line in script.splitlines() if "/etc/nginx/nginx.conf" in line]
    for _ in range(2):  # install.sh may be run again
        text = "\n".join(lines).replace("/etc/nginx/nginx.conf", str(whole))
        check("/bin/sh", "-ec", text)
        assert whole.read_text() == (
            "worker_rlimit_nofile 20000;\nuser www-data;\nevents {\n\tworker_connections 8192;\n}\n"
        )


def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    haproxy = installed("haproxy", "haproxy")
    answers = answers_of("three-machines")
    write(tmp_path, answers)
    for name in answers.machines:
        check(haproxy, "-c", "-q", "-f", str(tmp_path / name / "etc/haproxy/haproxy.cfg"))


def test_keepalived_takes_its_configuration(tmp_path: Path) -> None:
    keepalived = installed("keepalived", "keepalived")
    cards = [card.name for card in Path("/sys/class/net").iterdir() if card.name != "lo"]
    if not cards:
        pytest.skip("keepalived needs a network interface that is not the loopback one")
    answers = msgspec.structs.replace(answers_of("three-machines"), virtual_interface=cards[0])
    write(tmp_path, answers)

    def complaints(file: Path) -> tuple[str, int]:
        done = subprocess.run(
            [keepalived, "--config-test", "--use-file", str(file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.stdout + done.stderr, done.returncode

    for name in answers.machines:
        file = tmp_path / name / "etc/keepalived/keepalived.conf"
        # keepalived 2.2 may end its own test by SIGTERM once nothing was wrong.
        said, status = complaints(file)
        assert said == ""
        assert status in {0, -signal.SIGTERM}
        file.write_text(file.read_text().replace("weight -50", "wieght -50"))
        said, _ = complaints(file)
        assert "wieght" in said


def test_the_address_stays_where_no_web_process_lives_on_any_machine(tmp_path: Path) -> None:
    """A check that is no weight takes the address away: nginx's own answer alone may do that."""
    write(tmp_path, answers_of("three-machines"))
    text = (tmp_path / "web2/etc/keepalived/keepalived.conf").read_text()
    scripts = dict(re.findall(r"vrrp_script (\w+) \{(.*?)\n\}", text, re.DOTALL))
    assert set(scripts) == {"nginx", "haproxy"}
    assert "weight" not in scripts["nginx"]
    assert "/health/nginx " not in scripts["haproxy"]
    assert scripts["nginx"].count("https://guahao.example.cn/health/nginx") == 1
    assert "--fail" not in text
    assert "--max-time 2" in scripts["nginx"]
    assert "weight -50" in scripts["haproxy"]
    # Without preemption a machine that became worse would keep the address.
    assert "nopreempt" not in text
    nginx = (tmp_path / "web2/etc/nginx/conf.d/guahao.conf").read_text()
    assert "location = /health/nginx {\n        access_log off;\n        return 204;" in nginx


@contextmanager
def running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def haproxy_of_one(
    folder: Path, ports: dict[str, str], check_seconds: int | None = None
) -> Iterator[None]:
    """Run the HAProxy of web1 as if the other machines were away, at other ports.

    `check_seconds`: from one check of a process to the next, if not as in the configuration.
    """
    text = (folder / "web1/etc/haproxy/haproxy.cfg").read_text()
    web = text[text.index("frontend web\n") : text.index("# From the HAProxy of another")]
    head = re.search(r"(?s)\ndefaults\n.*?\n\n", text)
    assert head is not None
    web = "\n".join(line for line in web.splitlines() if ":8443" not in line)
    for old, new in ports.items():
        web = re.sub(rf"127\.0\.0\.1:{old}\b", f"127.0.0.1:{new}", web)
    if check_seconds is not None:
        web = re.sub(r"\binter \d+s", f"inter {check_seconds}s", web)
    proxy = folder / "haproxy.cfg"
    proxy.write_text(head.group().replace("    log global\n", "") + web + "\n")
    with running(installed("haproxy", "haproxy"), "-db", "-q", "-f", str(proxy)):
        until_open(int(ports["8080"]))
        until_open(int(ports["8081"]))
        yield


@pytest.mark.parametrize(("front", "gone"), [("8080", "8001"), ("8081", "8002")])
def test_a_process_that_stands_by_takes_over_before_the_next_check(
    front: str, gone: str, tmp_path: Path
) -> None:
    """A process that ends refuses connections long before the next check, here in a minute."""
    write(tmp_path, msgspec.structs.replace(answers_of("three-machines"), web_processes=2))
    ports = {port: str(free_port()) for port in ("8001", "8002", "8080", "8081")}
    webs = {
        port: ThreadingHTTPServer(("127.0.0.1", int(ports[port])), Answering)
        for port in ("8001", "8002")
    }
    with ExitStack() as stack:
        for web in webs.values():
            Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(web.server_close)
            stack.callback(web.shutdown)
        stack.enter_context(haproxy_of_one(tmp_path, ports, check_seconds=60))
        asked = f"http://127.0.0.1:{ports[front]}/"
        assert httpx.get(asked, trust_env=False).text == ports[gone]
        webs[gone].shutdown()
        webs[gone].server_close()
        answer = httpx.get(asked, trust_env=False, timeout=30)
        assert (answer.status_code, answer.text != ports[gone]) == (200, True)


class Answering(BaseHTTPRequestHandler):
    """Answers everything by the port of its server."""

    def do_GET(self) -> None:
        assert isinstance(self.server, ThreadingHTTPServer)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.server.server_port).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.mark.parametrize("name", NAMES)
def test_people_read_a_page_and_programs_a_problem_where_no_process_lives(
    name: str, tmp_path: Path
) -> None:
    """A bad release, by real nginx and HAProxy: nothing listens where the processes should."""
    nginx = installed("nginx", "nginx-light")
    answers = msgspec.structs.replace(answers_of(name), hotline="0571-114")
    port = free_port()
    write(tmp_path, answers, http=(f"127.0.0.1:{free_port()}",), https=(f"127.0.0.1:{port}",))
    site = tmp_path / "web1/etc/nginx/conf.d/guahao.conf"
    ports = {old: str(free_port()) for old in ("8001", "8002", "8003", "8080", "8081")}
    text = site.read_text()
    for old, new in ports.items():
        text = text.replace(f"127.0.0.1:{old} ", f"127.0.0.1:{new} ")
    site.write_text(text)
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"daemon off;\npid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\n"
        f"{'user root;' if os.geteuid() == 0 else ''}\nevents {{}}\n"
        f"http {{\n access_log off;\n include {site};\n}}\n"
    )
    with ExitStack() as stack:
        if answers.is_cluster:
            stack.enter_context(haproxy_of_one(tmp_path, ports))
        stack.enter_context(running(nginx, "-c", str(whole), "-e", str(tmp_path / "error.log")))
        until_open(port)
        # Of an authority of this test. The name leads to nginx by SNI, not by the address.
        tls = ssl.create_default_context(cafile=str(tmp_path / "web1/etc/guahao/tls/public.ca"))
        tls.check_hostname = False
        client = stack.enter_context(httpx.Client(verify=tls, trust_env=False))

        def get(path: str, language: str = "zh-CN") -> httpx.Response:
            return client.get(
                f"https://127.0.0.1:{port}{path}",
                headers={"Host": answers.public_host, "Accept-Language": language},
                extensions={"sni_hostname": answers.public_host},
            )

        page, staff = get("/hospitals"), get("/staff")
        problem, english = get("/api/v1/hospitals"), get("/api/v1/appointments", "en-GB")
        outcome = get("/fhir/Appointment/1", "en")
        alive = get("/health/nginx")
    for answer in (page, staff, problem, english, outcome):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.text.count('<a href="tel:0571-114">') == 2
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["code"] == english.json()["code"] == "unavailable"
    assert problem.json()["title"] == "平台暂时无法访问"
    assert english.json()["title"] == "The platform cannot be reached at the moment"
    assert outcome.headers["Content-Type"] == "application/fhir+json"
    assert outcome.json()["issue"][0]["code"] == "transient"
    assert alive.status_code == 204


def until_open(port: int) -> None:
    """Wait until something listens."""
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on {port}")


def test_prometheus_reaches_what_the_machines_serve_and_nobody_else_does(tmp_path: Path) -> None:
    answers = answers_of("three-machines")
    write(tmp_path, answers)
    found = yaml.safe_load((tmp_path / PROMETHEUS).read_text())
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in found["scrape_configs"]
    }
    for name, machine in answers.machines.items():
        unit = (tmp_path / name / "etc/systemd/system/guahao-web@.service").read_text()
        assert f"GUAHAO_METRICS_PORT=1%i GUAHAO_METRICS_HOST={machine.address}\n" in unit
        for port in (18001, 18002, 18003):
            assert f"{machine.address}:{port}" in targets["guahao"]
        assert f"{machine.address}:8405" in targets["haproxy"]
        assert (
            f"bind {machine.address}:8405"
            in (tmp_path / name / "etc/haproxy/haproxy.cfg").read_text()
        )
        rules = (tmp_path / name / "usr/local/share/guahao/nftables.conf").read_text()
        assert "ip saddr 10.0.0.20 tcp dport { 18001, 18002, 18003, 8405 } accept" in rules
        assert rules.count("8405") == 1
    assert len(targets["guahao"]) == 9
    assert (FOLDER / PROMETHEUS).read_text() == (tmp_path / PROMETHEUS).read_text()


def test_without_prometheus_the_metrics_stay_on_the_machine(tmp_path: Path) -> None:
    write(tmp_path, answers_of("one-machine"))
    assert not (tmp_path / PROMETHEUS).exists()
    unit = (tmp_path / "web1/etc/systemd/system/guahao-web@.service").read_text()
    assert "GUAHAO_METRICS_HOST" not in unit
    rules = (tmp_path / "web1/usr/local/share/guahao/nftables.conf").read_text()
    assert "18001" not in rules


@pytest.mark.parametrize(("name", "standbys"), [("one-machine", "0"), ("three-machines", "2")])
def test_every_standby_of_the_quorum_is_expected(name: str, standbys: str, tmp_path: Path) -> None:
    write(tmp_path, answers_of(name))
    text = (tmp_path / "web1/etc/guahao/guahao.env").read_text()
    assert f"\nGUAHAO_STANDBYS={standbys}\n" in text


@pytest.mark.parametrize(
    ("status", "starts"), [(0, True), (4, True), (3, False), (2, True), (1, True), (124, True)]
)
def test_only_an_older_schema_keeps_a_release_from_starting(
    status: int, starts: bool, tmp_path: Path
) -> None:
    """A machine that comes up while the primary is away shows pages from a replica."""
    write(tmp_path, answers_of("three-machines"))
    program = tmp_path / "guahao"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'migrate --check' ] || exit 3\nexit {status}\n")
    program.chmod(0o755)
    script = tmp_path / "web1/usr/local/lib/guahao/check-schema"
    script.write_text(
        script.read_text().replace("/opt/guahao/current/.venv/bin/guahao", str(program))
    )
    done = subprocess.run([str(script)], check=False, timeout=60)
    assert (done.returncode == 0) == starts


def test_patroni_takes_its_configuration(tmp_path: Path) -> None:
    answers = answers_of("three-machines")
    write(tmp_path, answers)
    for name in answers.machines:
        check(
            *(sys.executable, "-m", "patroni", "--validate-config", "--ignore-listen-port"),
            str(tmp_path / name / "etc/patroni/patroni.yml"),
        )


def test_the_timings_of_patroni_keep_its_rules_and_thirty_seconds(tmp_path: Path) -> None:
    write(tmp_path, answers_of("three-machines"))
    found = yaml.safe_load((tmp_path / "web1/etc/patroni/patroni.yml").read_text())
    dcs = found["bootstrap"]["dcs"]
    assert dcs["loop_wait"] + 2 * dcs["retry_timeout"] <= dcs["ttl"]
    # The watchdog bites before another takes over, and not between two beats.
    timeout = dcs["ttl"] - found["watchdog"]["safety_margin"]
    assert dcs["loop_wait"] < timeout < dcs["ttl"]
    assert found["watchdog"]["mode"] == "required"
    assert dcs["ttl"] + dcs["loop_wait"] < 30
    assert dcs["synchronous_mode"] in (True, "quorum")
    assert dcs["synchronous_mode_strict"] is True


def test_certificates_are_for_each_machine_and_of_one_authority(tmp_path: Path) -> None:
    answers = answers_of("three-machines")
    write(tmp_path, answers)
    for name, machine in answers.machines.items():
        tls = tmp_path / name / "etc/guahao/tls"
        certificate = x509.load_pem_x509_certificate((tls / "patroni.crt").read_bytes())
        authority = x509.load_pem_x509_certificate((tls / "ca.crt").read_bytes())
        certificate.verify_directly_issued_by(authority)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert machine.address in map(str, names.get_values_for_type(x509.IPAddress))


def test_a_scram_verifier_is_the_one_that_postgresql_makes(server_url: str) -> None:
    with psycopg.connect(server_url) as conn:
        conn.execute("SET password_encryption = 'scram-sha-256'")
        conn.execute("CREATE ROLE scram_test PASSWORD 'pencil'")
        row = conn.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 'scram_test'"
        ).fetchone()
        conn.rollback()
    assert row is not None
    salt = base64.b64decode(row[0].split("$")[1].partition(":")[2])
    assert scram_verifier("pencil", salt) == row[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_script_is_a_script(name: str, tmp_path: Path) -> None:
    write(tmp_path, answers_of(name))
    scripts = [
        path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_mode & 0o100
    ]
    assert len(scripts) >= 3
    for script in scripts:
        check("/bin/sh", "-n", str(script))


@pytest.mark.parametrize("name", NAMES)
def test_install_puts_every_file_of_the_machine_into_place(name: str) -> None:
    for machine in answers_of(name).machines:
        files = {
            path.removeprefix(f"{machine}/")
            for path in rendered(name)
            if path.startswith(f"{machine}/")
        }
        script = rendered(name)[f"{machine}/install.sh"]
        put = {
            line.split("put ")[1].split()[0]
            for line in script.splitlines()
            if "put etc" in line or "put usr" in line
        }
        assert put == files - {"install.sh"}
