"""Encrypt identification codes and the reasons that staff type."""

from guahao.store.migrate import encrypt_column, run_file, run_sql

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0033_privacy.sql")
    encrypt_column("appointments", "code", index_purpose="code")
    run_sql(_CLEAR_CODES_GO)


_CLEAR_CODES_GO = """
    ALTER TABLE appointments DROP COLUMN code;
    ALTER TABLE appointments ALTER code_enc SET NOT NULL, ALTER code_index SET NOT NULL;
    CREATE UNIQUE INDEX appointments_live_code ON appointments (code_index) WHERE code_live;
    ALTER TABLE appointments ENABLE TRIGGER log_changed;
"""
