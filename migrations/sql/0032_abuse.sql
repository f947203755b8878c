-- Limits over all processes, and accounts to review.

-- How often callers tried something, told by the web processes to each other about once a
-- second. Not logged: after a crash everybody may begin anew.
CREATE UNLOGGED TABLE shared_rates (
    -- HMAC of the limit's name and its subject (an address, a network, an account).
    subject bytea NOT NULL CHECK (length(subject) = 32),
    window_number bigint NOT NULL,
    hits integer NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (subject, window_number)
);
CREATE INDEX shared_rates_by_expiry ON shared_rates (expires_at);
