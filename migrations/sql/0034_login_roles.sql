-- The roles that the processes log in as.
SELECT 1;
