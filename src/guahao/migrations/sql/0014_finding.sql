-- What is looked for among millions: the newest with a common name, and the trail by what the
-- auditor knows of an entry.
CREATE INDEX patients_by_name_newest ON patients (name_index, id);
DROP INDEX patients_by_name;

CREATE INDEX audit_trail_by_name ON audit_trail (who_name, seq);
CREATE INDEX audit_trail_by_action ON audit_trail (action, seq);
CREATE INDEX audit_trail_by_subject_id ON audit_trail (subject_id, seq);
DROP INDEX audit_trail_by_who;
