-- drand as an outside source of draws: the last of source_firsts is then the hash of its chain.

ALTER TABLE draws
    -- What the chain's hash stands for, in the words of the draw's file.
    ADD COLUMN beacon text,
    -- The round's signature, from which the value in source_values follows.
    ADD COLUMN beacon_signature bytea CHECK (length(beacon_signature) = 48);
GRANT SELECT (beacon, beacon_signature), UPDATE (beacon_signature)
    ON draws TO guahao_app;
