"""The attacks are tried on the whole application over a real database."""

from tests.web.conftest import clock, closed_site, site
from tests.wechat.conftest import official, stand_in

__all__ = ["clock", "closed_site", "official", "site", "stand_in"]
