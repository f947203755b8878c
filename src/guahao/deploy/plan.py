"""The files of each machine and their contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2

from guahao.deploy.answers import Answers, Machine, Role
from guahao.deploy.credentials import Credentials

PROMETHEUS = "monitoring/prometheus.yml"
# The paths that answer everybody alike, as expressions of nginx: web/framework/public_routes.py.
PUBLIC_PATHS = (
    "/",
    r"/hospitals/\d+",
    r"/hospitals/\d+/boards",
    r"/departments/\d+/board",
    r"/departments/\d+",
    "/api/v1/hospitals",
    r"/api/v1/hospitals/\d+",
    r"/api/v1/hospitals/\d+/departments",
    "/api/v1/clinic-sessions",
    "/fhir/r4/Slot",
    "/fhir/r4/Schedule",
    r"/\$bulk-publish",
    r"/open-supply/locations\.ndjson",
    r"/open-supply/schedules\.ndjson",
    r"/open-supply/slots/\d+\.ndjson",
    r"/open-supply/slots/\d+",
)
# What must not wait behind a release, and is served by each machine's last web process: staff,
# hospitals' systems, who gives a place back, what WeChat and the SMS provider send
# (docs/decisions/0061).
APART_PATHS = (
    "/staff(?:/.*)?",
    "/api/v1/hospital/.*",
    r"/(?:bookings|api/v1/appointments)/\d+/(?:cancel|decline)",
    r"/fhir/r4/Appointment/\d+",  # FHIR cancels by an update
    "/wechat",
    "/sms/receipts",
)
_FIRST_WEB_PORT = 8001
_METRICS_OFFSET = 10_000  # guahao-web@.service: GUAHAO_METRICS_PORT=1%i
_HAPROXY_METRICS = 8405
_SHARED_BUFFERS_GB_MAX = 16


@dataclass(frozen=True)
class Layout:
    """The paths and addresses on a machine, which differ in tests."""

    local: str = "127.0.0.1"
    tls: str = "/etc/guahao/tls"
    patroni: str = "/etc/patroni"
    pgpass: str = "/run/patroni/pgpass"
    pg_bin: str = "/usr/lib/postgresql/{version}/bin"
    pg_data: str = "/var/lib/postgresql/guahao"
    pg_socket: str = "/var/run/postgresql"
    pg_port: int = 5432
    pg_user: str = "postgres"
    etcd_data: str = "/var/lib/etcd/guahao"
    haproxy_log: str = "/dev/log"
    haproxy_socket: str = "/run/haproxy/admin.sock"
    haproxy_user: str = "haproxy"
    http_ports: tuple[str, ...] = ("80", "[::]:80")
    https_ports: tuple[str, ...] = ("443", "[::]:443")
    share: str = "/usr/local/share/guahao"
    acme: str | None = "/var/www/acme"
    nginx_cache: str = "/var/cache/nginx/guahao"
    nginx_memory: str = "/run/nginx-guahao"
    nginx_log: str = "/var/log/nginx"
    access_log: str | None = None
    error_log: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    data: str = "/var/lib/guahao"
    log: str = "/var/log/guahao"
    backups: str = "/var/backups/guahao"
    watchdog: str = "required"
    synchronous_mode: str = "quorum"


@dataclass(frozen=True)
class PlannedFile:
    """A file of the folder, and its mode on its machine."""

    path: str  # within the folder: MACHINE/etc/...
    text: str
    mode: int = 0o644  # on the machine; in the folder a secret file is readable only for its owner
    owner: str = "root:root"
    is_secret: bool = False


@dataclass(frozen=True)
class _Place:
    """The path of a template's file on its machine."""

    template: str
    path: str
    mode: int = 0o644
    owner: str = "root:root"
    is_secret: bool = False


_SYSTEMD = "etc/systemd/system"
_ANY = (
    _Place("common/journald.conf", "etc/systemd/journald.conf.d/guahao.conf"),
    _Place("common/nftables.conf", "usr/local/share/guahao/nftables.conf"),
)
_PROGRAM = (
    _Place("common/guahao.env", "etc/guahao/guahao.env", 0o640, "root:guahao", is_secret=True),
    _Place("common/city.env", "etc/guahao/city.env", 0o640, "root:guahao", is_secret=True),
    _Place("common/migrate.env", "etc/guahao/migrate.env", 0o600, is_secret=True),
    _Place("common/guahao", "usr/local/bin/guahao", 0o755),
    _Place("common/check-schema", "usr/local/lib/guahao/check-schema", 0o755),
    _Place("common/guahao-migrate.service", f"{_SYSTEMD}/guahao-migrate.service"),
    _Place("common/guahao-doctor.service", f"{_SYSTEMD}/guahao-doctor.service"),
    _Place("common/guahao-doctor.timer", f"{_SYSTEMD}/guahao-doctor.timer"),
    _Place("common/logrotate", "etc/logrotate.d/guahao"),
    _Place("common/roll", "usr/local/sbin/guahao-roll", 0o755),
)
_WEB = (
    _Place("common/guahao-web@.service", f"{_SYSTEMD}/guahao-web@.service"),
    _Place("common/nginx.conf", "etc/nginx/conf.d/guahao.conf"),
    _Place("common/unavailable.html", "usr/local/share/guahao/unavailable.html"),
)
_WORKER = (_Place("common/guahao-worker.service", f"{_SYSTEMD}/guahao-worker.service"),)
_BACKUP = (
    _Place("common/backup.env", "etc/guahao/backup.env", 0o600, is_secret=True),
    *(
        _Place(f"common/guahao-backup-{name}", f"{_SYSTEMD}/guahao-backup-{name}")
        for name in (
            *("take.service", "take.timer", "verify.service", "verify.timer"),
            "stream.service",
        )
    ),
)
_ONE_DATABASE = (
    _Place("one/postgresql.conf", "etc/postgresql/{version}/main/conf.d/guahao.conf"),
    _Place(
        "one/pg_hba.conf",
        "etc/postgresql/{version}/main/pg_hba.conf",
        0o640,
        "postgres:postgres",
    ),
    _Place(
        "one/pg_ident.conf",
        "etc/postgresql/{version}/main/pg_ident.conf",
        0o640,
        "postgres:postgres",
    ),
    _Place("common/roles.sql", "usr/local/share/guahao/roles.sql"),
)
_CLUSTER_DATABASE = (
    _Place("three/etcd", "etc/default/etcd"),
    _Place("three/etcd-override.conf", f"{_SYSTEMD}/etcd.service.d/guahao.conf"),
    _Place("three/patroni.yml", "etc/patroni/patroni.yml", 0o600, "postgres:postgres", True),
    _Place("common/roles.sql", "etc/patroni/roles.sql", 0o600, "postgres:postgres", True),
    _Place("three/post-bootstrap", "etc/patroni/post-bootstrap", 0o755),
    _Place("three/patroni.service", f"{_SYSTEMD}/patroni.service"),
)
_CLUSTER_PROXY = (_Place("three/haproxy.cfg", "etc/haproxy/haproxy.cfg", 0o640, "root:haproxy"),)


def parameters(answers: Answers, version: int) -> dict[str, str]:
    """Return the parameters of PostgreSQL, for a single server and for a cluster.

    docs/decisions/0028, 0029 and 0033 say why.
    """
    buffers = min(answers.memory_gb // 4, _SHARED_BUFFERS_GB_MAX)
    return {
        # Acknowledged commits survive a loss of power.
        "synchronous_commit": "on",
        "shared_buffers": f"{buffers}GB",
        "effective_cache_size": f"{answers.memory_gb * 3 // 4}GB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "Asia/Shanghai",
        "log_timezone": "Asia/Shanghai",
        # Locks of a process that lost its power or its network are released within 25 s.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "15000",
        "client_connection_check_interval": "5s",
        # No personal data in the log: neither parameters nor the DETAIL line that quotes a key.
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
        "log_lock_waits": "on",
        "log_checkpoints": "on",
        "log_autovacuum_min_duration": "10s",
        "track_io_timing": "on",
        **({} if version < 16 else {"reserved_connections": "3"}),  # noqa: PLR2004 - new in 16
    }


def plan(
    answers: Answers, credentials: Credentials, layouts: Mapping[str, Layout] | None = None
) -> list[PlannedFile]:
    """Return every file of the deployment."""
    files: list[PlannedFile] = []
    for name in answers.machines:
        layout = (layouts or {}).get(name, Layout())
        files += _machine_files(answers, credentials, name, layout)
    readme = _render("README.md", _context(answers, credentials, None, Layout()))
    files.append(PlannedFile("README.md", readme))
    if answers.monitoring is not None:
        context = _context(answers, credentials, None, Layout())
        files.append(PlannedFile(PROMETHEUS, _render("common/prometheus.yml", context)))
    return files


# nginx of deploy/container: compose.yaml says where things are.
_CONTAINER = Layout(
    acme=None,
    http_ports=("8080",),
    https_ports=("8443",),
    share="/usr/share/guahao",
    nginx_cache="/tmp/cache",  # noqa: S108 - the container's own
    nginx_memory="/tmp/public",  # noqa: S108
    access_log="/dev/stdout",
    error_log="/dev/stderr",
)
_CONTAINER_SERVERS = ("10.77.0.11:8000", "10.77.0.12:8000", "10.77.0.13:8000")


def container_nginx(answers: Answers, credentials: Credentials) -> str:
    """Return the whole nginx.conf for the containers of a city on one machine."""
    context = _context(answers, credentials, None, _CONTAINER)
    return _render("container/nginx.conf", {**context, "servers": _CONTAINER_SERVERS})


def places_of(answers: Answers, name: str) -> list[_Place]:
    """Return the templates of a machine, by its roles."""
    roles = answers.machines[name].roles
    places = list(_ANY)
    if "web" in roles or "worker" in roles:
        places += _PROGRAM
    if "web" in roles:
        places += _WEB
    if "worker" in roles:
        places += _WORKER
    if name == backup_machine(answers):
        places += _BACKUP
    if not answers.is_cluster:
        places += _ONE_DATABASE
    else:
        if "database" in roles:
            places += _CLUSTER_DATABASE
        places += _CLUSTER_PROXY
        if "web" in roles and answers.virtual_address is not None:
            places.append(_Place("three/keepalived.conf", "etc/keepalived/keepalived.conf"))
    return places


def backup_machine(answers: Answers) -> str:
    """Return the machine that takes the backups: the last that runs the program."""
    return [name for name, m in answers.machines.items() if {"web", "worker"} & set(m.roles)][-1]


def _machine_files(
    answers: Answers, credentials: Credentials, name: str, layout: Layout
) -> list[PlannedFile]:
    context = _context(answers, credentials, name, layout)
    files = []
    for place in places_of(answers, name):
        path = place.path.format(version=answers.postgresql)
        text = _render(place.template, context)
        files.append(PlannedFile(f"{name}/{path}", text, place.mode, place.owner, place.is_secret))
    if answers.is_cluster:
        files += _certificates(answers, credentials, name)
    listed = [
        (file.path.removeprefix(f"{name}/"), file.owner, f"{file.mode:04o}") for file in files
    ]
    script = _render("install.sh", {**context, "files": listed})
    return [*files, PlannedFile(f"{name}/install.sh", script, 0o755)]


def _certificates(answers: Answers, credentials: Credentials, name: str) -> list[PlannedFile]:
    """Return the machine's certificate, once for each program that reads it."""
    folder, pair = f"{name}/etc/guahao/tls", credentials.pair(name)
    files = [PlannedFile(f"{folder}/ca.crt", credentials.authority)]
    if "database" in answers.machines[name].roles:
        for program, user in (("etcd", "etcd"), ("patroni", "postgres")):
            owner = f"{user}:{user}"
            files += [
                PlannedFile(f"{folder}/{program}.crt", pair.certificate, 0o644, owner),
                PlannedFile(f"{folder}/{program}.key", pair.key, 0o600, owner, is_secret=True),
            ]
    both = pair.certificate + pair.key
    return [*files, PlannedFile(f"{folder}/haproxy.pem", both, 0o600, is_secret=True)]


def _context(
    answers: Answers, credentials: Credentials, name: str | None, layout: Layout
) -> dict[str, Any]:
    version = answers.postgresql

    def listed(role: Role | None = None) -> list[dict[str, Any]]:
        chosen = answers.machines if role is None else answers.named(role)
        return [_fields(key, machine) for key, machine in chosen.items()]

    def url(login: str, secret: str) -> str:
        if not answers.is_cluster:
            return f"postgresql://{login}@/guahao?host={layout.pg_socket}"
        tls = f"sslmode=verify-ca&sslrootcert={layout.tls}/ca.crt"
        return (
            f"postgresql://{login}:{credentials.password(secret)}@{layout.local}:5000/guahao?{tls}"
        )

    login_url = url("guahao_login", "login_password")
    ports = range(_FIRST_WEB_PORT, _FIRST_WEB_PORT + answers.web_processes)
    return {
        "answers": answers,
        "at": _at(answers, layout),
        "me": None if name is None else _fields(name, answers.machines[name]),
        "position": 0 if name is None else list(answers.machines).index(name),
        "machines": listed(),
        "databases": listed("database"),
        "webs": listed("web"),
        "workers": listed("worker"),
        "backup_machine": backup_machine(answers),
        "ports": list(ports),
        "servers": [f"{layout.local}:{port}" for port in ports],  # the last for APART_PATHS
        "public_paths": PUBLIC_PATHS,
        "apart_paths": APART_PATHS,
        "metrics_ports": _metrics_ports(answers, name, ports),
        # Under Patroni's quorum commits may wait for any other database.
        "standbys": len(answers.named("database")) - 1,
        "login_url": login_url,
        "read_url": login_url.replace(":5000/", ":5001/"),
        "owner_url": url("guahao_owner", "owner_password"),
        "backup_url": url("guahao_backup", "backup_password"),
        "parameters": parameters(answers, version),
        "password": credentials.password,
        "verifier": credentials.verifier,
    }


def _metrics_ports(answers: Answers, name: str | None, ports: range) -> list[int]:
    """Return the ports that Prometheus scrapes on a machine: web processes, HAProxy."""
    if name is None:
        return []
    web = [port + _METRICS_OFFSET for port in ports]
    found = web if "web" in answers.machines[name].roles else []
    return [*found, _HAPROXY_METRICS] if answers.is_cluster else found


def _at(answers: Answers, layout: Layout) -> dict[str, Any]:
    fields = {name: getattr(layout, name) for name in Layout.__dataclass_fields__}
    return {
        **fields,
        "pg_bin": layout.pg_bin.format(version=answers.postgresql),
        "certificate": layout.certificate or answers.certificate,
        "certificate_key": layout.certificate_key or answers.certificate_key,
    }


def _fields(name: str, machine: Machine) -> dict[str, Any]:
    return {"name": name, "address": machine.address, "roles": machine.roles}


_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("guahao.deploy", "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - configuration files; every answer is checked before
)


def _render(template: str, context: Mapping[str, Any]) -> str:
    return _templates.get_template(template).render(context)
