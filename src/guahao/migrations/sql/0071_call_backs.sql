-- Account holders who ask to be called: a task without a message.
ALTER TABLE call_tasks
    ALTER COLUMN message_id DROP NOT NULL,
    ADD COLUMN topic text CHECK (topic IN ('cancel', 'reschedule', 'help')),
    -- The booking that it is about. Not `appointment_id`: a booking may be asked about again.
    ADD COLUMN asked_about bigint,
    -- Until when the call was asked for; from when is `not_before` as it was first.
    ADD COLUMN not_after timestamptz,
    DROP CONSTRAINT call_tasks_outcome_check,
    ADD CONSTRAINT call_tasks_outcome_check CHECK (
        outcome IN ('reached', 'wrong_number', 'given_up', 'no_need', 'withdrawn')) NOT VALID,
    ADD CONSTRAINT call_tasks_call_back_check CHECK (
        message_id IS NOT NULL
        OR (kind = 'call_back' AND account_id IS NOT NULL AND topic IS NOT NULL
            AND not_after IS NOT NULL)) NOT VALID;
ALTER TABLE call_tasks VALIDATE CONSTRAINT call_tasks_outcome_check;
ALTER TABLE call_tasks VALIDATE CONSTRAINT call_tasks_call_back_check;

-- An account waits for a single call.
-- blocks: the calls of a call centre, which are few
CREATE UNIQUE INDEX call_tasks_call_back_open ON call_tasks (account_id)
    WHERE kind = 'call_back' AND closed_at IS NULL;

ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN (
    'otp', 'call_code', 'move_code', 'moved_away', 'moved_here', 'displaced', 'merged',
    'booked', 'rescheduled', 'cancelled', 'stopped', 'replacement_offered', 'replacement_lapsed',
    'substituted', 'reminder', 'no_show', 'excused', 'suspended', 'excuse_withdrawn',
    'relieved', 'draw_won', 'application_registered', 'application_ended', 'call_back_missed'
)) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_kind_check;
