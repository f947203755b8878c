"""Encrypt identification codes and the reasons that staff type."""

import hmac
import secrets
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from alembic import op

from guahao.store.kernel.migrate import encrypt_column, migration_vault, run_file, run_sql
from guahao.store.kernel.vault import Vault

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0033_privacy.sql")
    encrypt_column("appointments", "code", index_purpose="code")
    encrypt_column("no_show_excuses", "reason")
    encrypt_column("stops", "reason")
    encrypt_column("reconciliation_differences", "note")
    run_sql("ALTER TABLE audit_trail DISABLE TRIGGER audit_trail_append_only")
    _encrypt_trail()
    run_sql(_CLEAR_TEXT_GOES)


_CLEAR_TEXT_GOES = """
    ALTER TABLE appointments DROP COLUMN code;
    ALTER TABLE appointments ALTER code_enc SET NOT NULL, ALTER code_index SET NOT NULL;
    CREATE UNIQUE INDEX appointments_live_code ON appointments (code_index) WHERE code_live;
    ALTER TABLE appointments ENABLE TRIGGER log_changed;
    ALTER TABLE no_show_excuses DROP COLUMN reason, ALTER reason_enc SET NOT NULL;
    ALTER TABLE stops DROP COLUMN reason, ALTER reason_enc SET NOT NULL;
    ALTER TABLE reconciliation_differences DROP COLUMN note,
        ADD CHECK ((settled_at IS NULL) = (settled_by IS NULL)
                   AND (settled_at IS NULL) = (note_enc IS NULL));
    ALTER TABLE audit_trail DROP COLUMN reason;
    ALTER TABLE audit_trail ALTER reason_enc DROP DEFAULT;
    ALTER TABLE audit_trail ENABLE TRIGGER audit_trail_append_only;
"""


def _encrypt_trail() -> None:
    """Encrypt the reasons and write the chain anew under the trail's own key.

    Each entry is checked against the chain that was there; one that does not hold keeps its old
    hash, so that the new chain is broken at the same place.
    """
    connection: psycopg.Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    head = connection.execute("SELECT seq, hash FROM audit_trail_head FOR UPDATE").fetchone()
    assert head is not None
    if head[0] == 0 and not connection.execute("SELECT FROM audit_trail").fetchone():
        return
    vault = migration_vault()
    old_key = vault.key_for("audit trail")
    secret = secrets.token_hex(32)
    own = Vault(secret)
    new_key = own.key_for("audit trail")
    connection.execute(
        "INSERT INTO trail_keys (first_seq, key_enc) VALUES (1, %s)",
        [vault.seal("trail_keys", "key", 1, secret)],
    )
    at, old_link, new_link = -(2**63), b"", b""
    while rows := connection.execute(_ENTRIES, [at]).fetchall():
        for seq, moment, kind, who, name, hospital, action, of, id, reason, text, was in rows:
            when = moment.astimezone(ZoneInfo("Asia/Shanghai")).isoformat(timespec="microseconds")
            sealed = own.seal("audit_trail", "reason", seq, reason) if reason else b""
            facts = [seq, when, kind, who, name, hospital, action, of, id, reason, text]
            held = hmac.digest(old_key, old_link + msgspec.json.encode(facts), "sha256") == was
            facts[9] = sealed.hex()
            previous, new_link = new_link, was
            if held:
                new_link = hmac.digest(new_key, previous + msgspec.json.encode(facts), "sha256")
            connection.execute(_REWRITE, [sealed, previous, new_link, seq])
            at, old_link = seq, was
    held = old_link == head[1]
    digest = new_link if held else head[1]
    # A head that is not the last entry's is not signed, and is reported as touched.
    signed = msgspec.json.encode((head[0], digest.hex(), None))
    mac = hmac.digest(own.key_for("audit trail head"), signed, "sha256") if held else None
    connection.execute("UPDATE audit_trail_head SET hash = %s, mac = %s", [digest, mac])


_ENTRIES = """
    SELECT seq, at, who_kind, who_id, who_name, hospital_id, action, subject_kind, subject_id,
           reason, detail, hash
    FROM audit_trail WHERE seq > %s ORDER BY seq LIMIT 5000
"""
_REWRITE = "UPDATE audit_trail SET reason_enc = %s, previous_hash = %s, hash = %s WHERE seq = %s"
