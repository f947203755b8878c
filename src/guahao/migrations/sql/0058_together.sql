-- The other patient of two who were booked in one request; each has a row with the own answer.
ALTER TABLE booking_requests ADD COLUMN together_with bigint;
