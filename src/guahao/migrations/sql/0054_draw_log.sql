-- What draws and their log need besides 0051 and 0052. No draw was held before.

ALTER TABLE draws
    -- The time by which the rules about persons are asked, the same for every entry.
    ADD COLUMN drawn_at timestamptz,
    -- Since when an outside source keeps the draw waiting.
    ADD COLUMN waiting_since timestamptz,
    -- Which value of each source was used; null: it gave none.
    ADD COLUMN source_used integer[];
GRANT SELECT (drawn_at, waiting_since, source_used), UPDATE (drawn_at, waiting_since, source_used)
    ON draws TO guahao_app;

-- blocks: an empty table
CREATE INDEX draws_by_department ON draws (department_id, id);
-- blocks: an empty table
CREATE INDEX draws_by_hospital ON draws (hospital_id, id);
-- What the periodic job looks for: places whose draw is still to be opened.
-- blocks: an empty table
CREATE INDEX held_places_to_open ON held_places (draw_at)
    WHERE released_at IS NULL AND draw_id IS NULL AND draw_at IS NOT NULL;

-- The end of the log, which every writer locks; lines about the log itself belong to no draw.
ALTER TABLE fairness_log ALTER COLUMN draw_id DROP NOT NULL;
CREATE TABLE fairness_log_head (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    seq bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    public_key bytea
);
INSERT INTO fairness_log_head (seq, hash) VALUES (0, sha256('guahao-log 1'));
REVOKE DELETE ON fairness_log_head FROM guahao_app;
