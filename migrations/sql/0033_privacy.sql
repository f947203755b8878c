-- Identification codes: the code that draws them guarantees eight digits, this that no two live
-- ones are equal. Dropping `code` drops its index.
ALTER TABLE appointments ADD code_enc bytea, ADD code_index bytea;
-- Encrypting a code is no change of the booking.
ALTER TABLE appointments DISABLE TRIGGER log_changed;

-- Reasons that staff type may name a person: encrypted like a name.
ALTER TABLE no_show_excuses ADD reason_enc bytea;
ALTER TABLE stops ADD reason_enc bytea;
ALTER TABLE reconciliation_differences ADD note_enc bytea;
GRANT UPDATE (note_enc) ON reconciliation_differences TO guahao_app, guahao_hospital;

-- The trail has keys of its own, encrypted with the platform's key: when that is rotated, the
-- chain stays as it was written. Each serves from an entry on.
CREATE TABLE trail_keys (
    first_seq bigint PRIMARY KEY,
    key_enc bytea NOT NULL
);
REVOKE DELETE ON trail_keys FROM guahao_app;
GRANT SELECT, INSERT ON trail_keys TO guahao_hospital;
ALTER TABLE audit_trail ADD reason_enc bytea NOT NULL DEFAULT '';
