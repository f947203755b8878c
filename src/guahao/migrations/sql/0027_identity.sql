-- One person, one identity: the canonical key, when and how a person was checked.

-- person_index is an HMAC of the canonical key (rules.people.documents), by which persons are
-- found and count, whatever the type of their document; id_no_index of the number as registered.
ALTER TABLE patients
    ADD COLUMN person_index bytea,
    -- Since when, and by which verifier, or 'pickup' or 'staff'; NULL: nobody has checked.
    ADD COLUMN checked_at timestamptz,
    ADD COLUMN checked_by text CHECK (checked_by <> ''),
    -- A checked registration of the same person took the identity over. Nothing of this row
    -- counts any more, and it belongs to no account.
    ADD COLUMN displaced_at timestamptz,
    -- The same person as another row, whose limits, no-shows and suspension this row's count
    -- towards. Its account still sees the bookings that it made, and makes no new ones.
    ADD COLUMN merged_into bigint REFERENCES patients DEFERRABLE INITIALLY DEFERRED
        CHECK (merged_into <> id),
    -- A newborn's birth certificate serves until the day before: the first birthday.
    ADD COLUMN document_ends_on date,
    ADD CONSTRAINT patients_checked_how CHECK ((checked_at IS NULL) = (checked_by IS NULL)),
    DROP CONSTRAINT patients_person_once,
    DROP CONSTRAINT patients_check,
    ADD CONSTRAINT patients_slot_of_account
        CHECK (phone_slot IS NULL OR account_id IS NOT NULL),
    ADD CONSTRAINT patients_account_slot
        CHECK (account_id IS NULL OR phone_slot IS NOT NULL OR merged_into IS NOT NULL),
    ADD CONSTRAINT patients_merged_keep_no_slot CHECK (merged_into IS NULL OR phone_slot IS NULL),
    ADD CONSTRAINT patients_displaced_have_no_account
        CHECK (displaced_at IS NULL OR account_id IS NULL);
-- To lock and read persons at the desk in one index scan each, whatever the document.
DROP INDEX patients_by_document;
CREATE INDEX patients_merged ON patients (merged_into) WHERE merged_into IS NOT NULL;

-- Which registrations turned out to be of one person, and which of them goes on.
CREATE TABLE person_merges (
    patient_id bigint PRIMARY KEY REFERENCES patients,
    survivor_id bigint NOT NULL REFERENCES patients CHECK (survivor_id <> patient_id),
    -- The account of the merged registration when it was merged.
    account_id bigint,
    why text NOT NULL CHECK (why IN ('migration', 'registered_again')),
    merged_at timestamptz NOT NULL,
    -- Set when the survivor's suspension has been derived from both, and the accounts are told.
    settled_at timestamptz
);
CREATE INDEX person_merges_by_survivor ON person_merges (survivor_id);
CREATE INDEX person_merges_unsettled ON person_merges (patient_id) WHERE settled_at IS NULL;

-- Which registration a checked one of the same person has displaced.
CREATE TABLE displaced_registrations (
    patient_id bigint PRIMARY KEY REFERENCES patients,
    account_id bigint,
    displaced_by bigint NOT NULL REFERENCES patients CHECK (displaced_by <> patient_id),
    checked_by text NOT NULL,
    cancelled_bookings integer NOT NULL CHECK (cancelled_bookings >= 0),
    displaced_at timestamptz NOT NULL
);
CREATE INDEX displaced_registrations_by_new ON displaced_registrations (displaced_by);
-- What happened stays: neither list is rewritten.
REVOKE DELETE ON person_merges, displaced_registrations FROM guahao_app;
REVOKE UPDATE ON displaced_registrations FROM guahao_app;
-- Whose no-shows count together is read where a hospital's staff record attendance, too.
GRANT SELECT ON person_merges TO guahao_hospital;
ALTER TABLE person_merges ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON person_merges TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY own ON person_merges TO guahao_hospital USING (
    EXISTS (SELECT FROM patients p WHERE p.id IN (patient_id, survivor_id)));

-- What unchecked persons may do, where a real-name verifier is configured.
ALTER TABLE policies
    ADD COLUMN unchecked_live_bookings smallint NOT NULL DEFAULT 1
        CHECK (unchecked_live_bookings BETWEEN 1 AND 10),
    ADD COLUMN unchecked_may_book_experts boolean NOT NULL DEFAULT false;
DROP TRIGGER policies_are_history ON policies;
CREATE TRIGGER policies_are_history BEFORE INSERT OR DELETE OR UPDATE OF
    holds_from, horizon_months, per_day, per_short_window, short_window_days, per_long_window,
    long_window_months, first_suspension_no_shows, first_suspension_months,
    second_suspension_no_shows, second_suspension_months, patient_may_cancel,
    unchecked_live_bookings, unchecked_may_book_experts,
    staff_id, reason, decided_at ON policies
    FOR EACH ROW EXECUTE FUNCTION refuse_past_policy();

-- A hospital may ask for checked persons only.
ALTER TABLE hospitals ADD COLUMN checked_only boolean NOT NULL DEFAULT false;
ALTER TABLE hospital_rules ADD COLUMN checked_only boolean NOT NULL DEFAULT false;

ALTER TABLE messages
    DROP CONSTRAINT messages_kind_check,
    ADD CONSTRAINT messages_kind_check CHECK (kind IN
        ('otp', 'booked', 'cancelled', 'stopped', 'no_show', 'suspended', 'reminder', 'excused',
         'excuse_withdrawn', 'relieved', 'displaced'));
