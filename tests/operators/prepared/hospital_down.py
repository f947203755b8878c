"""A city with a hospital that is told by webhook; $HOSPITAL, $CLIENT_ID and $PLAN."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from tests.operators.workplace import Workplace

# A hospital, and a department of it that a plan may change on a day.
_PLANNABLE = """
    SELECT h.code, d.code FROM hospitals h JOIN departments d ON d.hospital_id = h.id
    WHERE d.parent_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM clinic_sessions
                      WHERE department_id = d.id AND visit_date = %s
                        AND (stopped_at IS NOT NULL OR booked > 0))
    ORDER BY d.id LIMIT 1
"""


@contextmanager
def prepare(workplace: Workplace) -> Iterator[None]:
    """Connect a hospital's system, and write a plan of its own."""
    day = date.today() + timedelta(days=2)  # noqa: DTZ011 - the city's or UTC's
    hospital, department = workplace.ask(_PLANNABLE, day)
    workplace.guahao("hospital-webhook", "set", hospital, "https://his.example.cn/guahao/events")
    said = workplace.guahao(
        "hospital-client", "add", hospital, "--name", "HIS", "--scope", "supply"
    )
    plan = workplace.folder / "plan.csv"
    plan.write_text(
        "Department code;Title;Visit date;Period;Fee (yuan);Capacity\n"
        f"{department};普通门诊;{day};afternoon;50.5;8\n",
        encoding="utf-8-sig",
    )
    workplace.environ |= {
        "HOSPITAL": hospital,
        "CLIENT_ID": re.findall(r"client_id +(\S+)", said)[0],
        "PLAN": str(plan),
    }
    yield
