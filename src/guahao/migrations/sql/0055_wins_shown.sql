-- A hospital's staff see of a booking at their own hospital that it was won in a draw.
GRANT SELECT ON wins TO guahao_hospital;
ALTER TABLE wins ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON wins TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY own ON wins TO guahao_hospital USING (
    EXISTS (SELECT FROM appointments a WHERE a.id = wins.appointment_id));
