"""Calls, verification, call tasks."""
