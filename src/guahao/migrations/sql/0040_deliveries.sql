-- From when on a message that waits may be claimed: NULL until its first claim, then the end of
-- the claim's lease, the time of its next attempt, or the end of its quiet hours.
ALTER TABLE messages ADD COLUMN due_at timestamptz;

-- Workers poll. A NOTIFY takes a lock of the whole server until its transaction's commit has
-- returned, with a synchronous standby from there, so that bookings committed one by one.
DROP TRIGGER IF EXISTS procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;
