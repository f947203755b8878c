-- The platform's policy from a date on (S4, S12, S14, S16).

-- In force on a day is the row with the greatest `holds_from` that is not later; before the
-- first row the owner's numbers (rules/kernel/limits.py) hold. One booking per person, department and
-- day is no column: appointments_once_a_department holds it.
CREATE TABLE policies (
    holds_from date PRIMARY KEY,
    horizon_months smallint NOT NULL CHECK (horizon_months BETWEEN 1 AND 3),
    per_day smallint NOT NULL CHECK (per_day BETWEEN 1 AND 10),
    per_short_window smallint NOT NULL CHECK (per_short_window BETWEEN 1 AND 20),
    short_window_days smallint NOT NULL CHECK (short_window_days BETWEEN 1 AND 31),
    per_long_window smallint NOT NULL CHECK (per_long_window BETWEEN 1 AND 50),
    long_window_months smallint NOT NULL CHECK (long_window_months BETWEEN 1 AND 12),
    first_suspension_no_shows smallint NOT NULL
        CHECK (first_suspension_no_shows BETWEEN 1 AND 50),
    first_suspension_months smallint NOT NULL CHECK (first_suspension_months BETWEEN 1 AND 12),
    second_suspension_no_shows smallint NOT NULL
        CHECK (second_suspension_no_shows BETWEEN 1 AND 50),
    second_suspension_months smallint NOT NULL CHECK (second_suspension_months BETWEEN 1 AND 12),
    -- The hotline's agents always may (S14).
    patient_may_cancel boolean NOT NULL,
    staff_id bigint NOT NULL REFERENCES staff,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    decided_at timestamptz NOT NULL,
    -- Set when the suspensions have been derived again under it.
    suspensions_derived_at timestamptz,
    CHECK (per_day <= per_short_window AND per_short_window <= per_long_window),
    CHECK (first_suspension_no_shows < second_suspension_no_shows
           AND first_suspension_months <= second_suspension_months)
);
CREATE INDEX policies_by_staff ON policies (staff_id);

-- The last day for which anybody has asked what holds; whoever asks first for a later day moves
-- it, and whoever changes a policy locks it. So all processes answer a day by the same policy,
-- however near to midnight a change was made, and on whatever machine's clock.
CREATE TABLE policy_days (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    closed_until date NOT NULL
);
INSERT INTO policy_days (closed_until) VALUES ('2000-01-01');

CREATE FUNCTION refuse_past_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP <> 'INSERT' AND OLD.holds_from <= (SELECT closed_until FROM policy_days))
       OR (TG_OP <> 'DELETE' AND NEW.holds_from <= (SELECT closed_until FROM policy_days)) THEN
        RAISE EXCEPTION 'a policy of a day on which the platform has worked is history';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER policies_are_history BEFORE INSERT OR DELETE OR UPDATE OF
    holds_from, horizon_months, per_day, per_short_window, short_window_days, per_long_window,
    long_window_months, first_suspension_no_shows, first_suspension_months,
    second_suspension_no_shows, second_suspension_months, patient_may_cancel,
    staff_id, reason, decided_at ON policies
    FOR EACH ROW EXECUTE FUNCTION refuse_past_policy();
REVOKE DELETE ON policy_days FROM guahao_app;
