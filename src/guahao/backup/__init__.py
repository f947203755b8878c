"""Backups by PostgreSQL's own tools: taken, streamed, listed, restored (docs/decisions/0032)."""
