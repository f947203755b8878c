-- Staff log-ins, the keyed head of the audit trail, forms that are sent once.
SELECT 1;
