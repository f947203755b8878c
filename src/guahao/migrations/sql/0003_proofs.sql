-- Proofs of work that were handed in: each lets one one-time password be asked for.
-- The proof is an HMAC of the challenge; kept until the challenge itself expires.
CREATE TABLE used_proofs (
    proof bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_proofs_by_expiry ON used_proofs (expires_at);
