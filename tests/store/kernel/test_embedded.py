"""The embedded server starts whatever state the last one left its folder in."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from guahao.embedded import LOGS_KEPT, EmbeddedServer, EmbeddedServerError, program

pytestmark = pytest.mark.database


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one server, stopped and removed afterwards.

    Not pytest's own: a server run by root needs to pass through the folder's parents.
    """
    parent = Path(tempfile.mkdtemp(prefix="guahao-embedded-"))
    yield parent / "postgres"
    EmbeddedServer(parent / "postgres").stop()
    shutil.rmtree(parent)


def start(folder: Path) -> EmbeddedServer:
    server = EmbeddedServer(folder, durable=False)
    server.start()
    return server


def ask(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.url("postgres")) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def kill(server: EmbeddedServer) -> int:
    """Kill the postmaster, as an out-of-memory killer does; returns its process id."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=10)
    return pid


def test_first_start_creates_a_cluster_that_is_ours_alone(folder: Path) -> None:
    server = EmbeddedServer(folder)
    assert server.start() is True
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SHOW data_checksums") == "on"
    assert ask(server, "SHOW timezone") == "Asia/Shanghai"
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW fsync") == "on"
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.stat().st_uid == (folder / "data").stat().st_uid


def test_a_second_start_shares_the_running_server(folder: Path) -> None:
    server = start(folder)
    assert EmbeddedServer(folder).start() is False
    assert EmbeddedServer(folder).pid() == server.pid()


def test_stop_keeps_what_was_written(folder: Path) -> None:
    server = start(folder)
    url = server.ensure_database("挂号")
    assert server.ensure_database("挂号") == url
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept (n int)")
    server.stop()
    assert not server.is_running()
    start(folder)
    with psycopg.connect(url) as conn:
        conn.execute("SELECT n FROM kept")


def test_stop_where_nothing_was_ever_started_does_nothing(folder: Path) -> None:
    EmbeddedServer(folder).stop()
    assert not EmbeddedServer(folder).is_running()


def test_starts_again_after_the_postmaster_was_killed(folder: Path) -> None:
    server = start(folder)
    kill(server)
    assert not server.is_running()
    assert server.start() is True
    assert ask(server, "SELECT 1") == 1


def test_starts_again_although_a_killed_servers_session_still_works(folder: Path) -> None:
    server = start(folder)

    def work_on() -> None:
        with psycopg.connect(server.url("postgres")) as conn, suppress(psycopg.OperationalError):
            conn.execute("SELECT count(*) FROM generate_series(1, 100000000000)")

    session = threading.Thread(target=work_on)
    session.start()
    while ask(server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%series(1%'") != 2:
        pass
    kill(server)
    assert server.start() is True
    session.join(timeout=10)
    assert not session.is_alive()


def test_starts_although_the_pid_file_names_somebody_elses_process(folder: Path) -> None:
    server = start(folder)
    owner = (folder / "data").stat().st_uid
    pid = kill(server)
    stranger = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        for file in (folder / "data" / "postmaster.pid", folder / ".s.PGSQL.5432.lock"):
            file.write_text(file.read_text().replace(str(pid), str(stranger.pid)))
        assert not server.is_running()
        assert server.start() is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_leaves_nothing_behind(folder: Path) -> None:
    (folder / "data.unfinished").mkdir(parents=True)
    (folder / "data.unfinished" / "PG_VERSION").write_text("18\n")
    assert ask(start(folder), "SELECT 1") == 1


def test_of_two_starts_at_once_one_starts_the_server(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from guahao.embedded import EmbeddedServer; "
        "print(EmbeddedServer(Path(sys.argv[1]), durable=False).start())"
    )
    command = [sys.executable, "-c", code, str(folder)]
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [start.communicate(timeout=120)[0].strip() for start in starts]
    assert sorted(answers) == ["False", "True"]


def test_a_folder_too_deep_for_a_socket_gets_one_elsewhere(folder: Path) -> None:
    deep = folder.joinpath(*["too-long-for-a-socket"] * 6)
    server = start(deep)
    try:
        assert ask(server, "SELECT 1") == 1
        elsewhere = Path(str(ask(server, "SHOW unix_socket_directories")))
        assert elsewhere.stat().st_mode & 0o077 == 0
        assert elsewhere.stat().st_uid == (deep / "data").stat().st_uid
    finally:
        server.stop()
    elsewhere.rmdir()


def test_a_socket_folder_laid_by_another_user_is_refused(folder: Path) -> None:
    deep = folder.joinpath(*["too-long-for-a-socket"] * 6)
    server = EmbeddedServer(deep, durable=False)
    elsewhere = server._socket_folder()
    elsewhere.symlink_to(folder.parent)
    try:
        with pytest.raises(EmbeddedServerError, match="belongs to another user"):
            server.start()
    finally:
        elsewhere.unlink()


def test_an_unknown_program_is_refused() -> None:
    assert program("pgbench").is_file()
    with pytest.raises(EmbeddedServerError, match="no program"):
        program("oracle")


def test_the_servers_log_is_bounded(folder: Path) -> None:
    server = start(folder)
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("DO $$ BEGIN RAISE WARNING 'written to the log'; END $$")
    logs = folder / "log"
    [file] = logs.glob("*.log")
    while "written to the log" not in file.read_text():  # by another process
        time.sleep(0.05)
    for day in range(10, 30):
        (logs / f"2026-01-{day}-000000.log").write_text("old")
    server.drop_old_logs()
    left = sorted(path.name for path in logs.glob("*.log"))
    assert len(left) == LOGS_KEPT
    assert left[-1] == file.name
    assert left[0] == "2026-01-21-000000.log"
