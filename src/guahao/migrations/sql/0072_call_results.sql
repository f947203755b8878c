-- What came of a call, and a note for the next agent, deleted after a few months.
ALTER TABLE calls
    ADD COLUMN result text CHECK (result IN
        ('booked', 'rescheduled', 'cancelled', 'applied', 'answered', 'not_booked')),
    ADD COLUMN not_booked_for text CHECK (not_booked_for IN
        ('no_places', 'rules', 'not_verified', 'other')),
    ADD COLUMN note_enc bytea,
    ADD CONSTRAINT calls_not_booked_for_a_reason
        CHECK ((result IS NOT DISTINCT FROM 'not_booked') = (not_booked_for IS NOT NULL)) NOT VALID;
