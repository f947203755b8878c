"""Run a command with the settings of files that systemd reads as EnvironmentFile=.

    python -m guahao.deploy.environment FILE... -- COMMAND ...

The operator's files serve both systemd units and commands, so both must read them alike.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEWLINES = "\n\r"
_BLANKS = " \t\n\r"
_ESCAPED = '"\\`$'  # within double quotes; before other characters a backslash is kept


def parse(text: str) -> dict[str, str]:
    """Return the variables of a file, by systemd's rules: quotes, backslashes, comments."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        if text[position] in _BLANKS:
            position += 1
        elif text[position] in "#;":
            position = _end_of_comment(text, position)
        else:
            line = re.compile(r"[^\n\r=]*").match(text, position)
            assert line is not None
            position = line.end()
            if text[position : position + 1] != "=":
                continue  # no assignment
            value, position = _value(text, position + 1)
            name = line.group().rstrip(_BLANKS)
            if _NAME.fullmatch(name):
                found[name] = value
    return found


def _end_of_comment(text: str, position: int) -> int:
    while position < len(text) and text[position] not in _NEWLINES:
        position += 2 if text[position] == "\\" else 1
    return position


def _value(text: str, position: int) -> tuple[str, int]:
    """Return the value that begins here, and its end.

    Quotes count where a part begins, not within a word: it's, but 'a b'.
    """
    parts: list[str] = []
    while position < len(text) and text[position] not in _NEWLINES:
        if text[position] in _BLANKS:
            position += 1
        elif text[position] == "'":
            end = text.find("'", position + 1)
            end = len(text) if end < 0 else end
            parts.append(text[position + 1 : end])
            position = end + 1
        elif text[position] == '"':
            part, position = _double_quoted(text, position + 1)
            parts.append(part)
        else:
            part, position = _bare(text, position)
            parts.append(part)
    return "".join(parts), position


def _double_quoted(text: str, position: int) -> tuple[str, int]:
    part = ""
    while position < len(text) and text[position] != '"':
        if text[position] == "\\":
            position += 1
            char = text[position : position + 1]  # empty at the end
            if char in _ESCAPED:
                part += char
            elif char not in _NEWLINES:
                part += "\\" + char
        else:
            part += text[position]
        position += 1
    return part, position + 1


def _bare(text: str, position: int) -> tuple[str, int]:
    """Return the rest of the line; escaped characters are kept, even a blank."""
    part, kept = "", 0
    while position < len(text) and text[position] not in _NEWLINES:
        is_escaped = text[position] == "\\"
        position += is_escaped
        if position < len(text) and not (is_escaped and text[position] in _NEWLINES):
            part += text[position]
            if is_escaped or text[position] not in _BLANKS:
                kept = len(part)
        position += 1
    return part[:kept], position


def main() -> None:
    """Replace this process by the command, with the files' settings over its environment."""
    middle = sys.argv.index("--")
    for file in sys.argv[1:middle]:
        os.environ.update(parse(Path(file).read_text(encoding="utf-8")))
    command = sys.argv[middle + 1 :]
    os.execv(command[0], command)  # noqa: S606 - the operator's own command


if __name__ == "__main__":
    main()
