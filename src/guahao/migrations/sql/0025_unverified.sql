-- Bookings that wait to be confirmed by their hospital are found without reading the others.
CREATE INDEX appointments_unverified ON appointments (hospital_id, visit_date)
    WHERE status = 'unverified';
