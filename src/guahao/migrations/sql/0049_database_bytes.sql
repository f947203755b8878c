-- The size of the database, which only a role that may connect to it can ask for: where CONNECT is
-- revoked from PUBLIC, that is the login, and not the role that it works as.
CREATE FUNCTION operations_database_bytes() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_database_size(current_database())
$$;
REVOKE EXECUTE ON FUNCTION operations_database_bytes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION operations_database_bytes() TO guahao_app;
