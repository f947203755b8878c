"""What a web process must not hold: libraries for what it never does, or seldom."""

from __future__ import annotations

import json
import subprocess
import sys

# Together 90 MB of each web process. The first two migrate, the others are needed where a password
# is chosen, a workbook exported, a name written or typed in traditional characters.
SELDOM = {"alembic", "sqlalchemy", "zxcvbn", "xlsxwriter", "pypinyin", "opencc"}
LISTED = """
import json, sys, guahao.cli.serving, guahao.web_process
print(json.dumps(sorted(sys.modules)))
"""


def test_a_web_process_begins_without_what_it_seldom_needs() -> None:
    # The command line as well: a web process is forked from `guahao serve`.
    done = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "guahao" in loaded
    assert not SELDOM & loaded
