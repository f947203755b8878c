-- The administrator's directory: announcements that can be withdrawn, departments in an order.

ALTER TABLE announcements ADD COLUMN withdrawn_at timestamptz;

-- Among its own; those of the same position by code, as before.
ALTER TABLE departments ADD COLUMN position integer NOT NULL DEFAULT 0;
-- One that nobody ever booked can go, and its plan with it.
GRANT DELETE ON departments, timetables TO guahao_hospital;
