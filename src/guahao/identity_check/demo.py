"""The demo's real-name verifier: accepts invented persons, and refuses two invented numbers.

Production refuses to start with it. docs/REAL-NAME.md names the two numbers, with which the
refusal and a silent authority can be tried.
"""

from __future__ import annotations

from guahao.identity_check.gateway import Verdict
from guahao.rules.people.identity import RESIDENT_ID, Document

# The sequence numbers of no real resident ID: registries count from 001.
MISMATCHING_NUMBER = "110101190001010006"
UNANSWERED_NUMBER = "110101190001020001"


class DemoVerifier:
    """Confirm every valid resident ID except two, which get the other verdicts."""

    name = "demo"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        """Return MATCH for resident IDs; other documents are unknown, as they are to `aliyun`."""
        if document.id_type != RESIDENT_ID or document.number == UNANSWERED_NUMBER:
            return Verdict.UNKNOWN
        if document.number == MISMATCHING_NUMBER:
            return Verdict.MISMATCH
        return Verdict.MATCH
