"""The image and its compose files: what hadolint and the compose schema do not ask for.

`make lint` runs those two. Nothing here needs a builder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
import yaml

from guahao.settings import read_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "container"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions in order, with continued lines joined."""
    text = (FOLDER / "Containerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    words = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in words]


def stages() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for instruction, rest in instructions():
        if instruction == "FROM":
            name = rest.rpartition(" AS ")[2]
        found.setdefault(name, []).append((instruction, rest))
    return found


def last(stage: str, instruction: str) -> str:
    return [rest for name, rest in stages()[stage] if name == instruction][-1]


def compose(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")))


SERVICES: dict[str, dict[str, Any]] = compose("compose.yaml")["services"]


def test_no_base_floats() -> None:
    [(_, base)] = [(name, rest) for name, rest in stages()[""] if "IMAGE" in rest]
    assert re.fullmatch(r"PYTHON_IMAGE=docker\.io/library/python:3\.\d+-slim-[a-z]+", base)
    for stage in ("builder", "runtime"):
        assert stages()[stage][0] == ("FROM", f"${{PYTHON_IMAGE}} AS {stage}")
    for service in SERVICES.values():
        assert re.search(r":(\$\{GUAHAO_VERSION:|\d+(\.\d+)*-bookworm$)", service["image"])


@pytest.mark.parametrize("stage", ["runtime", "backup"])
def test_an_image_does_not_run_as_root(stage: str) -> None:
    assert last(stage, "USER") == "10001:10001"
    copied = [rest for name, rest in stages()[stage] if name in ("COPY", "ADD")]
    assert all(rest.startswith("--from=builder /opt/guahao/") for rest in copied)


def test_commands_are_programs_and_no_shell_stands_between_them_and_sigterm() -> None:
    assert last("runtime", "STOPSIGNAL") == "SIGTERM"
    assert json.loads(last("runtime", "ENTRYPOINT")) == ["guahao"]
    assert json.loads(last("runtime", "CMD")) == ["serve"]
    assert json.loads(last("backup", "CMD")) == ["backup", "list"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_readiness_with_the_image_s_own_python(
    status: int, healthy: bool
) -> None:
    asked = []

    class Web(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        program, *arguments = json.loads(last("runtime", "HEALTHCHECK").partition("CMD ")[2])
        assert program == "python"
        environ = {"GUAHAO_PORT": str(server.server_port)}
        done = subprocess.run(
            [sys.executable, *arguments], env=environ, capture_output=True, check=False, timeout=60
        )
    assert (done.returncode == 0) is healthy
    assert asked == ["/health/ready"]


def test_what_is_copied_is_there_and_nothing_else_reaches_the_builder() -> None:
    rules = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert (ROOT / ".dockerignore").resolve() == ROOT / ".containerignore"
    admitted = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[rules.index("*") - 1].startswith("#")  # nothing is admitted before it
    copied = set()
    for name, rest in stages()["builder"]:
        if name == "COPY":
            copied |= set(rest.split()[:-1])
    assert copied == admitted
    assert [path for path in copied if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]
    assert service["logging"]["options"] == {"max-size": "50m", "max-file": "10"}
    assert service["restart"] in ("unless-stopped", "no")
    assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & set(service)
    assert (name == "nginx") == ("ports" in service)
    assert (name == "nginx") == ("public" in service["networks"])
    assert (name == "migrate") == ("city/migrate.env" in service.get("env_file", []))


def test_only_what_talks_to_the_world_has_a_way_out() -> None:
    networks = compose("compose.yaml")["networks"]
    inside = {name for name, options in networks.items() if options and options.get("internal")}
    assert inside == {"front", "database"}
    for name in ("postgres", "migrate", "backup", "backup-stream"):
        assert set(SERVICES[name]["networks"]) == {"database"}
    assert "database" not in SERVICES["nginx"]["networks"]


def test_everything_that_needs_the_schema_waits_for_the_migration() -> None:
    for name in ("web1", "web2", "web3", "worker", "backup-stream"):
        condition = SERVICES[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_every_mounted_file_is_there_or_made_by_prepare(city: Path) -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (city / source).exists(), source
        for file in service.get("env_file", []):
            assert (city / file).exists(), file


# What ./prepare writes ------------------------------------------------------------------------


def prepare(release: Path, host: str = "city.example.cn") -> subprocess.CompletedProcess[str]:
    # Not as root's program would: giving files to the images' users is for the city's machine.
    fake = release / "bin"
    fake.mkdir(exist_ok=True)
    for name in ("chown", "install"):
        (fake / name).write_text("#!/bin/sh\n")
        (fake / name).chmod(0o755)
    return subprocess.run(
        [str(release / "deploy/container/prepare"), host],
        env={"PATH": f"{fake}:{PATH}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def release_in(folder: Path) -> Path:
    shutil.copytree(
        ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("city", ".env")
    )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A prepared deploy/container."""
    release = release_in(tmp_path)
    done = prepare(release)
    assert done.returncode == 0, done.stderr
    return release / "deploy/container"


def values(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_secrets_are_their_owner_s_alone_and_are_drawn_once(city: Path) -> None:
    files = sorted((city / "city").glob("*.env"))
    before = {file: file.read_text() for file in files}
    assert len(files) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    again = prepare(city.parents[1])
    assert again.returncode == 0
    assert {file: file.read_text() for file in files} == before
    drawn = [
        *values(city / "city/postgres.env").values(),
        values(city / "city/guahao.env")["GUAHAO_SECRET_KEY"],
    ]
    assert {len(secret) for secret in drawn} == {64}
    assert len(set(drawn)) == len(drawn)
    assert not [secret for secret in drawn if secret in again.stdout + again.stderr]


@pytest.mark.parametrize("host", ["", "a b", "x;id", "https://x.cn"])
def test_what_is_no_host_is_refused_before_anything_is_written(host: str, tmp_path: Path) -> None:
    release = release_in(tmp_path)
    done = prepare(release, host)
    assert done.returncode == 2
    assert "Usage" in done.stderr
    assert not (release / "deploy/container/city").exists()


def test_the_settings_are_those_of_a_production(city: Path) -> None:
    environ = values(city / "city/guahao.env") | {
        "GUAHAO_IDENTITY_VERIFIER": "none",
        "GUAHAO_SMS_GATEWAY": "aliyun",
        "GUAHAO_ALIYUN_ACCESS_KEY_ID": "id",
        "GUAHAO_ALIYUN_ACCESS_KEY_SECRET": "secret",
        "GUAHAO_ALIYUN_SIGN_NAME": "挂号",
        "GUAHAO_ALIYUN_TEMPLATES": "{}",
    }
    with pytest.raises(Exception, match="ALIYUN_TEMPLATES"):  # all else is in order
        read_settings(environ)
    demo = compose("compose.demo.yaml")["x-demo"]
    assert read_settings(values(city / "city/guahao.env") | demo).demo
    proxy = SERVICES["nginx"]["networks"]["front"]["ipv4_address"]
    assert environ["GUAHAO_TRUSTED_PROXIES"] == proxy


def test_nginx_reads_its_file_and_asks_the_three_web_services(city: Path) -> None:
    nginx = shutil.which("nginx", path=PATH)
    if nginx is None:
        pytest.skip("nginx is not installed (Debian, Ubuntu: apt-get install nginx-light)")
    tls = city / "city/tls"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-subj", "/CN=city.example.cn"),
            *("-keyout", str(tls / "public.key"), "-out", str(tls / "public.crt")),
        ],
        check=True,
        capture_output=True,
    )
    text = (city / "city/nginx.conf").read_text()
    assert "server_name city.example.cn;" in text
    for name in ("web1", "web2", "web3"):
        assert f"server {SERVICES[name]['networks']['front']['ipv4_address']}:8000" in text
    written = re.findall(r"(?:_path|pid|root) (/[^ ;]+)", text)
    assert {path.split("/")[1] for path in written} == {"tmp", "usr"}
    file = city / "nginx-here.conf"
    text = text.replace(" /tmp/", f" {city}/").replace("/etc/guahao/tls", str(tls))
    file.write_text(text)
    done = subprocess.run(
        [nginx, "-t", "-c", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_postgresql_is_set_as_on_one_machine_and_knows_every_parameter(server_url: str) -> None:
    conf = (FOLDER / "postgres/postgresql.conf").read_text()
    given = dict(re.findall(r"^(\w+) = '?([^'\n]+)'?$", conf, re.MULTILINE))
    one = (ROOT / "deploy/one-machine/web1/etc/postgresql/15/main/conf.d/guahao.conf").read_text()
    reference = dict(re.findall(r"^(\w+) = '?([^'\n]+)'?$", one, re.MULTILINE))
    ours = {
        "listen_addresses",
        "shared_buffers",
        "effective_cache_size",
        "ssl_min_protocol_version",
    }
    assert {name: given.get(name) for name in reference if name not in ours} == {
        name: value for name, value in reference.items() if name not in ours
    }
    with psycopg.connect(server_url) as conn:
        rows = conn.execute("SELECT lower(name) FROM pg_settings").fetchall()
    assert set(given) - {row[0] for row in rows} == set()


# The builder ----------------------------------------------------------------------------------


def build(folder: Path, builder: str | None) -> subprocess.CompletedProcess[str]:
    """Run the build script with a stand-in of a builder that prints its arguments."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "sed", "git", "date"):
        (programs / name).symlink_to(shutil.which(name) or "")
    if builder is not None:
        (programs / builder).write_text('#!/bin/sh\nprintf "%s\\n" "$*"\n')
        (programs / builder).chmod(0o755)
    return subprocess.run(
        [str(FOLDER / "build")],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("builder", ["podman", "buildah", "docker"])
def test_either_builder_builds_both_images_with_version_and_commit(
    builder: str, tmp_path: Path
) -> None:
    done = build(tmp_path, builder)
    assert done.returncode == 0, done.stderr
    calls = [line for line in done.stdout.splitlines() if line.startswith("build ")]
    assert len(calls) == 2
    # Without it podman and buildah drop the health check.
    assert all(("--format docker" in call) is (builder != "docker") for call in calls)
    assert re.search(r"--target runtime .*--tag guahao:[\d.]+ --tag guahao:[\d.]+-\w+", calls[0])
    assert re.search(r"--target backup .*--tag guahao-backup:[\d.]+", calls[1])


def test_without_a_builder_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    done = build(tmp_path, None)
    assert done.returncode == 1
    assert "podman, buildah or a running docker" in done.stderr
    assert "apt-get install podman" in done.stderr
