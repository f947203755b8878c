-- A settled merge is told to the accounts concerned; a settled dispute may merge registrations.
ALTER TABLE messages
    DROP CONSTRAINT messages_kind_check,
    -- Every row was checked against fewer kinds: no reading of all of them under the lock.
    ADD CONSTRAINT messages_kind_check CHECK (kind IN
        ('otp', 'booked', 'cancelled', 'stopped', 'no_show', 'suspended', 'reminder', 'excused',
         'excuse_withdrawn', 'relieved', 'displaced', 'call_code', 'move_code', 'moved_away',
         'moved_here', 'merged')) NOT VALID;
-- blocks: merged registrations are few, and the check reads them in a moment.
ALTER TABLE person_merges
    DROP CONSTRAINT person_merges_why_check,
    ADD CONSTRAINT person_merges_why_check
        CHECK (why IN ('migration', 'registered_again', 'dispute'));
