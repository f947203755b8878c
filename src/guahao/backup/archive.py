"""The folder of the backups: base backups, each complete or absent, and the write-ahead log.

base/20261127T030512Z/   base.tar.gz, pg_wal.tar.gz, backup_manifest, guahao.json
wal/                     from pg_receivewal; the last segment ends in .partial
wal.until-…/             the log before `guahao backup stream --start-anew`
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from guahao.backup.programs import BackupError
from guahao.embedded import end_programs_in
from guahao.rules.kernel.limits import CITY_TIME

FACTS = "guahao.json"
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_PARTIAL = ".partial-"
_REMOVE_TRIES = 50

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class ArchiveBusyError(BackupError):
    """Nothing may be removed now, because the archive is being read."""


class Count(msgspec.Struct, frozen=True):
    """The number of rows and the highest id of a table whose rows are never deleted."""

    rows: int
    last: int


class Facts(msgspec.Struct, frozen=True):
    """The description of a base backup. `key`: a fingerprint of the secret key, not the key."""

    started_at: Moment
    finished_at: Moment
    server: str
    major: int
    system: str
    database: str
    timeline: int
    start_lsn: int
    segment_bytes: Annotated[int, msgspec.Meta(ge=1 << 20, le=1 << 30)]
    size_bytes: int
    unpacked_bytes: int
    key: str
    counts: Mapping[str, Count]
    verified_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """A complete base backup."""

    name: str
    path: Path
    facts: Facts

    @property
    def start(self) -> int:
        """Return the number of the first log segment that it needs."""
        return self.facts.start_lsn // self.facts.segment_bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the write-ahead log in the archive."""

    timeline: int
    number: int
    path: Path
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Wal:
    """The archived log from a base backup on. `missing`: segments that a restore needs."""

    folders: tuple[Path, ...]
    last: str | None
    missing: tuple[str, ...]


class Archive:
    """The backups in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.wal = self.folder / "wal"
        self._bases = self.folder / "base"

    def create(self) -> None:
        """Create the folder, accessible only for its owner."""
        try:
            for folder in (self.folder, self._bases):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BackupError(f"GUAHAO_BACKUP_DIR cannot be used: {error}") from error

    def bases(self) -> list[Base]:
        """Return the complete base backups, oldest first."""
        return [base for base in self._look() if isinstance(base, Base)]

    def damaged(self) -> list[str]:
        """Return the names of base backups whose description cannot be read, oldest first.

        They are never restored, and only an operator removes them.
        """
        return [name for name in self._look() if isinstance(name, str)]

    def _look(self) -> Iterator[Base | str]:
        for path in sorted(self._bases.glob("*")) if self._bases.is_dir() else []:
            if not _NAME.fullmatch(path.name) or not path.is_dir():
                continue
            try:
                facts = msgspec.json.decode((path / FACTS).read_bytes(), type=Facts)
            except (msgspec.DecodeError, UnicodeError, OSError):
                yield path.name
            else:
                yield Base(path.name, path, facts)

    def base_for(self, moment: datetime | None, name: str | None = None) -> Base:
        """Return the newest base backup from which a moment (or the latest) can be restored."""
        bases, damaged = self.bases(), self.damaged()
        if name is not None:
            bases = [base for base in bases if base.name == name]
            if name in damaged:
                raise BackupError(
                    f"the backup {name} is damaged: its {FACTS} cannot be read. Restore another:"
                    " guahao backup list"
                )
            if not bases:
                raise BackupError(f"there is no backup {name}; see: guahao backup list")
        if not bases:
            told = f" that can be read (damaged: {', '.join(damaged)})" if damaged else ""
            raise BackupError(f"there is no backup{told} in {self.folder}: run guahao backup take")
        usable = [base for base in bases if moment is None or base.facts.finished_at <= moment]
        if not usable:
            # The next whole second, which an operator can type.
            first = bases[0].facts.finished_at + timedelta(microseconds=999_999)
            raise BackupError(
                f"that time cannot be restored: the first backup ended at {local(first)}"
            )
        return usable[-1]

    def begin(self, moment: datetime) -> Path:
        """Create the folder of an unfinished base backup, and remove earlier unfinished ones."""
        for left in self._bases.glob(f"{_PARTIAL}*"):
            end_programs_in(left, "pg_basebackup")
            remove(left)
        folder = self._bases / f"{_PARTIAL}{moment:%Y%m%dT%H%M%SZ}"
        folder.mkdir(mode=0o700)
        return folder

    def finish(self, partial: Path, facts: Facts) -> Base:
        """Publish a finished base backup atomically."""
        _write(partial / FACTS, msgspec.json.format(msgspec.json.encode(facts)))
        _sync(partial)
        path = partial.with_name(partial.name.removeprefix(_PARTIAL))
        partial.rename(path)
        _sync(self._bases)
        return Base(path.name, path, facts)

    def note_verified(self, base: Base, moment: datetime) -> None:
        """Record that a base backup was restored and verified."""
        facts = msgspec.structs.replace(base.facts, verified_at=moment)
        draft = base.path / f"{FACTS}.new"
        _write(draft, msgspec.json.format(msgspec.json.encode(facts)))
        draft.rename(base.path / FACTS)

    def prune(self, generations: int) -> list[str]:
        """Remove base backups beyond so many, and unneeded log; return what was removed.

        The last verified backup is kept at any age, and damaged ones are kept without being
        counted. Raises ArchiveBusyError while a backup is restored or verified.
        """
        with self.locked("lock", fcntl.LOCK_EX) as is_free:
            if not is_free:
                raise ArchiveBusyError(
                    "nothing was removed: a backup is being verified or restored. Run guahao backup"
                    " prune once that has ended"
                )
            bases = self.bases()
            verified = [base for base in bases if base.facts.verified_at is not None]
            kept = {base.name for base in [*bases[-generations:], *verified[-1:]]}
            if not kept:
                return []
            old = [base for base in bases if base.name not in kept]
            for base in old:
                leaving = base.path.with_name(f"{_PARTIAL}{base.name}")
                base.path.rename(leaving)
                remove(leaving)
            first = min(base.start for base in bases if base.name in kept)
            for segment in self._segments(bases[-1].facts.segment_bytes):
                if segment.number < first:
                    segment.path.unlink()
        return [base.name for base in old]

    def log_since(self, base: Base) -> Wal:
        """Return the archived log that follows a base backup, and what is missing."""
        folders = tuple(folder for folder in self._wal_folders() if folder.is_dir())
        size = base.facts.segment_bytes
        found = [segment for segment in self._segments(size) if segment.number >= base.start]
        if not found:
            return Wal(folders, None, ())
        timelines = {segment.timeline for segment in found}
        first = {t: min(s.number for s in found if s.timeline == t) for t in timelines}
        newest = max(first)
        last = max(segment.number for segment in found if segment.timeline == newest)
        # Complete segments, and an unfinished segment at the end of its timeline.
        whole = {
            (segment.timeline, segment.number)
            for segment in found
            if segment.path.stat().st_size == size
            and (
                not segment.is_partial
                or segment.number == max(s.number for s in found if s.timeline == segment.timeline)
            )
        }
        missing = []
        for number in range(base.start, last + 1):
            timeline = max((t for t, begun in first.items() if begun <= number), default=newest)
            if (timeline, number) not in whole:
                missing.append(segment_name(timeline, number, size))
        return Wal(folders, segment_name(newest, last, size), tuple(missing))

    def start_anew(self, moment: datetime) -> None:
        """Set the old log aside, because what is streamed from now on does not continue it."""
        if self.wal.is_dir():
            self.wal.rename(self.wal.with_name(f"wal.until-{moment:%Y%m%dT%H%M%SZ}"))

    def has_log(self) -> bool:
        """Return whether the archive has any log."""
        return any(True for folder in self._wal_folders() for _ in folder.glob("0*"))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Prevent removals from the archive; waits for a removal to end."""
        with self.locked("lock", fcntl.LOCK_SH, waits=True):
            yield

    @contextmanager
    def locked(self, name: str, how: int, *, waits: bool = False) -> Iterator[bool]:
        """Try to hold a lock of the archive; yield whether it was free."""
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, how if waits else how | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _wal_folders(self) -> list[Path]:
        return [self.wal, *sorted(self.folder.glob("wal.until-*"), reverse=True)]

    def _segments(self, segment_bytes: int) -> list[Segment]:
        per_file = 0x1_0000_0000 // segment_bytes
        found = []
        for folder in self._wal_folders():
            for path in folder.glob("0*"):
                match = _SEGMENT.fullmatch(path.name)
                if match is not None:
                    number = int(match[2], 16) * per_file + int(match[3], 16)
                    found.append(Segment(int(match[1], 16), number, path, bool(match[4])))
        return found


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    """Return the file name of a log segment."""
    high, low = divmod(number, 0x1_0000_0000 // segment_bytes)
    return f"{timeline:08X}{high:08X}{low:08X}"


def lsn(text: str) -> int:
    """Return a position in the log, such as 16/B374D848, as a number."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def local(moment: datetime) -> str:
    """Return a time as an operator of the city reads and types it."""
    return f"{moment.astimezone(CITY_TIME):%Y-%m-%d %H:%M:%S}"


def remove(folder: Path) -> None:
    """Remove a folder with its content, even while a program that is ending still writes."""
    for tries in range(_REMOVE_TRIES):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            pass
        except OSError:
            if tries == _REMOVE_TRIES - 1:
                raise
        if not folder.exists():
            return
        time.sleep(0.1)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
