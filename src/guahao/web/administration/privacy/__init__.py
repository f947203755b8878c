"""Personal data by the privacy law: what two members of staff decide."""

from __future__ import annotations

from guahao.web.administration.privacy.requests import privacy_routes

__all__ = ["privacy_routes"]
