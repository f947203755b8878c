-- Quiet hours and the real-name gateway.
SELECT 1;
