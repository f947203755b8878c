"""Hospitals, titles, fees, announcements."""
