"""Where administrators and auditors begin, and the hour after a release as it happens."""

from __future__ import annotations

from guahao.web.administration.overviews.city import overview_routes
from guahao.web.administration.overviews.release import ReleaseWatch, release_routes

__all__ = ["ReleaseWatch", "overview_routes", "release_routes"]
