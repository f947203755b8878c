-- The staff of a hospital see who did what, and nothing that logs anybody in.
REVOKE SELECT ON staff FROM guahao_hospital;
DO $$
DECLARE
    shown text;
BEGIN
    SELECT string_agg(quote_ident(column_name), ', ') INTO shown
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = 'staff'
      AND column_name NOT LIKE '%\_enc' AND column_name NOT LIKE '%password%'
      AND column_name NOT LIKE 'totp%';
    EXECUTE format('GRANT SELECT (%s) ON staff TO guahao_hospital', shown);
END $$;
