-- Names and search keys, normalised by one function.
SELECT 1;
