"""Backups against a real server that is killed, damaged, cut short: nothing booked is lost."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.crowd import add_clinic, add_crowd, book, open_desk
from tests.faults.harness.disks import fill, small_disk
from tests.operators.workplace import Workplace

from guahao import wiring
from guahao.backup import restoring
from guahao.backup.archive import Archive, ArchiveBusyError, Count, Facts
from guahao.backup.programs import BackupError
from guahao.embedded import install_folder, made_user
from guahao.rules.kernel.limits import CITY_TIME
from guahao.settings import read_settings
from guahao.store.kernel.db import LOGIN_ROLE
from guahao.store.kernel.views import AppointmentView

PATIENCE_SECONDS = 120
LONG = pytest.mark.skipif("GUAHAO_FAULTS_LONG" not in os.environ, reason="for the long form")


def until(holds: Callable[[], bool], what: str) -> None:
    last = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < last:
        try:
            if holds():
                return
        except psycopg.OperationalError:
            pass
        time.sleep(0.05)
    raise AssertionError(what)


class City:
    """A city whose server runs, with an archive that its log may be streamed into."""

    def __init__(self, workplace: Workplace) -> None:
        self.place = workplace
        self.archive = workplace.folder / "archive"
        workplace.environ["GUAHAO_BACKUP_DIR"] = str(self.archive)
        self.server = workplace.server
        self.server.start()

    @property
    def wal(self) -> list[Path]:
        return sorted((self.archive / "wal").glob("0*"))

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.server.url("guahao"), autocommit=True) as conn:
            cursor = conn.execute(statement.encode())
            return cursor.fetchall() if cursor.description is not None else []

    def booked(self) -> set[object]:
        return {id for (id,) in self.ask("SELECT id FROM appointments")}

    def book(self, count: int) -> set[object]:
        """The ids of so many bookings that were acknowledged."""

        async def work() -> set[object]:
            settings = read_settings(self.place.environ)
            url = self.server.url("guahao", LOGIN_ROLE)
            async with wiring.open_platform(settings, url) as platform:
                days = [date.today() + timedelta(days=7)]  # noqa: DTZ011 - the city's or UTC's
                [session] = await add_clinic(platform, days, capacity=count)
                people = await add_crowd(platform, count)
                async with open_desk(platform) as desk:
                    answers = await asyncio.gather(*(book(desk, one, session) for one in people))
                views = [answer for answer in answers if isinstance(answer, AppointmentView)]
                assert len(views) == count
                return {view.id for view in views}

        return asyncio.run(work())

    def is_archived(self) -> bool:
        """Whether the stream has received all that was committed, not only its last file."""
        return self.ask(
            "SELECT restart_lsn >= pg_current_wal_flush_lsn() FROM pg_replication_slots"
        ) == [(True,)]

    def runs(self, kind: str) -> list[tuple[object, ...]]:
        return self.ask(
            "SELECT outcome, detail, target_time IS NOT NULL, size_bytes FROM backup_runs"
            f" WHERE kind = '{kind}' ORDER BY id"
        )

    @contextmanager
    def streaming(self, *options: str, synchronous: bool = False) -> Iterator[Path]:
        """Stream the log; what it says stands in the file."""
        said = self.place.folder / "stream.log"
        with said.open("w") as file:
            process = subprocess.Popen(
                ["guahao", "backup", "stream", *options],
                env=self.place.environ,
                stdout=file,
                stderr=file,
            )
        try:
            until(
                lambda: self.ask("SELECT active FROM pg_replication_slots") == [(True,)],
                said.read_text(),
            )
            if synchronous:
                self.ask("ALTER SYSTEM SET synchronous_standby_names = 'guahao_backup'")
                self.ask("SELECT pg_reload_conf()")
                until(
                    lambda: self.ask("SELECT sync_state FROM pg_stat_replication") == [("sync",)],
                    "not synchronous",
                )
            yield said
        finally:
            process.terminate()
            assert process.wait(PATIENCE_SECONDS) == 0, said.read_text()

    def lose(self) -> None:
        """Kill the server, and remove its data directory."""
        pid = self.server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: not self.server.is_running(), "still there")
        shutil.rmtree(self.data)

    @property
    def data(self) -> Path:
        return Path(self.place.environ["GUAHAO_DATA_DIR"]) / "postgres" / "data"

    def restore(self, to: str) -> str:
        """Restore in place of what was lost."""
        self.server.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        said = self.place.guahao("backup", "restore", "--yes", "--to", to, "--into", str(self.data))
        self.server.start()
        return said


@pytest.fixture
def city(workplace: Workplace) -> City:
    return City(workplace)


def test_what_was_acknowledged_outlives_the_server_and_its_disk(city: City) -> None:
    guahao = city.place.guahao
    with city.streaming(synchronous=True):
        said = guahao("backup", "take")
        assert "checksums are right" in said
        assert "keep GUAHAO_SECRET_KEY" in said
        before = city.booked() | city.book(4)
        [(moment,)] = city.ask("SELECT clock_timestamp()")
        assert isinstance(moment, datetime)
        after = before | city.book(4)
        [(told, _, _, size)] = city.runs("backup")
        assert (told, size is None) == ("ok", False)
        city.lose()
        said = guahao("backup", "verify", status=0)  # while there is no server at all
        assert "the platform's database is away" in said
    assert "start guahao" in city.restore("latest")
    assert city.booked() == after
    assert not (city.data / "recovery.signal").exists()
    city.restore(moment.isoformat())
    assert city.booked() == before
    late = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    nowhere = str(city.place.folder / "nowhere")
    said = guahao("backup", "restore", "--yes", "--to", late, "--into", nowhere, status=2)
    assert "the archived log ends before that time" in said
    shown = re.search(r"the last commit in it is of (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\. ", said)
    assert shown is not None, said
    last = datetime.fromisoformat(shown[1]).replace(tzinfo=CITY_TIME)
    assert moment - timedelta(seconds=1) < last <= datetime.now(UTC)
    # The control: without the end of the log bookings are lost, so that the test above can tell.
    city.wal[-1].unlink()
    city.restore("latest")
    assert city.booked() < after
    early = (moment - timedelta(days=1)).isoformat()
    said = guahao("backup", "restore", "--yes", "--to", early, "--into", nowhere, status=2)
    assert "that time cannot be restored" in said
    assert not Path(nowhere).exists()
    said = guahao("backup", "restore", "--to", "latest", "--into", str(city.data), status=2)
    assert "is not empty" in said


def test_a_verification_finds_what_is_missing_and_what_is_damaged(city: City) -> None:
    guahao = city.place.guahao
    assert "Run: guahao backup take" in guahao("backup", "list")
    with city.streaming():
        guahao("backup", "take")
        city.book(2)
        said = guahao("backup", "verify")
        assert "Right: nothing is missing" in said
        [listed] = json.loads(guahao("backup", "list", "--json"))["backups"]
        assert listed["verified_at"] is not None
        assert (listed["key_is_ours"], listed["log_missing"]) == (True, [])
        other = {**city.place.environ, "GUAHAO_SECRET_KEY": "another key of the operator's"}
        wrong = Workplace(city.place.folder, other).guahao("backup", "verify", status=1)
        assert "GUAHAO_SECRET_KEY is not the one" in wrong
        assert "audit: patients_open does not hold" in wrong
        for _ in range(3):
            city.book(1)
            city.ask("SELECT pg_switch_wal()")
        until(city.is_archived, "the log is not archived")
        assert len(city.wal) > 3
    lost = city.book(2)
    said = guahao("backup", "verify", status=1)
    assert "guahao backup stream does not run" in said
    assert f"{len(lost)} of {len(city.booked())} rows of appointments are lost" in said
    missing = city.wal[-2]  # after the backup's start, where the first ones need not be
    missing.rename(city.place.folder / "gap")
    said = guahao("backup", "verify", "--to", "latest", status=1)
    assert "the archived log has a gap: 1 segments" in said
    assert "GAP: 1 segments" in guahao("backup", "list")
    (city.place.folder / "gap").rename(missing)
    [base] = (city.archive / "base").iterdir()
    packed = base / "base.tar.gz"
    content = bytearray(packed.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    packed.write_bytes(content)
    said = guahao("backup", "verify", "--to", "latest", status=1)
    assert f"the backup {base.name} is damaged" in said
    outcomes = [outcome for outcome, *_ in city.runs("verify")]
    assert outcomes == ["ok", "failed", "failed", "failed", "failed"]
    assert city.runs("verify")[0][2] is True
    assert list(city.archive.glob("guahao-scratch-*")) == []


def interrupt_a_backup(city: City, bases: Path, number: signal.Signals) -> None:
    """Signal a backup in its middle: it waits for a checkpoint, which cannot end meanwhile."""
    [(checkpointer,)] = city.ask(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
    )
    assert isinstance(checkpointer, int)

    def phases() -> list[tuple[object, ...]]:
        return city.ask("SELECT phase FROM pg_stat_progress_basebackup")

    os.kill(checkpointer, signal.SIGSTOP)
    try:
        process = subprocess.Popen(
            ["guahao", "backup", "take"], env=city.place.environ, stderr=subprocess.DEVNULL
        )
        until(lambda: phases() == [("waiting for checkpoint to finish",)], "nothing begins")
        assert list(bases.glob(".partial-*")) != []
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) != 0
    finally:
        os.kill(checkpointer, signal.SIGCONT)
    until(lambda: phases() == [], "the server goes on")


def test_what_is_interrupted_leaves_nothing_and_what_is_damaged_hides_nothing(city: City) -> None:
    guahao, bases = city.place.guahao, city.archive / "base"
    bases.mkdir(parents=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        interrupt_a_backup(city, bases, number)
        assert list(bases.iterdir()) == []
    damaged = bases / "20260101T000000Z"
    damaged.mkdir()
    (damaged / "guahao.json").write_text("{")
    said = guahao("backup", "take")
    assert "the backup 20260101T000000Z is damaged" in said
    [whole] = [path for path in bases.iterdir() if path != damaged]
    assert (whole / "guahao.json").stat().st_mode & 0o777 == 0o600
    assert re.search(r"20260101T000000Z +DAMAGED", guahao("backup", "list"))
    listed = json.loads(city.place.run("bash", "-c", "guahao backup list --json 2> /dev/null"))
    assert listed["damaged"] == [damaged.name]
    assert [base["name"] for base in listed["backups"]] == [whole.name]
    archive, place = Archive(city.archive), city.place.folder
    with archive.locked("verify.lock", fcntl.LOCK_EX):
        assert "verify` is running" in guahao("backup", "verify", status=2)
    with archive.reading():
        assert "nothing was removed" in guahao("backup", "prune", status=2)
    assert "1 backups stay" in guahao("backup", "prune")
    assert damaged.exists()

    def restore(into: Path, status: int = 2, to: str = "latest") -> str:
        asked = ("--yes", "--to", to, "--into", str(into))
        return guahao("backup", "restore", *asked, status=status)

    assert "lies among the backups" in restore(city.archive / "new")
    (place / "file").touch()
    assert "cannot be created: Not a directory" in restore(place / "file" / "new")
    (place / "target").mkdir()
    (place / "link").symlink_to(place / "target")
    late = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    restore(place / "link", to=late)
    assert list((place / "target").iterdir()) == []
    (place / "inside").symlink_to(city.archive / "base")
    assert "lies among the backups" in restore(place / "inside")
    assert f"into {place / 'target'}" in restore(place / "link", status=0)
    assert (place / "target" / "PG_VERSION").exists()


def test_what_is_killed_leaves_a_server_that_the_next_command_ends(city: City) -> None:
    guahao, temporary = city.place.guahao, city.place.folder / "temporary"
    temporary.mkdir()
    temporary.chmod(0o1777)
    environ = city.place.environ
    environ["TMPDIR"] = str(temporary)

    def living(name: str, below: str) -> set[int]:
        found = set()
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.name() == name and below in process.cwd():
                    found.add(process.pid)
        return found

    def scratch() -> set[int]:
        return living("postgres", f"{city.archive}/guahao-scratch-")

    @contextmanager
    def killed(*command: str) -> Iterator[subprocess.Popen[bytes]]:
        arguments = [sys.executable, "-m", "guahao", "backup", *command]
        process = subprocess.Popen(
            arguments, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def kill_a_verification() -> None:
        while not scratch():  # it may end before it is seen
            with killed("verify", "--to", "latest") as process:
                until(lambda: scratch() != set() or process.poll() is not None, "no server")

    receiver = f"{city.archive}/wal"
    left: set[int] = set()
    while not left:  # what was seen may have been making the slot, which ends by itself
        with killed("stream"):
            until(lambda: living("pg_receivewal", receiver) != set(), "nothing is streamed")
        left = living("pg_receivewal", receiver)
    with city.streaming() as said:
        until(lambda: "Streaming the log" in said.read_text(), "not streamed")
        until(lambda: living("pg_receivewal", receiver) != left, "the same")
        assert not left & living("pg_receivewal", receiver)
        guahao("backup", "take")
        kill_a_verification()
        assert list(temporary.iterdir()) != []
        refused = ("--yes", "--to", "latest", "--into", str(city.data))
        assert "is not empty" in guahao("backup", "restore", *refused, status=2)
        assert scratch() == set()
        assert list(temporary.iterdir()) == []
        kill_a_verification()
        # A server that still starts would write into the folder while it is removed.
        until(lambda: list(temporary.glob("*/.s.PGSQL.5432")) != [], "no socket")
        shutil.rmtree(temporary)  # now only its data directory leads to the server
        temporary.mkdir(mode=0o777)
        left = scratch()
        assert "Right" in guahao("backup", "verify")
        assert not left & set(psutil.pids())
        assert list(city.archive.glob("guahao-scratch-*")) == []


def test_a_living_restore_keeps_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with restoring._private_folder() as place:
        restoring.end_orphans()
        assert place.exists()
        left = tmp_path / "guahao-restore-left"
        shutil.copytree(place, left)
        restoring.end_orphans()
        assert not left.exists()
        assert place.exists()


def test_a_lost_slot_ends_the_stream_with_a_sentence_and_it_begins_anew(city: City) -> None:
    guahao = city.place.guahao
    with city.streaming():
        guahao("backup", "take")
    city.ask("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    city.ask("SELECT pg_reload_conf()")
    for _ in range(4):
        city.ask("SELECT pg_logical_emit_message(false, '', 'x')")
        city.ask("SELECT pg_switch_wal()")
    city.ask("CHECKPOINT")
    assert city.ask("SELECT wal_status FROM pg_replication_slots") == [("lost",)]
    assert "its slot guahao_backup is lost" in guahao("backup", "stream", status=2)
    city.ask("ALTER SYSTEM RESET max_slot_wal_keep_size")
    city.ask("SELECT pg_reload_conf()")
    with city.streaming("--start-anew"):
        guahao("backup", "take")
        assert "Right" in guahao("backup", "verify")
    assert len(list(city.archive.glob("wal.until-*"))) == 1


@LONG
def test_a_backup_of_another_tool_is_verified(city: City) -> None:
    script = city.place.folder / "restore.sh"
    script.write_text(
        'set -e; base=$(echo "$1"/base/*); tar -xzf "$base/base.tar.gz" -C "$2"\n'
        'tar -xzf "$base/pg_wal.tar.gz" -C "$2/pg_wal"\n'
        "echo \"restore_command = 'cp $1/wal/%f %p || cp $1/wal/%f.partial %p'\""
        ' >> "$2/postgresql.auto.conf"\n'
    )
    with city.streaming():
        city.place.guahao("backup", "take")
        city.book(1)
        environ = city.place.environ
        name = "GUAHAO_BACKUP_RESTORE_COMMAND"
        environ[name] = f"bash {script} {city.archive} {{folder}}"
        assert "Right" in city.place.guahao("backup", "verify")
        environ[name] = "false"
        assert "RESTORE_COMMAND failed (1)" in city.place.guahao("backup", "verify", status=1)


def test_production_keeps_no_backup_on_the_databases_own_disk(city: City) -> None:
    city.place.environ |= {
        "GUAHAO_MODE": "production",
        "GUAHAO_DATABASE_URL": city.server.url("guahao", LOGIN_ROLE),
        "GUAHAO_DATABASE_NETWORK": "private",
        "GUAHAO_SECRET_KEY": "7c1f0e9b52d84a63b6e07f3a95c2d81e",
        "GUAHAO_SMS_GATEWAY": "aliyun",
        "GUAHAO_ALIYUN_ACCESS_KEY_ID": "id",
        "GUAHAO_ALIYUN_ACCESS_KEY_SECRET": "secret",
        "GUAHAO_ALIYUN_SIGN_NAME": "挂号",
        "GUAHAO_ALIYUN_TEMPLATES": '{"booked": "SMS_1"}',
        "GUAHAO_PUBLIC_URL": "https://guahao.example.cn",
        "GUAHAO_IDENTITY_VERIFIER": "none",
    }
    guahao = city.place.guahao
    assert "set GUAHAO_BACKUP_URL" in guahao("backup", "take", status=2)
    city.place.environ["GUAHAO_BACKUP_URL"] = city.server.url("guahao")
    assert "own disk" in guahao("backup", "take", status=2)
    assert "There is no backup" in guahao("backup", "list")
    guahao("backup", "take", "--same-disk")
    assert [outcome for outcome, *_ in city.runs("backup")] == ["failed", "ok"]


def test_a_full_archive_is_told_and_nothing_unfinished_counts(city: City) -> None:
    city.place.environ["GUAHAO_BACKUP_SCRATCH_DIR"] = str(city.place.folder)
    with small_disk(city.archive, 100), city.streaming() as said:
        filler = city.archive / "filler"
        fill(filler, 2 << 20)
        told = city.place.guahao("backup", "take", status=2)
        assert "is full" in told
        assert "There is no backup" in city.place.guahao("backup", "list")
        assert list((city.archive / "base").iterdir()) == []
        [(outcome, detail, *_)] = city.runs("backup")
        assert outcome == "failed"
        assert "is full" in str(detail)
        fill(filler, 0)
        city.ask("SELECT pg_switch_wal()")
        city.book(1)
        until(lambda: "is full" in said.read_text(), "nothing was said")
        filler.unlink()
        city.place.guahao("backup", "take")
        until(
            lambda: city.ask("SELECT active FROM pg_replication_slots") == [(True,)],
            said.read_text(),
        )
        assert "Right" in city.place.guahao("backup", "verify")


DEBIANS = sorted(Path("/usr/lib/postgresql").glob("1*/bin/initdb"))


@LONG
@pytest.mark.skipif(not DEBIANS, reason="Debian's PostgreSQL is not installed")
def test_debians_server_is_backed_up_by_a_login_that_migrating_creates(
    workplace: Workplace,
) -> None:
    folder = workplace.folder / "debian"
    user = made_user() if os.geteuid() == 0 else None
    folder.mkdir(mode=0o711)
    if user is not None:
        os.chown(folder, *user)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [DEBIANS[-1].with_name(program), "-D", "data", *arguments],
            cwd=folder,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            check=True,
            stdout=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        )

    run("initdb", "-A", "trust", "-U", "postgres", "-k", "--no-sync")
    run("pg_ctl", "start", "-w", "-l", "log", "-o", f"-k {folder} -c listen_addresses= -F")
    try:
        url = f"postgresql://{{}}@/postgres?host={folder}"
        workplace.environ |= {
            "GUAHAO_DATABASE_OWNER_URL": url.format("postgres"),
            "GUAHAO_DATABASE_URL": url.format("guahao_login"),
            "GUAHAO_BACKUP_URL": url.format("guahao_backup:secret"),
            "GUAHAO_BACKUP_DIR": str(workplace.folder / "archive"),
        }
        workplace.guahao("migrate")
        assert "checksums are right" in workplace.guahao("backup", "take")
        assert "Right" in workplace.guahao("backup", "verify")
        workplace.environ["GUAHAO_POSTGRES_BIN"] = str(install_folder() / "bin")
        said = workplace.guahao("backup", "take", status=2)
        assert "backups need the programs of that very version" in said
    finally:
        run("pg_ctl", "stop", "-m", "immediate")


# The folder itself ------------------------------------------------------------------------------


def add_base(
    archive: Archive, day: int, *, segment: int, verified: bool = False, microseconds: int = 0
) -> str:
    moment = datetime(2026, 12, day, 0, 0, 0, microseconds, tzinfo=UTC)
    facts = Facts(
        started_at=moment,
        finished_at=moment,
        server="18.1",
        major=18,
        system="1",
        database="guahao",
        timeline=1,
        start_lsn=segment << 24,
        segment_bytes=1 << 24,
        size_bytes=1,
        unpacked_bytes=1,
        key="k",
        counts={"appointments": Count(1, 1)},
        verified_at=moment if verified else None,
    )
    return archive.finish(archive.begin(moment), facts).name


def add_log(archive: Archive, names: Sequence[str]) -> None:
    archive.wal.mkdir(exist_ok=True)
    for name in names:
        with (archive.wal / name).open("wb") as file:
            file.truncate(1 << 24)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    made.create()
    return made


def test_old_backups_go_but_not_the_last_one_that_was_verified(archive: Archive) -> None:
    names = [add_base(archive, day, segment=day, verified=day in (1, 2)) for day in range(1, 7)]
    add_log(archive, [f"0000000100000000000000{number:02X}" for number in range(1, 9)])
    assert archive.prune(2) == [names[0], names[2], names[3]]
    assert [base.name for base in archive.bases()] == [names[1], names[4], names[5]]
    assert min(path.name for path in archive.wal.iterdir()) == "000000010000000000000002"
    assert archive.prune(2) == []


def test_a_backup_whose_description_is_damaged_hides_no_other(archive: Archive) -> None:
    names = [add_base(archive, day, segment=day, verified=day == 1) for day in range(1, 5)]
    facts = [archive.folder / "base" / name / "guahao.json" for name in names]
    facts[0].write_text("{")
    facts[1].write_bytes(facts[1].read_bytes().replace(b"16777216", b"0"))
    facts[3].unlink()
    assert archive.damaged() == [names[0], names[1], names[3]]
    assert [base.name for base in archive.bases()] == [names[2]]
    assert archive.base_for(None).name == names[2]
    with pytest.raises(BackupError, match="is damaged"):
        archive.base_for(None, names[0])
    assert archive.prune(1) == []
    assert archive.damaged() == [names[0], names[1], names[3]]


def test_nothing_is_removed_while_a_backup_is_read(archive: Archive) -> None:
    for day in (1, 2):
        add_base(archive, day, segment=day)
    with archive.reading(), pytest.raises(ArchiveBusyError, match="nothing was removed"):
        archive.prune(1)
    assert len(archive.prune(1)) == 1


def test_the_first_time_that_can_be_restored_is_told_as_it_is_typed(archive: Archive) -> None:
    add_base(archive, 1, segment=1, microseconds=1)
    early = datetime(2026, 11, 30, tzinfo=UTC)
    with pytest.raises(BackupError, match=r"the first backup ended at 2026-12-01 08:00:01$"):
        archive.base_for(early)
    archive.base_for(datetime.fromisoformat("2026-12-01 08:00:01").replace(tzinfo=CITY_TIME))


def test_an_unfinished_backup_is_none_and_goes_with_the_next(archive: Archive) -> None:
    left = archive.begin(datetime(2026, 12, 1, tzinfo=UTC))
    assert archive.bases() == []
    add_base(archive, 2, segment=1)
    assert not left.exists()
    assert len(archive.bases()) == 1


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["1 3", "1 4", "1 5.partial"], []),
        (["1 3", "1 5.partial"], ["1 4"]),
        (["1 4", "1 5"], ["1 3"]),
        (["1 3", "1 4.partial", "1 5"], ["1 4"]),
        (["1 3", "1 4.partial", "2 4", "2 5.partial"], []),
        (["1 3", "1 4", "1 5.partial", "2 5", "2 7.partial"], ["2 6"]),
        (["1 3", "2 4", "2 5"], []),
        ([], []),
    ],
)
def test_a_gap_in_the_log_is_found(archive: Archive, names: list[str], missing: list[str]) -> None:
    def full(short: str) -> str:
        timeline, _, rest = short.partition(" ")
        return f"0000000{timeline}00000000000000{rest[:1].zfill(2)}{rest[1:]}"

    add_base(archive, 1, segment=3)
    add_log(archive, ["000000010000000000000001", *map(full, names)])
    assert archive.log_since(archive.bases()[0]).missing == tuple(map(full, missing))


def test_a_segment_that_was_cut_short_is_missing(archive: Archive) -> None:
    add_base(archive, 1, segment=3)
    add_log(archive, ["000000010000000000000003", "000000010000000000000004"])
    os.truncate(archive.wal / "000000010000000000000003", 100)
    assert archive.log_since(archive.bases()[0]).missing == ("000000010000000000000003",)
