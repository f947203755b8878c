-- What the platform's processes say is the time is compared with the database's own clock.
ALTER TABLE hospital_events ADD COLUMN recorded_at timestamptz;
ALTER TABLE hospital_events ALTER COLUMN recorded_at SET DEFAULT now();

ALTER TABLE clinic_sessions ADD COLUMN settled_recorded_at timestamptz;
CREATE FUNCTION record_settling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.settled_recorded_at := now();
    RETURN NEW;
END $$;
-- Not when places are booked: only where a statement sets settled_at.
CREATE TRIGGER record_settling BEFORE UPDATE OF settled_at ON clinic_sessions
    FOR EACH ROW WHEN (NEW.settled_at IS DISTINCT FROM OLD.settled_at)
    EXECUTE FUNCTION record_settling();
