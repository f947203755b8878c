"""Read a file that was verified as the draw that it tells of, as a reader would: by its words."""

from __future__ import annotations

import io

from tests.rules.writing import Draw

from guahao.rules.fairness import verifying
from guahao.rules.fairness.allocating import LONG_WAIT_LOSSES, DrawEntry, Result, Skipped, Won
from guahao.rules.fairness.proof import DrawSession
from guahao.rules.fairness.verifying import VerifiedFile


def check(data: bytes, ticket: str = "") -> VerifiedFile:
    """Verify a file that is in memory."""
    return verifying.verify(io.BytesIO(data), ticket)


def verify(data: bytes) -> Draw:
    """Verify a file and return its draw, with every entry and every result."""
    proven = check(data)
    words = [line.split(" ") for line in data.decode().split("\n")]
    one = {line[0]: line[1:] for line in words}
    less = {line[1]: int(line[2]) for line in words if line[0] == "less"}
    entries = tuple(
        DrawEntry(
            bytes.fromhex(line[1]),
            int(line[2][0]),
            tuple(map(int, line[3].split(","))),
            line[2] == "2s",
            LONG_WAIT_LOSSES if line[-1] == "wait" else 0,
        )
        for line in words
        if line[0] == "entry"
    )
    indexes = {entry.ticket.hex(): index for index, entry in enumerate(entries)}
    draw = Draw(
        proven.draw_id,
        one["opened"][0],
        one["closed"][0],
        proven.sources,
        int(one["long-waits"][0]),
        tuple(
            DrawSession(int(line[2]), int(line[3]), less.get(line[1], int(line[3])))
            for line in words
            if line[0] == "session"
        ),
        bytes.fromhex(one["secret"][0]),
        tuple(bytes.fromhex(line[1]) for line in words if line[0] == "value"),
        entries,
        {indexes[line[2]]: _result(line) for line in words if line[0] == "result"},
    )
    won = sum(isinstance(result, Won) for result in draw.results.values())
    assert (proven.entries, proven.won) == (len(entries), won)
    return draw


def _result(line: list[str]) -> Result:
    if line[3] == "skipped":
        return Skipped(int(line[1]), tuple(line[4:]))
    patients = tuple(int(patient) - 1 for patient in line[5].split(","))
    return Won(int(line[1]), int(line[4]), patients, tuple(line[6:]))
