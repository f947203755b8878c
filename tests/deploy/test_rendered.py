"""What is made for a machine, read by the programs that are to run with it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import yaml
from cryptography import x509
from tests.acceptance.processes import free_port

from guahao.deploy.answers import Answers
from guahao.deploy.credentials import credentials_of, scram_verifier
from guahao.deploy.example import FOLDER, NAMES, answers_of, rendered
from guahao.deploy.plan import Layout, plan
from guahao.embedded import program

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


def write(folder: Path, answers: Answers, http: str = "80", https: str = "443") -> None:
    """Every file of the deployment, with paths under its own machine's folder."""
    credentials, _ = credentials_of(answers, {}, NOW)
    layouts = {
        name: Layout(
            tls=f"{folder}/{name}/etc/guahao/tls",
            pg_bin=str(program("postgres").parent),
            pg_data=f"{folder}/{name}/data",
            nginx_cache=f"{folder}/{name}/cache",
            nginx_log=f"{folder}/{name}",
            certificate=f"{folder}/{name}/etc/guahao/tls/public.crt",
            certificate_key=f"{folder}/{name}/etc/guahao/tls/public.key",
            haproxy_user=haproxy_user(),
            http_port=http,
            https_port=https,
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
        _, secrets = credentials_of(answers_of("three-machines"), {}, NOW)
        (tls / "public.crt").write_text(secrets["web1.crt"])
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
        http=f"127.0.0.1:{free_port()}",
        https=f"127.0.0.1:{free_port()}",
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{\n include {tmp_path}/web1/etc/nginx/conf.d/guahao.conf;\n}}\n"
    )
    check(nginx, "-t", "-q", "-c", str(whole), "-e", str(tmp_path / "error.log"))


def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    haproxy = installed("haproxy", "haproxy")
    answers = answers_of("three-machines")
    write(tmp_path, answers)
    for name in answers.machines:
        check(haproxy, "-c", "-q", "-f", str(tmp_path / name / "etc/haproxy/haproxy.cfg"))


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
