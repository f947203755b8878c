-- A call about a booking that was cancelled, rescheduled or picked up before anybody called.
ALTER TABLE call_tasks
    DROP CONSTRAINT call_tasks_outcome_check,
    ADD CONSTRAINT call_tasks_outcome_check CHECK (
        outcome IN ('reached', 'wrong_number', 'given_up', 'no_need', 'withdrawn',
                    'done_by_patient')) NOT VALID;
ALTER TABLE call_tasks VALIDATE CONSTRAINT call_tasks_outcome_check;
