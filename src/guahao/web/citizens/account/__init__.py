"""Logging in, patients, privacy."""
