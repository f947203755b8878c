-- Messages by more than one channel, delivery receipts, reminders.

ALTER TABLE messages
    ADD COLUMN channel text NOT NULL DEFAULT 'sms' CHECK (channel IN ('sms', 'wechat')),
    -- The SMS beside which this message goes by another channel: its own row, key and state.
    ADD COLUMN beside_id bigint,
    ADD CHECK ((channel = 'sms') = (beside_id IS NULL)),
    DROP CONSTRAINT messages_kind_check,
    ADD CONSTRAINT messages_kind_check CHECK (kind IN
        ('otp', 'booked', 'cancelled', 'stopped', 'no_show', 'suspended', 'reminder'));
CREATE UNIQUE INDEX messages_once_beside ON messages (beside_id, channel)
    WHERE beside_id IS NOT NULL;
-- One reminder an appointment, however often and wherever the task runs.
CREATE UNIQUE INDEX messages_one_reminder ON messages (appointment_id)
    WHERE kind = 'reminder' AND channel = 'sms';
-- What was told of a booking and did not arrive: somebody should call. On the id alone, so
-- that nothing that is delivered pays for it.
CREATE INDEX messages_undelivered ON messages (id)
    WHERE state = 'failed' AND channel = 'sms' AND appointment_id IS NOT NULL;
-- Taken by the provider, no receipt yet: asked for after a while.
CREATE INDEX messages_submitted ON messages (created_at)
    WHERE state = 'submitted' AND channel = 'sms';
