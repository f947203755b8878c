"""Write a deployment into its folder, preserving secrets and the operator's edits."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from guahao.deploy.answers import AnswersError
from guahao.deploy.plan import PlannedFile

_MANIFEST = ".generated.json"
SECRETS = "secrets"


class State(StrEnum):
    """The state of a file after a run."""

    NEW = "new"
    SAME = "unchanged"
    CHANGED = "changed"
    KEPT = "kept, you edited it"
    OVERWRITTEN = "overwritten"
    OBSOLETE = "no longer needed"


@dataclass(frozen=True)
class Written:
    """A file of the folder, and its difference from the earlier file, without secrets."""

    path: str
    state: State
    difference: str = ""


def check_folder(folder: Path) -> None:
    """Raise AnswersError if the folder is not a deployment's, or has lost its secrets."""
    if folder.exists() and not folder.is_dir():
        raise AnswersError(f"{folder} is not a folder")
    is_ours = (folder / _MANIFEST).is_file()
    if folder.is_dir() and any(folder.iterdir()) and not is_ours:
        raise AnswersError(
            f"{folder} holds something else: name an empty folder, or the one of the first run"
        )
    if is_ours and not (folder / SECRETS / "secrets.toml").is_file():
        raise AnswersError(
            f"{folder / SECRETS}/secrets.toml is missing. With new secrets nobody could read what"
            " the city's database holds: restore the file from your copy, or begin a new folder"
        )


def write_folder(
    folder: Path, planned: list[PlannedFile], secrets: dict[str, str], *, force: bool
) -> list[Written]:
    """Write new and changed files; return every file with its state."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    manifest = _read_manifest(folder)
    (folder / SECRETS).mkdir(exist_ok=True, mode=0o700)
    for name, text in secrets.items():
        _write(folder / SECRETS / name, text, 0o600)
    written = []
    for file in planned:
        found = _write_planned(folder, file, manifest.get(file.path), force=force)
        written.append(found)
        if found.state is not State.KEPT:
            manifest[file.path] = _digest(file.text)
            _write(folder / _MANIFEST, json.dumps(manifest, indent=1, sort_keys=True), 0o600)
    known = {file.path for file in planned}
    written += [
        Written(path, State.OBSOLETE)
        for path in sorted(manifest.keys() - known)
        if (folder / path).exists()
    ]
    return written


def _write_planned(folder: Path, file: PlannedFile, last: str | None, *, force: bool) -> Written:
    path = folder / file.path
    mode = (0o700 if file.mode & 0o100 else 0o600) if file.is_secret else file.mode
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        _write(path, file.text, mode)
        return Written(file.path, State.NEW)
    if before == file.text:
        path.chmod(mode)
        return Written(file.path, State.SAME)
    is_edited = last != _digest(before)
    difference = "" if file.is_secret else _difference(file.path, before, file.text)
    if is_edited and last == _digest(file.text):
        # Only the operator changed it, so that even a forced run has nothing to write.
        difference = ""
    if is_edited and not force:
        return Written(file.path, State.KEPT, difference)
    _write(path, file.text, mode)
    return Written(file.path, State.OVERWRITTEN if is_edited else State.CHANGED, difference)


def _read_manifest(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / _MANIFEST).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise AnswersError(f"{folder / _MANIFEST} cannot be read: {error}") from error
    return {str(path): str(digest) for path, digest in found.items()}


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file atomically; it is never readable for others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(descriptor, mode)
    draft.replace(path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path} (here)", f"{path} (new)", lineterm="", n=1
    )
    return "\n".join(lines)
