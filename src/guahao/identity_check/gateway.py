"""What every real-name verifier promises (RULES.md "Real-name check")."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from guahao.rules.people.identity import Document


class Verdict(StrEnum):
    """What a verifier says of a name and a document."""

    MATCH = "match"
    MISMATCH = "mismatch"
    # No answer, no verifier, or a type of document that the verifier does not know.
    UNKNOWN = "unknown"


class RealNameVerifier(Protocol):
    """Ask an authority whether this name and this document are one living person."""

    @property
    def name(self) -> str:
        """Return what is kept on the patient: "demo" or "aliyun"; "none" never matches."""

    async def check(self, person_name: str, document: Document) -> Verdict:
        """Return the verdict; never raises for the provider's faults: those are UNKNOWN.

        Called outside any transaction, because it may wait for another service.
        """


class NoVerifier:
    """No authority is asked: every person stays unchecked until they pick up in person."""

    name = "none"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        """Return UNKNOWN."""
        return Verdict.UNKNOWN
