-- A call of somebody who is not registered: counted by what came of it, and over at once.
ALTER TABLE calls
    ALTER COLUMN account_id DROP NOT NULL,
    ADD CONSTRAINT calls_without_account_check CHECK (
        account_id IS NOT NULL
        OR (ended_at IS NOT NULL AND note_enc IS NULL
            AND coalesce(result, '') IN ('answered', 'not_booked'))) NOT VALID;
ALTER TABLE calls VALIDATE CONSTRAINT calls_without_account_check;
