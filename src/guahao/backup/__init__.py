"""Take, stream, list and restore backups by PostgreSQL's own tools (docs/decisions/0032)."""
