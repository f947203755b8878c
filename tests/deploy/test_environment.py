"""Settings on the command line are those of the units: systemd's rules for its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import SOURCES

from guahao.deploy.environment import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=plain", "plain"),
        ("A=", ""),
        ("  A = spaced out  ", "spaced out"),
        ('A="in quotes  "', "in quotes  "),
        ("A='in single quotes'", "in single quotes"),
        ('A=\'{"otp": "SMS_1"}\'', '{"otp": "SMS_1"}'),
        ('A={"otp":"SMS_1"}', '{"otp":"SMS_1"}'),
        (r'A="a \"quote\" and \$1 and \n"', r'a "quote" and $1 and \n'),
        (r"A='no \escape'", r"no \escape"),
        (r"A=an\ escape\ ", "an escape "),
        ("A=it's", "it's"),
        ("A='a'\"b\"c", "abc"),
        ("A=one\\\ntwo", "onetwo"),
        ("A='two\nlines'", "two\nlines"),
        ("A=a#b ; c", "a#b ; c"),
        ("A=$HOME", "$HOME"),
        ("A=a\r\n", "a"),
        ("A=first\nA=last", "last"),
        ("# A=no\n; A=no\nno assignment\nA=yes", "yes"),
        ("# goes on \\\nA=no\nA=yes", "yes"),
        ("A=挂号", "挂号"),
        ("A='open", "open"),
        ('A="open\\', "open"),
    ],
)
def test_a_file_is_read_as_systemd_reads_it(text: str, value: str) -> None:
    assert parse(text) == {"A": value}


@pytest.mark.parametrize("text", ["", "# A=1", "1A=2", "A B=2", "A", "=1", "\\"])
def test_what_assigns_nothing_is_left_out(text: str) -> None:
    assert parse(text) == {}


def test_the_command_runs_with_the_settings_of_both_files(tmp_path: Path) -> None:
    (tmp_path / "guahao.env").write_text("A=1\nB='of guahao'\n")
    (tmp_path / "city.env").write_text('B="of the city"\n')
    done = subprocess.run(
        [
            *(sys.executable, "-m", "guahao.deploy.environment"),
            *(str(tmp_path / "guahao.env"), str(tmp_path / "city.env"), "--"),
            *("/bin/sh", "-c", 'echo "$A $B $1"', "sh", "--"),
        ],
        env={"PYTHONPATH": SOURCES, "A": "0"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "1 of the city --\n"
