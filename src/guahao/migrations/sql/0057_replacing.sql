-- What a hospital may see of the places that it offers to patients of a stopped clinic.
GRANT SELECT (id, stopped_appointment_id, clinic_session_id, state, offered_at, accept_until)
    ON replacement_offers TO guahao_hospital;
ALTER TABLE replacement_offers ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON replacement_offers TO guahao_app USING (true) WITH CHECK (true);
CREATE POLICY own ON replacement_offers TO guahao_hospital
    USING (EXISTS (SELECT FROM clinic_sessions s
                   WHERE s.id = clinic_session_id AND s.hospital_id = (SELECT my_hospital())));
-- Replacements are listed by session in every state: a session once offered is not removed.
-- blocks: an empty table
CREATE INDEX replacement_offers_of_session ON replacement_offers (clinic_session_id);
-- blocks: an empty table
CREATE INDEX replacement_offers_by_patient ON replacement_offers (patient_id);
