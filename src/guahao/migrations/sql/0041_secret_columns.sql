-- What logs somebody in or signs is read and written under guahao_secrets alone. guahao_app keeps
-- the other columns; the names here are those of SECRET_COLUMNS in store/kernel/secrets.py.

-- Whether a second factor is enrolled, without its secret.
-- blocks: staff is a small table, which no booking reads.
ALTER TABLE staff ADD COLUMN has_second_factor boolean NOT NULL
    GENERATED ALWAYS AS (totp_secret_enc IS NOT NULL) STORED;

GRANT USAGE ON SCHEMA public TO guahao_secrets;
DO $$
DECLARE
    tab text;
    secret text[];
    others text;
BEGIN
    FOR tab, secret IN VALUES
        ('staff', ARRAY['password_hash', 'totp_secret_enc']),
        ('hospital_client_secrets', ARRAY['secret_index']),
        ('hospital_webhooks', ARRAY['secret_enc', 'previous_secret_enc']),
        ('wechat_access_tokens', ARRAY['token_enc']),
        ('one_time_passwords', ARRAY['otp_index']),
        ('sent_forms', ARRAY['answer_enc'])
    LOOP
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO others
        FROM pg_attribute
        WHERE attrelid = to_regclass(tab) AND attnum > 0 AND NOT attisdropped
          AND attname <> ALL (secret);
        EXECUTE format('REVOKE SELECT, INSERT, UPDATE ON %I FROM guahao_app', tab);
        EXECUTE format('GRANT SELECT (%s), INSERT (%s), UPDATE (%s) ON %I TO guahao_app',
                       others, others, others, tab);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO guahao_secrets', tab);
    END LOOP;
END $$;

-- The trail asks whether staff was added before the transaction that begins it.
GRANT SELECT (xmin) ON staff TO guahao_app;

CREATE POLICY secrets ON staff TO guahao_secrets USING (true) WITH CHECK (true);
CREATE POLICY secrets ON hospital_webhooks TO guahao_secrets USING (true) WITH CHECK (true);
