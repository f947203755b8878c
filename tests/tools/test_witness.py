"""A witness shows each value after its time, and never one before it."""

from __future__ import annotations

import json
import stat
import threading
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.fairness.test_proof import example
from tests.rules.writing import merkle_root, write
from typer.testing import CliRunner

from guahao.cli import app
from guahao.rules.fairness.drawing import is_in_chain
from guahao.rules.fairness.merkle import proof_of
from guahao.rules.fairness.proof import entry_line
from guahao.rules.kernel.limits import CITY_TIME
from guahao.settings import read_settings
from guahao.tools.witness import Chain, Server, WitnessError, create, latest, read, value_at

BEGINS = datetime(2026, 12, 1, 8, tzinfo=CITY_TIME)
CHAIN = Chain("ab" * 32, 100, BEGINS, 60)
END_SECONDS = 0.05  # how often a server checks whether to stop; 0.5 by default


@given(st.integers(0, 100))
def test_every_value_proves_itself_by_the_first(index: int) -> None:
    assert is_in_chain(value_at(CHAIN, index), index, value_at(CHAIN, 0))


@pytest.mark.parametrize(
    ("minutes", "index"),
    [(-(10**6), 0), (-1, 0), (0, 1), (59, 1), (60, 2), (98 * 60, 99), (99 * 60, 100), (10**6, 100)],
)
def test_a_value_is_shown_from_its_time_on(minutes: int, index: int) -> None:
    shown = latest(CHAIN, BEGINS + timedelta(minutes=minutes))
    assert (shown.index, shown.value) == (index, value_at(CHAIN, index))


@pytest.mark.parametrize("index", [-1, 101])
def test_there_are_no_values_beyond_the_chain(index: int) -> None:
    with pytest.raises(WitnessError, match="0 to 100"):
        value_at(CHAIN, index)


def test_the_file_is_its_keepers_alone_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "chain"
    made = create(file, b"s" * 32, BEGINS, 60, 100)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read(file) == made
    with pytest.raises(WitnessError, match="exists already"):
        create(file, b"t" * 32, BEGINS, 60, 100)
    assert read(file) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"secret": "ab", "length": 1, "begins": "2026-12-01T08:00:00+08:00", "minutes": 1}',
        '{"secret": "%s", "length": 1, "begins": "2026-12-01T08:00:00", "minutes": 1}' % ("a" * 64),
        '{"secret": "%s", "length": 0, "begins": "2026-12-01T08:00:00Z", "minutes": 1}'
        % ("a" * 64),
        '{"secret": "%s", "length": 1, "begins": "2026-12-01T08:00:00Z", "minutes": 0}'
        % ("a" * 64),
        '{"secret": "%s", "length": 1, "begins": "2026-12-01T08:00:00Z", "minutes": 1}'
        % ("x" * 64),
    ],
)
def test_a_file_that_is_no_chain_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "chain"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WitnessError, match="no witness's file"):
        read(file)


# The commands ----------------------------------------------------------------------------------


def test_a_witness_is_made_and_shows_its_first_value_only(tmp_path: Path) -> None:
    file = str(tmp_path / "chain")
    made = CliRunner().invoke(
        app, ["fairness", "witness", "new", file, "--begins", "2099-01-01T08:00:00"]
    )
    assert made.exit_code == 0, made.output
    first, end, entry = made.output.splitlines()
    shown = CliRunner().invoke(app, ["fairness", "witness", "show", file])
    assert shown.output == f"{first}\n"
    assert "2101-04-14 15:00" in end
    text = json.dumps([json.loads(entry) | {"name": "公证处", "url": "https://witness.example.cn"}])
    [witness] = read_settings({"GUAHAO_FAIRNESS_WITNESSES": text}).fairness_witnesses
    assert first == f"0 {witness.first.hex()}"
    assert witness.shown_at(witness.last).isoformat() == "2101-04-14T15:00:00+08:00"


@pytest.mark.parametrize(
    "wrong", [["--minutes", "1441"], ["--values", "1000001"], ["--begins", "9999-01-01"]]
)
def test_a_chain_that_no_setting_can_name_is_not_made(tmp_path: Path, wrong: list[str]) -> None:
    file = tmp_path / "chain"
    command = ["fairness", "witness", "new", str(file), "--begins", "2099-01-01", *wrong]
    made = CliRunner().invoke(app, command)
    assert made.exit_code != 0
    assert not isinstance(made.exception, OverflowError)
    assert not file.exists()


def test_an_entry_of_a_draw_whose_list_is_not_published_is_checked() -> None:
    lines = [entry_line(entry) for entry in example().entries]
    leaves = [line.encode() for line in lines]
    root, proof = merkle_root(leaves).hex(), [node.hex() for node in proof_of(leaves, 2)]

    def checked(line: str, *proof: str, number: int = 2, root: str = root) -> tuple[int, str]:
        of_draw = ["--number", str(number), "--entries", "4", "--root", root]
        found = CliRunner().invoke(app, ["fairness", "entry", line, *proof, *of_draw])
        return found.exit_code, found.output or str(found.exception)

    assert checked(lines[2], *proof) == (
        0,
        "True: this entry was fixed when the draw was closed.\n",
    )
    for lie in (
        checked(lines[1], *proof),
        checked(lines[2], *proof, number=3),
        checked(lines[2], *proof[:1]),
        checked(lines[2], *proof, root="00" * 32),
    ):
        assert lie[0] == 1
        assert "NOT TRUE" in lie[1]
    code, complaint = checked(lines[2], "xyz")
    assert code == 1
    assert "hexadecimal" in complaint


def test_a_draw_is_verified_and_a_ticket_looked_up(tmp_path: Path) -> None:
    file = tmp_path / "draw.txt"
    file.write_text(write(example()), encoding="ascii")
    ticket = example().entries[0].ticket.hex()
    found = CliRunner().invoke(app, ["fairness", "verify", str(file), "--ticket", ticket])
    assert found.exit_code == 0, found.output
    assert "True: draw 17, 4 entries" in found.output
    assert "Level: witnessed, by 2." in found.output
    assert f"Ticket {ticket}: position" in found.output
    missing = CliRunner().invoke(app, ["fairness", "verify", str(file), "--ticket", "0" * 32])
    assert missing.exit_code == 1
    file.write_text(file.read_text("ascii").replace("won 1 1", "won 2 1"), encoding="ascii")
    found = CliRunner().invoke(app, ["fairness", "verify", str(file)])
    assert found.exit_code == 1
    assert "NOT TRUE, line" in found.output


@pytest.mark.parametrize(
    ("path", "status", "index"),
    [
        ("/", 200, 3),
        ("/3", 200, 3),
        ("/0", 200, 0),
        ("/4", 404, None),
        ("/100", 404, None),
        ("/-1", 404, None),
        ("/٣", 404, None),
        ("/3/4", 404, None),
        ("/" + "9" * 5000, 404, None),
    ],
)
def test_values_are_served_from_their_time_on(path: str, status: int, index: int | None) -> None:
    now = BEGINS + timedelta(minutes=2 * 60)
    with Server(CHAIN, "127.0.0.1", 0, lambda: now) as server:
        thread = threading.Thread(target=server.serve_forever, args=(END_SECONDS,))
        thread.start()
        try:
            answer = httpx.get(f"http://127.0.0.1:{server.server_port}{path}", timeout=10)
        finally:
            server.shutdown()
            thread.join()
    assert answer.status_code == status
    if index is not None:
        assert answer.text == f"{index} {value_at(CHAIN, index).hex()}\n"
