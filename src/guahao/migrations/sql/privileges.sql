-- What the application may do, run before every upgrade. The application's role owns nothing.
-- Whatever a migration creates from here on is the application's to use; a migration that wants
-- less for one table (a log that only grows) says REVOKE itself, and nothing grants it back.

GRANT USAGE ON SCHEMA public TO guahao_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO guahao_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO guahao_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT EXECUTE ON FUNCTIONS TO guahao_app;

-- The staff of one hospital; row by row (0007), and nothing by default.
GRANT USAGE ON SCHEMA public TO guahao_hospital;
