"""`guahao deploy init` as an operator runs it: again and again, with mistakes."""

from __future__ import annotations

import stat
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from tests.conftest import SOURCES

from guahao.deploy.answers import AnswersError, check
from guahao.deploy.command import gather, write
from guahao.deploy.credentials import PASSWORDS, credentials_of, read_folder
from guahao.deploy.folder import State, Written
from guahao.settings import read_settings

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ONE = {"public_host": "guahao.example.cn", "machines": "web1=10.0.0.1"}
THREE = {**ONE, "machines": "web1=10.0.0.1,web2=10.0.0.2,web3=10.0.0.3"}


def run(out: Path, given: dict[str, str], *, force: bool = False) -> list[Written]:
    return write(gather(out, None, given, {}), out, force=force, now=NOW)


def states(written: list[Written]) -> dict[str, State]:
    return {file.path: file.state for file in written if file.state is not State.SAME}


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "guahao", "deploy", "init", *words],
        env={"PYTHONPATH": SOURCES},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("given", [ONE, THREE], ids=["one", "three"])
def test_a_second_run_changes_nothing_and_keeps_every_secret(
    tmp_path: Path, given: dict[str, str]
) -> None:
    first = states(run(tmp_path, given))
    assert set(first.values()) == {State.NEW}
    secrets = read_folder(tmp_path / "secrets")
    assert set(tomllib.loads(secrets["secrets.toml"])) == set(PASSWORDS)
    assert states(run(tmp_path, {})) == {}
    assert read_folder(tmp_path / "secrets") == secrets


def test_two_deployments_have_no_secret_in_common(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        run(tmp_path / name, ONE)
        found.append(tomllib.loads((tmp_path / name / "secrets/secrets.toml").read_text()))
    assert not set(found[0].values()) & set(found[1].values())
    assert len(set(found[0].values())) == len(PASSWORDS)


def test_every_file_with_a_secret_is_its_owners_alone_and_none_is_printed(tmp_path: Path) -> None:
    given = THREE
    out = tmp_path / "city"
    done = command(
        *("--out", str(out), "--host", given["public_host"], "--machines", given["machines"])
    )
    assert done.returncode == 0, done.stderr
    again = command("--out", str(out), "--memory-gb", "64")
    assert "changed" in again.stdout
    secrets = [
        *tomllib.loads((out / "secrets/secrets.toml").read_text()).values(),
        *("".join(path.read_text().splitlines()[1:2]) for path in (out / "secrets").glob("*.key")),
    ]
    holders = 0
    for path in (path for path in out.rglob("*") if path.is_file()):
        if any(secret in path.read_text() for secret in secrets):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
            holders += 1
    assert holders >= 2
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    printed = done.stdout + done.stderr + again.stdout + again.stderr
    assert not [secret for secret in secrets if secret in printed]


def test_what_the_operator_edited_stays_unless_forced(tmp_path: Path) -> None:
    run(tmp_path, THREE)
    edited = tmp_path / "web2/etc/nginx/conf.d/guahao.conf"
    edited.write_text(edited.read_text().replace("limit_conn guahao_address 400", "# none"))
    city = tmp_path / "web1/etc/guahao/city.env"
    city.write_text("GUAHAO_SMS_GATEWAY=aliyun\n")
    text = edited.read_text()
    found = run(tmp_path, {})
    assert states(found) == {
        "web2/etc/nginx/conf.d/guahao.conf": State.KEPT,
        "web1/etc/guahao/city.env": State.KEPT,
    }
    assert edited.read_text() == text
    assert states(run(tmp_path, {}, force=True)) == {
        "web2/etc/nginx/conf.d/guahao.conf": State.OVERWRITTEN,
        "web1/etc/guahao/city.env": State.OVERWRITTEN,
    }
    assert "limit_conn guahao_address 400" in edited.read_text()


def test_a_changed_answer_is_shown_but_no_secret_of_the_file(tmp_path: Path) -> None:
    run(tmp_path, THREE)
    file = tmp_path / "answers.toml"
    file.write_text(file.read_text().replace("memory_gb = 8", "memory_gb = 64"))
    written = run(tmp_path, {})
    changed = [file for file in written if file.state is State.CHANGED]
    assert {file.path for file in changed} == {
        f"web{number}/etc/patroni/patroni.yml" for number in (1, 2, 3)
    }
    assert {file.difference for file in changed} == {""}
    assert 'shared_buffers: "16GB"' in (tmp_path / "web1/etc/patroni/patroni.yml").read_text()


def test_a_machine_that_moves_gets_a_new_certificate_and_the_others_keep_theirs(
    tmp_path: Path,
) -> None:
    run(tmp_path, THREE)
    before = read_folder(tmp_path / "secrets")
    run(tmp_path, {"machines": THREE["machines"].replace("10.0.0.2", "10.0.9.2")})
    after = read_folder(tmp_path / "secrets")
    assert {name for name in after if after[name] != before[name]} == {"web2.crt", "web2.key"}
    certificate = x509.load_pem_x509_certificate(after["web2.crt"].encode())
    authority = x509.load_pem_x509_certificate(after["ca.crt"].encode())
    certificate.verify_directly_issued_by(authority)


def test_a_certificate_is_issued_anew_in_its_last_year(tmp_path: Path) -> None:
    answers = gather(tmp_path, None, THREE, {})
    _, secrets = credentials_of(answers, {}, NOW)
    later = NOW + timedelta(days=3 * 365)
    assert credentials_of(answers, secrets, later)[1] == secrets
    renewed = credentials_of(answers, secrets, NOW + timedelta(days=4 * 365 + 2))[1]
    assert renewed["web1.crt"] != secrets["web1.crt"]
    assert renewed["ca.crt"] == secrets["ca.crt"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"public_host": "https://guahao.example.cn"}, "must be the name people type"),
        ({"public_host": "guahao.example.cn; return 200"}, "must be the name people type"),
        ({"public_host": "x"}, "must be the name people type"),
        ({"machines": {}}, "name at least one"),
        ({"machines": {"web1": {"address": "10.0.0.300"}}}, "must be an IP address"),
        ({"machines": {"web1": {"address": "::1"}}}, "IPv4"),
        ({"machines": {"web1": {"address": "0.0.0.0"}}}, "no address of a machine"),  # noqa: S104
        ({"machines": {"Web 1": {"address": "10.0.0.1"}}}, "lower-case letters"),
        ({"machines": {"../etc": {"address": "10.0.0.1"}}}, "lower-case letters"),
        ({"machines": {"a": {"address": "10.0.0.1", "roles": ["databse"]}}}, "databse"),
        ({"machines": {"a": {"address": "10.0.0.1", "roles": ["web"]}}}, "no machine is database"),
        (
            {"machines": {"a": {"address": "10.0.0.1"}, "b": {"address": "10.0.0.2"}}},
            "two lose their majority",
        ),
        (
            {"machines": {"a": {"address": "10.0.0.1"}, "b": {"address": "10.0.0.1"}}},
            "have one address",
        ),
        ({"postgresql": 14}, "from 15 to 30"),
        ({"postgresql": "fifteen"}, "postgresql"),
        ({"web_proceses": 4}, "web_proceses"),
        ({"certificate": "public.crt; include /etc/shadow"}, "the path of a file"),
        ({"virtual_address": "10.0.0.9"}, "for several machines"),
        ({"monitoring": "prometheus"}, "must be an IP address"),
        ({"monitoring": "127.0.0.1"}, "no address of a machine"),
        ({"hotline": "<b>114"}, "the number that people call"),
    ],
)
def test_an_answer_that_cannot_be_right_is_named(given: dict[str, object], said: str) -> None:
    answers = {
        "public_host": "guahao.example.cn",
        "machines": {"web1": {"address": "10.0.0.1"}},
        **given,
    }
    with pytest.raises(AnswersError, match=said):
        check(answers)


@pytest.mark.parametrize(
    "given",
    [
        {**THREE, "machines": THREE["machines"].replace("10.0.0.2", "127.0.0.2")},
        {**ONE, "machines": "web1=127.0.0.1", "monitoring": "10.0.0.20"},
    ],
)
def test_an_address_that_the_others_cannot_reach_is_refused(
    tmp_path: Path, given: dict[str, str]
) -> None:
    with pytest.raises(AnswersError, match="from itself only"):
        gather(tmp_path, None, given, {})
    gather(tmp_path, None, {**ONE, "machines": "web1=127.0.0.1"}, {})


def test_a_living_cluster_is_told_of_more_memory_by_patronictl(tmp_path: Path) -> None:
    out = tmp_path / "city"
    given = ("--out", str(out), "--host", THREE["public_host"], "--machines", THREE["machines"])
    assert "patronictl" not in command(*given).stdout
    changed = command("--out", str(out), "--memory-gb", "32").stdout
    assert (
        "patronictl edit-config guahao --pg shared_buffers=8GB --pg effective_cache_size=24GB\n"
    ) in changed
    assert "patronictl" not in command("--out", str(out)).stdout


def test_a_wrong_command_is_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    done = command(
        *("--out", str(tmp_path / "city"), "--host", "guahao.example.cn"),
        *("--machines", "a=10.0.0.1,b=10.0.0.2"),
    )
    assert done.returncode == 2
    assert "two lose their majority" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "city").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"public_host": "guahao.example.cn"}, "name the machines"),
        ({"machines": "web1=10.0.0.1"}, "name the host"),
        ({**ONE, "machines": "web1"}, "must be NAME=ADDRESS"),
        ({**ONE, "machines": "web1=10.0.0.1,web1=10.0.0.2"}, "there twice"),
    ],
)
def test_options_that_are_missing_or_wrong_are_named(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(AnswersError, match=said):
        gather(tmp_path, None, given, {})
    with pytest.raises(AnswersError, match="there is no machine web9"):
        gather(tmp_path, None, ONE, {"web": "web9"})


def test_what_no_option_says_is_asked_on_a_terminal(tmp_path: Path) -> None:
    asked = []

    def ask(question: str, default: str | None) -> str:
        asked.append(question)
        return default or "guahao.example.cn"

    answers = gather(tmp_path, None, {}, {}, ask)
    assert len(asked) == 2
    assert answers == gather(tmp_path, None, ONE, {})


@pytest.mark.parametrize("text", ["machines = [", "public_host = '\x00'", "a = 1"])
def test_a_file_of_answers_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "answers.toml"
    file.write_text(text)
    with pytest.raises(AnswersError, match=r"answers\.toml"):
        gather(tmp_path / "city", file, {}, {})
    file.write_bytes("public_host = '挂号'".encode("gb18030"))
    with pytest.raises(AnswersError, match="UTF-8"):
        gather(tmp_path / "city", file, {}, {})


def test_a_folder_that_is_not_ours_or_lost_its_secrets_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AnswersError, match="holds something else"):
        run(tmp_path, ONE)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    out = tmp_path / "city"
    run(out, ONE)
    (out / "secrets/secrets.toml").unlink()
    with pytest.raises(AnswersError, match="restore the file"):
        run(out, {})


def test_roles_by_options(tmp_path: Path) -> None:
    machines = ",".join(f"m{number}=10.0.0.{number}" for number in range(1, 6))
    answers = gather(
        tmp_path,
        None,
        {**ONE, "machines": machines},
        {"database": "m1,m2,m3", "web": "m4,m5", "worker": "m4, m5"},
    )
    assert [machine.roles for machine in answers.machines.values()] == [
        *[("database",)] * 3,
        *[("web", "worker")] * 2,
    ]
    run_out = write(answers, tmp_path / "city", force=False, now=NOW)
    paths = {file.path for file in run_out}
    assert "m1/etc/patroni/patroni.yml" in paths
    assert "m1/etc/nginx/conf.d/guahao.conf" not in paths
    assert "m4/etc/patroni/patroni.yml" not in paths
    assert "m5/etc/guahao/backup.env" in paths


@pytest.mark.parametrize("given", [ONE, THREE], ids=["one", "three"])
def test_the_program_starts_with_the_settings_once_the_city_has_filled_in_its_own(
    tmp_path: Path, given: dict[str, str]
) -> None:
    run(tmp_path, given)
    environ = {"GUAHAO_SMS_GATEWAY": "aliyun", "GUAHAO_IDENTITY_VERIFIER": "none"}
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SIGN_NAME"):
        environ[f"GUAHAO_ALIYUN_{name}"] = "given"
    environ["GUAHAO_ALIYUN_TEMPLATES"] = '{"otp": "SMS_1"}'
    for line in (tmp_path / "web1/etc/guahao/guahao.env").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            environ[name] = value
    settings = read_settings(environ)
    assert not settings.demo
    assert settings.trusted_proxies == ("127.0.0.1",)
    assert settings.database_owner_url is None
