-- Corrections of the national calendar: by the city (hospital_id NULL), or by a hospital for itself.
-- `like_weekday`: the date follows the timetables of this weekday (1 is Monday); NULL: it is off.
CREATE TABLE calendar_days (
    hospital_id bigint REFERENCES hospitals,
    day date NOT NULL,
    like_weekday smallint CHECK (like_weekday BETWEEN 1 AND 7),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 60),
    by_name text NOT NULL,
    at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (hospital_id, day)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON calendar_days TO guahao_hospital;
ALTER TABLE calendar_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON calendar_days TO guahao_app USING (true) WITH CHECK (true);
-- A hospital's staff see the city's corrections, and write only their own.
CREATE POLICY seen ON calendar_days FOR SELECT TO guahao_hospital
    USING (hospital_id IS NULL OR hospital_id = (SELECT my_hospital()));
CREATE POLICY added ON calendar_days FOR INSERT TO guahao_hospital
    WITH CHECK (hospital_id = (SELECT my_hospital()));
CREATE POLICY changed ON calendar_days FOR UPDATE TO guahao_hospital
    USING (hospital_id = (SELECT my_hospital()));
CREATE POLICY removed ON calendar_days FOR DELETE TO guahao_hospital
    USING (hospital_id = (SELECT my_hospital()));

-- Whether a timetable also has sessions on days off.
ALTER TABLE timetables ADD COLUMN on_holidays boolean NOT NULL DEFAULT false;
