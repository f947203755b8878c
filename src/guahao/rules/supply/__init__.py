"""Clinic sessions: timetables, stops, releases, imports."""
