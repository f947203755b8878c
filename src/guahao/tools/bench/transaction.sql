-- The booking transaction, one at a time, as pgbench runs it: the desk's own statements
-- with one request in each. It decides nothing and defers no job, so it does a little less.
\set person random(:first_person, :last_person)
\set session random(:first_session, :last_session)
\set key random(1, 1000000000000)
BEGIN;
SELECT id, account_id, suspended_until, name_enc, id_type, id_no_enc
FROM patients WHERE id = :person FOR NO KEY UPDATE;
SELECT s.id, s.hospital_id, h.name, s.department_id, d.name, s.title, s.specialty,
       s.visit_date, s.period, s.starts_at, s.ends_at, s.fee_fen, s.capacity, s.booked,
       s.stopped_at IS NOT NULL, h.pickup_place, h.cycle_days, h.release_time,
       h.next_day_stop_time, h.cancel_days_before, h.cancel_time, h.pickup_until_morning,
       h.pickup_until_afternoon, h.pickup_until_evening
FROM clinic_sessions s
JOIN hospitals h ON h.id = s.hospital_id
JOIN departments d ON d.id = s.department_id
WHERE s.id = :session AND d.on_platform FOR NO KEY UPDATE OF s;
SELECT patient_id, visit_date, hospital_id, department_id FROM appointments
WHERE patient_id = :person AND visit_date > current_date - 93
  AND status IN ('booked', 'picked_up', 'no_show', 'unverified');
SELECT actor_kind, actor_id, idempotency_key, patient_id, clinic_session_id, outcome,
       appointment_id, retry_from, visit_from
FROM booking_requests
WHERE actor_kind = 'account' AND actor_id = :person AND idempotency_key = :key::text;
SELECT nextval('appointments_id_seq') AS appointment, nextval('messages_id_seq') AS message \gset
SELECT code_index FROM appointments
WHERE code_live AND code_index = sha256(int8send(-(:appointment::bigint)));
UPDATE clinic_sessions SET booked = booked + 1 WHERE id = :session;
INSERT INTO appointments (id, patient_id, clinic_session_id, hospital_id, department_id,
                          visit_date, channel, code_enc, code_index, booked_at, changed_at)
SELECT :appointment, :person, id, hospital_id, department_id, visit_date, 'api',
       substr(sha512(int8send(:appointment::bigint)), 1, 37), sha256(int8send(-(:appointment::bigint))), now(), now()
FROM clinic_sessions WHERE id = :session
ON CONFLICT DO NOTHING;
INSERT INTO messages (id, kind, account_id, patient_id, appointment_id, created_at, changed_at)
VALUES (:message, 'booked', :person, :person, :appointment, now(), now());
INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                              clinic_session_id, outcome, appointment_id, decided_at)
VALUES ('account', :person, :key::text, :person, :session, 'booked', :appointment, now());
COMMIT;
