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
