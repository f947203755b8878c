-- A receiver of the log alone (guahao backup stream) replays nothing: its replay_lag grows for as
-- long as it is attached, however closely it follows. How late it writes to its disk counts.
CREATE OR REPLACE FUNCTION operations_standbys()
    RETURNS TABLE (name text, state text, sync_state text, behind_bytes bigint, lag_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT application_name, state, sync_state,
           CASE WHEN NOT pg_is_in_recovery()
                THEN pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)::bigint END,
           extract(epoch FROM CASE WHEN replay_lsn IS NULL THEN flush_lag
                                   ELSE replay_lag END)::float8
    FROM pg_stat_replication
$$;
