"""The attacks are tried on the whole application over a real database."""

from tests.web.conftest import clock, closed_site, site

__all__ = ["clock", "closed_site", "site"]
