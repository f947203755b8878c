-- What `guahao doctor`, the metrics and the status page know of the platform's own operation.

-- Each backup and each verified restore; written by `guahao backup` and `guahao backup verify`.
CREATE TABLE backup_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('backup', 'verify')),
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL CHECK (finished_at >= started_at),
    outcome text NOT NULL CHECK (outcome IN ('ok', 'failed')),
    detail text NOT NULL DEFAULT '',
    target_time timestamptz, -- of a verification: the point in time that was restored
    size_bytes bigint CHECK (size_bytes >= 0)
);
CREATE INDEX backup_runs_latest ON backup_runs (kind, outcome, finished_at);

-- How each periodic task ran last, by the database's clock: the tasks follow real time.
CREATE TABLE task_runs (
    name text PRIMARY KEY,
    first_at timestamptz NOT NULL DEFAULT now(),
    succeeded_at timestamptz,
    seconds double precision, -- that the last successful run took
    failed_at timestamptz,
    error text NOT NULL DEFAULT '' -- the type of the last error; its text may quote a row
);

-- What is measured by SQL, by one process for all: a single row. Who claims it measures.
CREATE TABLE observations (
    id smallint PRIMARY KEY CHECK (id = 1),
    claimed_at timestamptz NOT NULL DEFAULT '-infinity',
    taken_at timestamptz,
    facts jsonb
);
INSERT INTO observations (id) VALUES (1);

-- The standbys of this primary. pg_stat_replication shows the states of other logins' standbys
-- only to members of pg_monitor, who may read the text of every query as well. The application
-- calls this instead, with the owner's rights: the owner is a superuser or, once, granted
-- pg_monitor. Without it there are rows without a state.
CREATE FUNCTION operations_standbys()
    RETURNS TABLE (name text, state text, sync_state text, behind_bytes bigint, lag_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT application_name, state, sync_state,
           CASE WHEN NOT pg_is_in_recovery()
                THEN pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)::bigint END,
           extract(epoch FROM replay_lag)::float8
    FROM pg_stat_replication
$$;

-- The bytes of write-ahead log on the server's disk; NULL: the owner may not read that.
CREATE FUNCTION operations_wal_bytes() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT sum(size)::bigint FROM pg_ls_waldir());
EXCEPTION WHEN insufficient_privilege THEN
    RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION operations_standbys(), operations_wal_bytes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION operations_standbys(), operations_wal_bytes() TO guahao_app;

-- Planned maintenance stands on the status page as well.
ALTER TABLE announcements ADD COLUMN is_maintenance boolean NOT NULL DEFAULT false;
