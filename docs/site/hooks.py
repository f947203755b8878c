"""What MkDocs does besides: pages made from the code, and links that leave the documentation."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import rooms

_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s:]+)(?:#[^)]*)?\)")


def on_config(config: Any) -> Any:
    """List every decision at the end of the menu."""
    folder = Path(config["docs_dir"]) / "decisions"
    found = sorted(folder.glob("*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for page in found]
    pages = [{title: f"decisions/{page.name}"} for title, page in zip(titles, found, strict=True)]
    config["nav"].append({"Decisions": pages})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pictures of the parts and rooms."""
    source = Path(config["docs_dir"]).parent / "src"
    for name, package, title in rooms.PICTURES:
        files.append(File.generated(config, name, content=rooms.drawn(source, package, title)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Name files of the repository that are no pages instead of linking to them."""
    folder = posixpath.dirname(page.file.src_uri)

    def named(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found["target"]))
        if not target.startswith("..") and not _is_folder(target):
            return found[0]
        path = posixpath.normpath(posixpath.join("docs", folder, found["target"]))
        return f"{found['text']} (`{path}`)" if path not in found["text"] else f"`{path}`"

    return _LINK.sub(named, markdown)


def _is_folder(target: str) -> bool:
    return "." not in posixpath.basename(target)
