"""The wheel in an empty environment without Node: `guahao up` serves, books and migrates."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import httpx
import psycopg
import pytest
from release.dist import ROOT, VERSION, package_files
from tests.acceptance.ports import free_port
from tests.acceptance.processes import SECRET_KEY

from guahao.embedded import EmbeddedServer
from guahao.store.kernel.migrate import schema_at
from guahao.tools.demo.people import NOWHERE, resident_id

pytestmark = pytest.mark.wheel

PATIENCE_SECONDS = 120
PHONE = "13800138000"
API = "/api/v1"
NEWEST = schema_at(None).pending[-1]
BEFORE = schema_at(None).pending[-2]


@dataclass(frozen=True)
class Installation:
    """A virtual environment that holds the wheel and what it depends on, and nothing else."""

    folder: Path
    environ: dict[str, str]

    def run(
        self, program: str, *arguments: str, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment to its end."""
        return subprocess.run(
            [self.folder / "venv" / "bin" / program, *arguments],
            env={**self.environ, **settings},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def succeed(self, program: str, *arguments: str, **settings: str) -> str:
        """Run a program of the environment, which must succeed; return what it printed."""
        ended = self.run(program, *arguments, **settings)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


def without_node(path: str) -> str:
    """Return the folders of a PATH in which there is no node."""
    folders = path.split(os.pathsep)
    return os.pathsep.join(
        folder for folder in folders if shutil.which("node", path=folder) is None
    )


def install(folder: Path) -> Installation:
    """Build the wheel and install it beside the locked versions of what it depends on."""
    environ = {
        "PATH": without_node(os.environ["PATH"]),
        "HOME": str(folder),
        "GUAHAO_DATA_DIR": str(folder / "data"),
        "GUAHAO_PORT": str(free_port()),
    }
    python, venv = sys.executable, str(folder / "venv")
    build = [python, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([python, "-m", "venv", "--without-pip", venv], check=True)
    link_locked(folder / "venv")
    pip = [python, "-m", "pip", "--python", venv]
    wheel = str(folder / f"guahao-{VERSION}-py3-none-any.whl")
    offline = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "install", *offline, wheel], check=True, capture_output=True)
    subprocess.run([*pip, "check"], check=True, capture_output=True)
    return Installation(folder, environ)


def link_locked(venv: Path) -> None:
    """Put in place what requirements/base.txt locks, and nothing else.

    From this environment, into which make has installed it by the same file, checking each hash:
    to do that again takes a minute. `pip check` tells what is missing.
    """
    locked = (ROOT / "requirements" / "base.txt").read_text(encoding="utf-8")
    [packages] = venv.glob("lib/python*/site-packages")
    for name in re.findall(r"^([\w.-]+)==", locked, re.MULTILINE):
        with suppress(PackageNotFoundError):  # needed on other systems only
            for file in distribution(name).files or ():
                if ".." not in file.parts:  # no scripts
                    place = packages / file
                    place.parent.mkdir(parents=True, exist_ok=True)
                    link(Path(str(file.locate())), place)


def link(source: Path, place: Path) -> None:
    """Link a file, or copy it to another file system."""
    try:
        place.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, place)


@contextmanager
def serving(installation: Installation) -> Iterator[httpx.Client]:
    """Run `guahao up`; yield a client of it, and end it as Ctrl-C does."""
    log = installation.folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [installation.folder / "venv" / "bin" / "guahao", "up"],
            env=installation.environ,
            cwd=installation.folder,
            stdout=file,
            stderr=file,
        )
    try:
        base = f"http://127.0.0.1:{installation.environ['GUAHAO_PORT']}"
        with httpx.Client(base_url=base) as client:
            wait_for(client, process, log)
            yield client
    finally:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            if client.get("/health/ready").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded server's user may enter, which pytest's are not."""
    made = Path(tempfile.mkdtemp(prefix="guahao-wheel-"))
    yield made
    shutil.rmtree(made)


# In one test: with several, each process of the test run would install the wheel for itself.
def test_the_wheel_serves_books_and_migrates_without_node(folder: Path) -> None:
    installation = install(folder)
    check_that_nothing_else_is_there(installation)
    check_that_a_missing_extra_is_named(installation)
    installation.succeed(
        "guahao", "demo", "seed", "--hospitals", "3", "--days", "20", "--patients", "200"
    )
    with serving(installation) as client:
        check_that_pages_have_their_scripts_and_styles(client)
        check_that_a_citizen_books(client)
        check_that_the_schema_before_is_migrated(installation)


def check_that_nothing_else_is_there(installation: Installation) -> None:
    assert shutil.which("node", path=installation.environ["PATH"]) is None
    found = installation.succeed("python", "-c", "import guahao; print(guahao.__file__)").strip()
    source = Path(found).parents[1]
    assert source.is_relative_to(installation.folder)
    assert [name for name in package_files() if not (source / name).is_file()] == []


def check_that_a_missing_extra_is_named(installation: Installation) -> None:
    provider = {
        "GUAHAO_ALIYUN_ACCESS_KEY_ID": "a",
        "GUAHAO_ALIYUN_ACCESS_KEY_SECRET": "b",
        "GUAHAO_ALIYUN_SIGN_NAME": "c",
        "GUAHAO_ALIYUN_TEMPLATES": '{"otp": "SMS_1"}',
        "GUAHAO_IDENTITY_ALIYUN_ACCESS_KEY_ID": "d",
        "GUAHAO_IDENTITY_ALIYUN_ACCESS_KEY_SECRET": "e",
    }
    for command, setting in (
        ("up", "GUAHAO_SMS_GATEWAY"),
        ("worker", "GUAHAO_SMS_GATEWAY"),
        ("serve", "GUAHAO_IDENTITY_VERIFIER"),
    ):
        refused = installation.run("guahao", command, **{setting: "aliyun"}, **provider)
        assert refused.stderr == (
            f"guahao: {setting}=aliyun needs the SDK of Alibaba Cloud, which is not installed."
            ' Run: pip install "guahao[aliyun]"\n'
        )
        assert refused.returncode == 2
    settings = {"GUAHAO_SMS_GATEWAY": "aliyun", "GUAHAO_SECRET_KEY": SECRET_KEY, **provider}
    examined = installation.run("guahao", "doctor", "--json", **settings)
    assert "needs the SDK of Alibaba Cloud" in examined.stdout
    assert examined.returncode == 2


def check_that_pages_have_their_scripts_and_styles(client: httpx.Client) -> None:
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.status_code == httpx.codes.OK
    linked = re.findall(r'"(/static/[^"]+)"', page.text)
    assert any("/vendor/" in address for address in linked)
    assert {client.get(address).status_code for address in linked} == {httpx.codes.OK}


def check_that_a_citizen_books(client: httpx.Client) -> None:
    sent = client.post(f"{API}/auth/otp", json={"phone": PHONE}).json()
    login = {"phone": PHONE, "otp": one_time_password(client), "request_id": sent["request_id"]}
    token = client.post(f"{API}/auth/token", json=login).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    id_no = resident_id(f"{NOWHERE}00", date(1985, 5, 1), 77)
    person = {"name": "周示例", "id_type": "01", "id_no": id_no}
    patient = client.post(f"{API}/patients", json=person)
    assert patient.status_code == httpx.codes.CREATED, patient.text
    request = {"patient_id": patient.json()["id"], "clinic_session_id": open_session(client)}
    key = {"Idempotency-Key": "first"}
    booked = client.post(f"{API}/appointments", json=request, headers=key)
    assert booked.status_code == httpx.codes.CREATED, booked.text
    listed = client.get(f"{API}/appointments").json()["items"]
    assert [item["order_no"] for item in listed] == [booked.json()["order_no"]]


def one_time_password(client: httpx.Client) -> str:
    """Return the password once the worker has sent it."""
    last = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < last:
        sent = client.get("/demo/outbox", params={"to": PHONE}).json()["items"]
        if sent:
            [password] = re.findall(r"\d{6}", sent[0]["text"])
            return str(password)
        time.sleep(0.1)
    raise AssertionError("no one-time password came")


def open_session(client: httpx.Client) -> int:
    """Return a session of the city that can be booked."""
    for hospital in client.get(f"{API}/hospitals").json()["items"]:
        departments = client.get(f"{API}/hospitals/{hospital['id']}/departments").json()["items"]
        for department in departments:
            query = {"hospital_id": hospital["id"], "department_id": department["id"]}
            found = client.get(f"{API}/clinic-sessions", params=query)
            for session in found.json().get("items", []):
                if session["state"] == "available":
                    return int(session["id"])
    raise AssertionError("no session can be booked")


def check_that_the_schema_before_is_migrated(installation: Installation) -> None:
    """Migrate a database of the revision before this one, with data, on the running server."""
    url = EmbeddedServer(installation.folder / "data" / "postgres").ensure_database("before")
    code = "import sys; from guahao.store.kernel.migrate import migrate;"
    installation.succeed("python", "-c", f"{code} migrate(sys.argv[1], revision='{BEFORE}')", url)
    with psycopg.connect(url) as conn:
        conn.execute(DATA)
    settings = {"GUAHAO_DATABASE_URL": url}
    pending = installation.run("guahao", "migrate", "--check", **settings)
    assert pending.stdout == f"Pending after {BEFORE}: {NEWEST}. Run: guahao migrate\n"
    assert pending.returncode == 3
    assert "up to date" in installation.succeed("guahao", "migrate", **settings)
    checked = installation.succeed("guahao", "migrate", "--check", **settings)
    assert checked == f"The database is up to date ({NEWEST}).\n"
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT capacity, booked FROM clinic_sessions").fetchall() == [(9, 0)]


DATA = """
    WITH hospital AS (
        INSERT INTO hospitals (code, name, grade, district)
        VALUES ('H1', '安澜市第一医院', '三级甲等', '东城') RETURNING id
    ), department AS (
        INSERT INTO departments (hospital_id, code, name)
        SELECT id, '03', '内科' FROM hospital RETURNING id, hospital_id
    )
    INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period, fee_fen,
                                 capacity)
    SELECT hospital_id, id, '主任医师', '2026-12-19', 'morning', 5000, 9 FROM department
"""
