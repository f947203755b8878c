-- Whether each account books newly open dates from a moment of its own.

-- A policy that somebody decided on before this existed goes on as it was decided.
ALTER TABLE policies ADD COLUMN personal_release boolean NOT NULL DEFAULT false;
DROP TRIGGER policies_are_history ON policies;
CREATE TRIGGER policies_are_history BEFORE INSERT OR DELETE OR UPDATE OF
    holds_from, horizon_months, per_day, per_short_window, short_window_days, per_long_window,
    long_window_months, first_suspension_no_shows, first_suspension_months,
    second_suspension_no_shows, second_suspension_months, patient_may_cancel,
    unchecked_live_bookings, unchecked_may_book_experts,
    review_bookings, review_cancellations, review_days, quiet_from, quiet_until,
    draw_returned_places, live_applications, declines_before_pause, pause_days, long_waits_percent,
    personal_release,
    staff_id, reason, decided_at ON policies
    FOR EACH ROW EXECUTE FUNCTION refuse_past_policy();

-- Until its first policy a city follows the platform's own numbers. A city that has worked before
-- this existed keeps those that it knows; a new one begins with the fair release.
ALTER TABLE policy_days ADD COLUMN begun_fair boolean NOT NULL DEFAULT true;
-- blocks: a single row.
UPDATE policy_days SET begun_fair = false WHERE closed_until > '2001-01-01';
