#!/bin/sh
# Give the logins of roles.sql their passwords; PostgreSQL's image runs it once, after that file.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\set login `echo "$GUAHAO_LOGIN_PASSWORD"`
\set owner `echo "$GUAHAO_OWNER_PASSWORD"`
\set backup `echo "$GUAHAO_BACKUP_PASSWORD"`
ALTER ROLE guahao_login PASSWORD :'login';
ALTER ROLE guahao_owner PASSWORD :'owner';
ALTER ROLE guahao_backup PASSWORD :'backup';
SQL
