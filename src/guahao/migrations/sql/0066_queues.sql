-- The queue of a clinic session on its day (docs/decisions/0057).

-- Whether the hospital's own system gives the numbers and sends them.
ALTER TABLE hospitals ADD COLUMN own_queue_numbers boolean NOT NULL DEFAULT false;

CREATE TABLE queue_entries (
    appointment_id bigint PRIMARY KEY REFERENCES appointments ON DELETE CASCADE,
    clinic_session_id bigint NOT NULL REFERENCES clinic_sessions ON DELETE CASCADE,
    -- NULL until the hospital's own system has sent it.
    number integer CHECK (number BETWEEN 1 AND 9999),
    comes_from time,
    comes_until time,
    state text NOT NULL CHECK (state IN ('expected', 'waiting', 'called', 'passed', 'seen')),
    state_at timestamptz NOT NULL,
    turn integer NOT NULL CHECK (turn >= 0),
    requeued_at timestamptz,
    room text NOT NULL DEFAULT '' CHECK (length(room) <= 20),
    -- A number serves a single booking of its session, for ever.
    CONSTRAINT queue_entries_number_once UNIQUE (clinic_session_id, number),
    CHECK (comes_from < comes_until),
    CHECK (number IS NOT NULL OR state <> 'expected')
) WITH (fillfactor = 80);

-- What the clerk announces on the board of a .
CREATE TABLE queue_notices (
    clinic_session_id bigint PRIMARY KEY REFERENCES clinic_sessions ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('delayed', 'paused', 'moved')),
    minutes integer CHECK (minutes BETWEEN 1 AND 240),
    room text NOT NULL DEFAULT '' CHECK (length(room) <= 20),
    noticed_at timestamptz NOT NULL,
    CHECK ((kind = 'moved') = (room <> '')),
    CHECK (kind = 'delayed' OR minutes IS NULL)
);

GRANT SELECT, INSERT, UPDATE ON queue_entries TO guahao_hospital;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_notices TO guahao_hospital;
ALTER TABLE queue_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_notices ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON queue_entries TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY platform ON queue_notices TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY own ON queue_entries TO guahao_hospital
    USING (EXISTS (SELECT FROM clinic_sessions s
                   WHERE s.id = clinic_session_id AND s.hospital_id = (SELECT my_hospital())))
    WITH CHECK (EXISTS (SELECT FROM clinic_sessions s
                        WHERE s.id = clinic_session_id
                          AND s.hospital_id = (SELECT my_hospital())));
CREATE POLICY own ON queue_notices TO guahao_hospital
    USING (EXISTS (SELECT FROM clinic_sessions s
                   WHERE s.id = clinic_session_id AND s.hospital_id = (SELECT my_hospital())))
    WITH CHECK (EXISTS (SELECT FROM clinic_sessions s
                        WHERE s.id = clinic_session_id
                          AND s.hospital_id = (SELECT my_hospital())));
