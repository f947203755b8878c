-- One person, one identity: the canonical key, when and how a person was checked.
SELECT 1;
