"""Hospitals, departments, titles, rules, announcements."""
