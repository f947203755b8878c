"""Requests by the privacy law that two members of staff decide."""
