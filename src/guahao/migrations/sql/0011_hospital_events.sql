-- What hospitals must hear of: every change of an appointment's status, in the change's own
-- transaction, whichever statement makes it.

-- Positions in the log come from transaction ids, which begin anew where the database is moved by
-- dump and restore: `guahao migrate` then raises the offset, so that positions only ever grow.
CREATE TABLE hospital_event_clock (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    xid_offset bigint NOT NULL DEFAULT 0,
    -- The last position whose events were purged: a cursor before it has missed some.
    purged_through bigint NOT NULL DEFAULT 0
);
INSERT INTO hospital_event_clock DEFAULT VALUES;

CREATE TABLE hospital_events (
    hospital_id bigint NOT NULL,
    -- Not before the appointment's earlier events, and not before what its own transaction is
    -- to the cluster. Whatever lies below hospital_events_settled() is complete.
    position bigint NOT NULL,
    -- Of one appointment in the order of its changes: its row was locked.
    id bigint GENERATED ALWAYS AS IDENTITY,
    appointment_id bigint NOT NULL,
    -- The appointment's new status; 'restored': live again.
    kind text NOT NULL CHECK (kind IN ('booked', 'cancelled', 'stopped', 'restored', 'picked_up',
                                       'no_show', 'unverified')),
    at timestamptz NOT NULL,
    PRIMARY KEY (hospital_id, position, id)
);
CREATE INDEX hospital_events_by_appointment ON hospital_events (appointment_id, id);
CREATE INDEX hospital_events_by_time ON hospital_events USING brin (at);

CREATE FUNCTION hospital_events_here() RETURNS bigint LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS
    $$ SELECT pg_current_xact_id()::text::bigint + xid_offset FROM hospital_event_clock $$;

-- Every transaction that wrote a smaller position has ended, and is seen by this snapshot.
CREATE FUNCTION hospital_events_settled() RETURNS bigint LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS
    $$ SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset
       FROM hospital_event_clock $$;

-- Run by `guahao migrate`; changes nothing but after dump and restore.
CREATE FUNCTION hospital_events_go_on() RETURNS void LANGUAGE sql
    SET search_path = public, pg_temp AS $$
    WITH written AS (
        SELECT max(last.position) AS through
        FROM hospitals h, LATERAL (SELECT e.position FROM hospital_events e
                                   WHERE e.hospital_id = h.id
                                   ORDER BY e.position DESC LIMIT 1) last
    )
    UPDATE hospital_event_clock
    SET xid_offset = xid_offset + through + 1 - hospital_events_here()
    FROM written WHERE through >= hospital_events_here()
$$;
REVOKE EXECUTE ON FUNCTION hospital_events_go_on() FROM PUBLIC, guahao_app;

-- As the owner: nobody else writes this log.
CREATE FUNCTION log_new_appointments() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    here CONSTANT bigint := hospital_events_here();
BEGIN
    INSERT INTO hospital_events (hospital_id, position, appointment_id, kind, at)
    SELECT hospital_id, here, id, status, changed_at FROM written;
    RETURN NULL;
END $$;

CREATE FUNCTION log_changed_appointments() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    here CONSTANT bigint := hospital_events_here();
BEGIN
    -- A transaction may have its id before another changes the same appointment and ends.
    INSERT INTO hospital_events (hospital_id, position, appointment_id, kind, at)
    SELECT w.hospital_id,
           greatest(here, (SELECT max(e.position) FROM hospital_events e
                           WHERE e.appointment_id = w.id)),
           w.id, CASE w.status WHEN 'booked' THEN 'restored' ELSE w.status END, w.changed_at
    FROM written w JOIN before b ON b.id = w.id
    WHERE w.status <> b.status;
    RETURN NULL;
END $$;

CREATE TRIGGER log_new AFTER INSERT ON appointments REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION log_new_appointments();
CREATE TRIGGER log_changed AFTER UPDATE ON appointments
    REFERENCING OLD TABLE AS before NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_appointments();

-- What there is already begins with how it stands.
INSERT INTO hospital_events (hospital_id, position, appointment_id, kind, at)
SELECT hospital_id, hospital_events_here(), id, status, changed_at
FROM appointments ORDER BY changed_at, id;

REVOKE INSERT, UPDATE ON hospital_events FROM guahao_app;
REVOKE INSERT, DELETE ON hospital_event_clock FROM guahao_app;
REVOKE UPDATE ON hospital_event_clock FROM guahao_app;
GRANT UPDATE (purged_through) ON hospital_event_clock TO guahao_app;

GRANT SELECT ON hospital_events, hospital_event_clock TO guahao_hospital;
GRANT EXECUTE ON FUNCTION hospital_events_settled() TO guahao_hospital;
ALTER TABLE hospital_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON hospital_events TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY own ON hospital_events TO guahao_hospital
    USING (hospital_id = (SELECT my_hospital()));
