-- A stop where a substitute sees the patients in the same hours: their bookings stay.
ALTER TABLE stops ADD COLUMN substitute boolean NOT NULL DEFAULT false;

-- Since when a substitute sees the patient, who may cancel until the visit and is no no-show.
ALTER TABLE appointments ADD COLUMN substituted_at timestamptz;
ALTER TABLE appointments ADD CONSTRAINT appointments_substituted_check
    CHECK (substituted_at IS NULL OR status <> 'no_show') NOT VALID;
ALTER TABLE appointments VALIDATE CONSTRAINT appointments_substituted_check;

ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN (
    'otp', 'call_code', 'move_code', 'moved_away', 'moved_here', 'displaced', 'merged',
    'booked', 'cancelled', 'stopped', 'replacement_offered', 'replacement_lapsed',
    'substituted', 'reminder', 'no_show', 'excused', 'suspended', 'excuse_withdrawn',
    'relieved', 'draw_won', 'application_registered', 'application_ended'
)) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_kind_check;
