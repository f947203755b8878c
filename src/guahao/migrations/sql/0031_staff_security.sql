-- Staff log-ins, the keyed head of the audit trail, forms that are sent once.

-- Forms of the staff that were sent and changed something: the same form again gets the same
-- answer. Written in the transaction of the change.
CREATE TABLE sent_forms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- An HMAC of who sent it and of the key that the form was issued with.
    form_key bytea NOT NULL UNIQUE,
    -- An HMAC of what was sent.
    body bytea NOT NULL,
    sent_at timestamptz NOT NULL,
    -- What the browser got, for an hour; a page may show a secret. NULL: not known (any more).
    answer_enc bytea
);
CREATE INDEX sent_forms_by_time ON sent_forms (sent_at);

-- Failed log-ins by login and network, or by login and known device; also of logins that nobody
-- has. A stranger elsewhere locks nobody out.
CREATE TABLE staff_log_in_failures (
    -- An HMAC of the login and of the network or the device.
    subject bytea PRIMARY KEY,
    -- An HMAC of the login, so that a reset by an administrator opens its locks.
    login_index bytea NOT NULL,
    failures smallint NOT NULL,
    locked_until timestamptz,
    last_at timestamptz NOT NULL
);
CREATE INDEX staff_log_in_failures_by_login ON staff_log_in_failures (login_index);
CREATE INDEX staff_log_in_failures_by_time ON staff_log_in_failures (last_at);

-- From here on failures and lock of a member count wrong second factors only: whoever gets
-- there knows the password.
UPDATE staff SET failed_log_ins = 0, locked_until = NULL;

-- A temporary password holds for some days only; those that exist get three from now.
ALTER TABLE staff ADD COLUMN password_expires_at timestamptz;
UPDATE staff SET password_expires_at = now() + interval '72 hours' WHERE password_is_temporary;

-- The end of the audit trail, under a key: rewriting it after a cut is found. `broken_at`: from
-- which entry on it was found touched when the next entry was appended; the key holds it, too.
ALTER TABLE audit_trail_head ADD COLUMN broken_at bigint, ADD COLUMN mac bytea;
