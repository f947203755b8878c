-- What only archives the log (pg_receivewal, guahao backup stream) never replays it, so that its
-- replay_lag grows for as long as it runs. Only a standby that replays can be late at it.
CREATE OR REPLACE FUNCTION operations_standbys()
    RETURNS TABLE (name text, state text, sync_state text, behind_bytes bigint, lag_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT application_name, state, sync_state,
           CASE WHEN NOT pg_is_in_recovery()
                THEN pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)::bigint END,
           CASE WHEN replay_lsn IS NOT NULL
                THEN extract(epoch FROM replay_lag)::float8
                ELSE extract(epoch FROM flush_lag)::float8 END
    FROM pg_stat_replication
$$;
