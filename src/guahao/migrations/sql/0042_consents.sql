-- A request that nobody decided gives way to a new one.
-- blocks: privacy_requests is a small table, which no booking reads.
ALTER TABLE privacy_requests
    DROP CONSTRAINT privacy_requests_state_check,
    ADD CONSTRAINT privacy_requests_state_check
        CHECK (state IN ('waiting', 'approved', 'declined', 'withdrawn', 'expired')),
    DROP CONSTRAINT privacy_requests_check1,
    ADD CONSTRAINT privacy_requests_decided_by
        CHECK ((state IN ('waiting', 'expired')) = (decided_by IS NULL));
-- The member of staff who recorded a consent; NULL: the person did.
ALTER TABLE consents ADD COLUMN staff_id bigint REFERENCES staff;
-- The version of the privacy notice that the account's owner has consented to; NULL: none.
ALTER TABLE accounts ADD COLUMN notice_version text;
