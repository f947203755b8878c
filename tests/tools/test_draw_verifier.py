"""The verifier that anybody can run agrees with the platform's own, on true files and false."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from tests.rules.fairness.test_proof import LIES, draws, example, forged
from tests.rules.reading import check
from tests.rules.writing import Draw, write

from guahao.rules.fairness.verifying import ProofError
from guahao.tools import draw_verifier


def is_true(data: bytes) -> bool:
    try:
        draw_verifier.verify(io.BytesIO(data))
    except draw_verifier.Lie:
        return False
    return True


def is_true_to_the_platform(data: bytes) -> bool:
    try:
        check(data)
    except ProofError:
        return False
    return True


@given(draws())
def test_a_true_file_is_true(held: Draw) -> None:
    assert is_true(write(held).encode())


def test_both_find_every_byte_that_is_flipped() -> None:
    data = write(example()).encode()
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            assert not is_true(bytes(changed))
            assert not is_true_to_the_platform(bytes(changed))


@pytest.mark.parametrize(("pattern", "by"), [(lie[0], lie[1]) for lie in LIES])
def test_both_find_a_lie_with_a_digest_that_fits(pattern: str, by: str) -> None:
    assert not is_true(forged(pattern, by))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As a reader would, in a Python that has nothing of ours."""
    command = [sys.executable, "-I", "-S", draw_verifier.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_it_runs_alone_and_says_how_a_ticket_fared(tmp_path: Path) -> None:
    file = tmp_path / "draw-17.txt"
    file.write_text(write(example()), encoding="ascii")
    ticket = example().entries[0].ticket.hex()
    found = run(str(file), ticket)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "核验无误 TRUE: 4 entries" in found.stdout
    assert f"ticket {ticket}: position" in found.stdout
    assert run(str(file), "0" * 32).returncode == 1
    file.write_text(file.read_text("ascii").replace("won 1 1", "won 2 1"), encoding="ascii")
    found = run(str(file))
    assert (found.returncode, "NOT TRUE" in found.stdout) == (1, True)
    assert run().returncode == 2
    assert run(str(tmp_path / "none")).returncode == 2


def test_it_needs_nothing_but_python() -> None:
    tree = ast.parse(Path(draw_verifier.__file__).read_text(encoding="utf-8"))
    names = {
        (name.name if isinstance(node, ast.Import) else str(node.module)).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert names <= set(sys.stdlib_module_names)
