-- By whom a member of staff was last added, reset, enabled or given a role, and when: who lets
-- another in may not make their own second person. NULL: by the command line.
ALTER TABLE staff ADD COLUMN access_by bigint, ADD COLUMN access_at timestamptz;

GRANT SELECT (access_by, access_at), INSERT (access_by, access_at), UPDATE (access_by, access_at)
    ON staff TO guahao_app;
