-- The logins and roles of guahao; run once by a superuser (docs/OPERATING.md), safe to run again.
\set ON_ERROR_STOP on
SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY['guahao_app', 'guahao_hospital', 'guahao_secrets']) AS name
WHERE to_regrole(name) IS NULL \gexec
SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['guahao_owner', 'guahao_backup']) AS name
WHERE to_regrole(name) IS NULL \gexec
SELECT 'CREATE ROLE guahao_login LOGIN NOINHERIT' WHERE to_regrole('guahao_login') IS NULL \gexec
GRANT guahao_app, guahao_hospital, guahao_secrets TO guahao_owner, guahao_login;
-- A base backup and the stream of changes; reading the data needs no more than that.
ALTER ROLE guahao_backup REPLICATION;
-- The owner's functions tell `guahao doctor` of the standbys; the application sees nothing else.
GRANT pg_monitor TO guahao_backup, guahao_owner;
SELECT 'CREATE DATABASE guahao OWNER guahao_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'guahao') \gexec
REVOKE ALL ON DATABASE guahao FROM PUBLIC;
GRANT CONNECT ON DATABASE guahao TO guahao_login, guahao_backup;
-- Many rows at once (a hospital's timetable) travel by a temporary table.
GRANT TEMPORARY ON DATABASE guahao TO guahao_app, guahao_hospital;
ALTER ROLE guahao_login IN DATABASE guahao SET role = 'guahao_app';
ALTER ROLE guahao_login IN DATABASE guahao SET timezone = 'Asia/Shanghai';
