"""A site with FHIR, and an independent client that talks to it."""

from __future__ import annotations

from tests.web.conftest import clock, site

__all__ = ["clock", "site"]
