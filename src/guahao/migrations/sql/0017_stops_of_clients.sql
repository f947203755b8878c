-- A hospital's own system stops sessions, too.
ALTER TABLE stops
    ALTER COLUMN staff_id DROP NOT NULL,
    -- The public name of the client that stopped; never both.
    ADD COLUMN client_id text,
    ADD CHECK ((staff_id IS NULL) = (client_id IS NOT NULL));
