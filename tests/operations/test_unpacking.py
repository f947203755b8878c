"""Unpacking a backup: with and without tarfile's filters, which Debian 12's Python lacks."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from guahao.backup import restoring


@pytest.fixture(params=["with filters", "without filters"], autouse=True)
def _python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without filters":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def unpacked(member: tarfile.TarInfo, content: bytes, into: Path) -> None:
    file = io.BytesIO()
    member.size = len(content)
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(member, io.BytesIO(content))
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r|") as tar:
        for found in tar:
            restoring._extract(tar, found, into)


def test_a_file_is_written_in_its_folder(tmp_path: Path) -> None:
    unpacked(tarfile.TarInfo("base/1/PG_VERSION"), b"15\n", tmp_path)
    assert (tmp_path / "base/1/PG_VERSION").read_bytes() == b"15\n"


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "base/../../outside"])
def test_nothing_is_written_outside(name: str, tmp_path: Path) -> None:
    with pytest.raises(tarfile.TarError):
        unpacked(tarfile.TarInfo(name), b"x", tmp_path / "inside")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_do_not_belong_into_a_backup(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("pg_wal")
    member.type, member.linkname = kind, "/etc"
    with pytest.raises(tarfile.TarError):
        unpacked(member, b"", tmp_path)
