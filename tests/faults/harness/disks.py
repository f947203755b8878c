"""Small disks, and filling them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a disk of so many megabytes; skip the test where this is not permitted."""
    folder.mkdir(exist_ok=True)
    options = f"size={megabytes}m,mode=711"
    mounting = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
        reason = mounted.stderr if mounted.returncode else ""
    except FileNotFoundError as error:
        reason = str(error)
    if reason:
        pytest.skip(f"a small disk cannot be mounted: {reason}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path, leave: int) -> None:
    """Fill a disk but for so many bytes, with this one file."""
    path.unlink(missing_ok=True)
    size = 0
    with path.open("wb") as file:
        while (more := shutil.disk_usage(path.parent).free - leave) > 0:
            with suppress(OSError):  # others wrote meanwhile
                os.posix_fallocate(file.fileno(), size, more)
                size += more
