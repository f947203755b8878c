"""An uploaded file between its upload and its being applied: hospitals, search terms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.importing import FileRefusal, decide_file
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.sheets.book import Book, Limits
from guahao.sheets.faults import Fault, UnreadableFile
from guahao.sheets.hidden import LeftOut, without_hidden
from guahao.sheets.read import read_book
from guahao.store.hospitals import hospital_imports as store

LIMITS = Limits(bytes=4 * 1024 * 1024, rows=5000)
_FILENAME_MAX = 120


class _Found(Protocol):
    """What was read from a file."""

    left_out: list[LeftOut]
    may_hide_rows: bool


_FoundT = TypeVar("_FoundT", bound=_Found)
_Addition = TypeVar("_Addition")
_Change = TypeVar("_Change")
_Preview = TypeVar("_Preview")


@dataclass(frozen=True, slots=True)
class FilePreview(Generic[_Addition, _Change]):
    """What a file would do; with any fault, nothing."""

    unreadable: UnreadableFile | None = None
    faults: list[Fault] = field(default_factory=list)
    additions: list[_Addition] = field(default_factory=list)
    changes: list[_Change] = field(default_factory=list)
    same: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    may_hide_rows: bool = False

    @property
    def is_right(self) -> bool:
        """Return whether the file could be applied."""
        return self.unreadable is None and not self.faults

    @property
    def version(self) -> str:
        """Return a version that changes whenever the file would do something else."""
        return version_of((self.additions, self.changes))

    def refusal(self, seen: str | None) -> FileRefusal | None:
        """Return why the file is not applied; `seen`: the version that was shown, if any was."""
        return decide_file(
            is_correct=self.is_right,
            is_as_seen=seen is None or self.version == seen,
            changes_something=bool(self.additions or self.changes),
        )


@dataclass(frozen=True, slots=True)
class SavedPreview(Generic[_Preview]):
    """A file that waits for its confirmation, or has had it (`preview` None)."""

    id: int
    filename: str
    preview: _Preview | None


async def save_upload(
    platform: Platform,
    by: Staff,
    table: store.Table,
    filename: str,
    content: bytes,
    *,
    include_hidden: bool,
) -> int:
    """Store a file for its preview; return its id.

    `include_hidden`: hidden sheets too, and rows that are hidden or filtered out.
    """
    name = filename[-_FILENAME_MAX:]
    async with platform.db.transaction() as tx:
        return await store.add(tx, table, by.id, name, content, include_hidden=include_hidden)


async def read_upload(
    read: Callable[[Book], _FoundT], filename: str, content: bytes, *, include_hidden: bool
) -> _FoundT | UnreadableFile:
    """Return what `read` finds in a file, off the event loop."""
    book = await asyncio.to_thread(read_book, content, filename, LIMITS)
    if isinstance(book, UnreadableFile):
        return book
    left_out: list[LeftOut] = []
    if not include_hidden:
        book, left_out = without_hidden(book)
    found = await asyncio.to_thread(read, book)
    found.left_out = left_out
    found.may_hide_rows = book.may_hide_rows and not include_hidden
    return found
