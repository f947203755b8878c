-- Telling hospitals by webhook: where to, how far, and what did not go through.

CREATE TABLE hospital_webhooks (
    hospital_id bigint PRIMARY KEY REFERENCES hospitals,
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 500),
    kinds text[] NOT NULL CHECK (cardinality(kinds) > 0),
    enabled boolean NOT NULL DEFAULT true,
    secret_enc bytea NOT NULL,
    -- Signs beside the new one until then.
    previous_secret_enc bytea,
    previous_until timestamptz,
    -- Everything in the log up to here was sent, or stands in hospital_deliveries.
    position bigint NOT NULL,
    event_id bigint NOT NULL,
    -- Whoever begins to push counts it up; whoever finds it counted further stops.
    run bigint NOT NULL DEFAULT 0,
    failures_in_row integer NOT NULL DEFAULT 0,
    -- After too many: nothing is sent before, and then one event, to see.
    probe_at timestamptz,
    delivered bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    succeeded_at timestamptz,
    failed_at timestamptz,
    error text NOT NULL DEFAULT '',
    CHECK ((previous_secret_enc IS NULL) = (previous_until IS NULL))
);

-- Only what did not go through at once. Of one appointment, a later event waits for the earlier.
CREATE TABLE hospital_deliveries (
    event_id bigint PRIMARY KEY,
    hospital_id bigint NOT NULL,
    appointment_id bigint NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    attempts integer NOT NULL,
    -- When it was to go first: the event's time, or when somebody had it sent again.
    due_since timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    dead_at timestamptz,
    error text NOT NULL
);
CREATE INDEX hospital_deliveries_waiting
    ON hospital_deliveries (hospital_id, appointment_id, event_id) WHERE dead_at IS NULL;
CREATE INDEX hospital_deliveries_due
    ON hospital_deliveries (hospital_id, next_at) WHERE dead_at IS NULL;
CREATE INDEX hospital_deliveries_dead
    ON hospital_deliveries (hospital_id, event_id) WHERE dead_at IS NOT NULL;

-- A hospital's scheduler sees how it stands, and has its dead letters sent again.
GRANT SELECT (hospital_id, url, kinds, enabled, position, event_id, run, failures_in_row, probe_at,
              delivered, failed, succeeded_at, failed_at, error)
    ON hospital_webhooks TO guahao_hospital;
GRANT SELECT, UPDATE ON hospital_deliveries TO guahao_hospital;
ALTER TABLE hospital_webhooks ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON hospital_webhooks TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY own ON hospital_webhooks TO guahao_hospital
    USING (hospital_id = (SELECT my_hospital()));
ALTER TABLE hospital_deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON hospital_deliveries TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY own ON hospital_deliveries TO guahao_hospital
    USING (hospital_id = (SELECT my_hospital()));
