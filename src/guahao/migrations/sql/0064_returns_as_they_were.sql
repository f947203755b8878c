-- What the session was when its places came back: it may be turned into another. Null: as it is.
ALTER TABLE held_places
    ADD COLUMN department_id bigint,
    ADD COLUMN title text,
    ADD COLUMN visit_date date;
