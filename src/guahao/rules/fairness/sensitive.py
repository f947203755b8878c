"""Departments whose draws are published without their entries.

Where many know who is seen there, a list of tickets can tell on somebody, the more so the shorter
it is. Of these draws only root, counts and seed are public; each applicant gets the proof of their
own ticket, and the auditor the file.
"""

from __future__ import annotations

# By the national list (诊疗科目): psychiatry, family planning, eugenics, infertility and
# sexually transmitted diseases; a code stands for all below it.
_CODES = ("15", "05.03", "05.04", "05.05", "13.02")
_NAMES = (
    *("精神", "心理", "心身", "戒毒", "戒酒", "成瘾"),
    *("艾滋", "HIV", "性病", "性传播"),
    *("生殖", "不孕", "不育", "试管婴儿", "计划生育", "优生", "男科"),
)
ENTRIES_LEAST = 20  # of a draw whose entries are published, if there are any


def is_sensitive(code: str, *names: str) -> bool:
    """Return whether a department is sensitive by its code, or by a name of it or its parent."""
    if any(code == sensitive or code.startswith(f"{sensitive}.") for sensitive in _CODES):
        return True
    return any(word in name.upper() for name in names for word in _NAMES)
