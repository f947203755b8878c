"""The interface of real-name verifiers (RULES.md "Real-name check")."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from guahao.rules.people.identity import Document


class Verdict(StrEnum):
    """The verdict of a verifier on a name and a document."""

    MATCH = "match"
    MISMATCH = "mismatch"
    # No answer, no verifier, or an unsupported type of document.
    UNKNOWN = "unknown"


class RealNameVerifier(Protocol):
    """Ask an authority whether this name and this document are one living person."""

    @property
    def name(self) -> str:
        """Return the name stored with the patient: "demo" or "aliyun"; "none" never matches."""

    async def check(self, person_name: str, document: Document) -> Verdict:
        """Return the verdict; never raises for the provider's faults: those are UNKNOWN.

        Call it outside transactions, because it may wait for another service.
        """


class NoVerifier:
    """No authority is asked: every person stays unchecked until they pick up in person."""

    name = "none"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        """Return UNKNOWN."""
        return Verdict.UNKNOWN
