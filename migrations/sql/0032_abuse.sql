-- Limits over all processes, and accounts to review.
SELECT 1;
