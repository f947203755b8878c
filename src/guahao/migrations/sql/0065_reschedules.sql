-- The booking that a request wants to give up for another place.
ALTER TABLE booking_requests ADD COLUMN replaces bigint;

-- A booking that was given up for another: both are told of in one message.
CREATE TABLE reschedules (
    appointment_id bigint PRIMARY KEY REFERENCES appointments,
    replaced_id bigint NOT NULL UNIQUE REFERENCES appointments,
    rescheduled_by text NOT NULL CHECK (rescheduled_by IN ('patient', 'agent')),
    rescheduled_at timestamptz NOT NULL,
    CHECK (appointment_id <> replaced_id)
);

ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN (
    'otp', 'call_code', 'move_code', 'moved_away', 'moved_here', 'displaced', 'merged',
    'booked', 'rescheduled', 'cancelled', 'stopped', 'replacement_offered', 'replacement_lapsed',
    'substituted', 'reminder', 'no_show', 'excused', 'suspended', 'excuse_withdrawn',
    'relieved', 'draw_won', 'application_registered', 'application_ended'
)) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_kind_check;
