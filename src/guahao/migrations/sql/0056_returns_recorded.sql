-- How many places of the session were free just before these came back: whether they had to wait
-- follows from it. Null where nothing came back (a release, a referral's share, a split row).
-- Places that were free at once are recorded as released when they came back.
ALTER TABLE held_places ADD COLUMN free_before integer;
