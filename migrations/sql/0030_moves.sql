-- Persons move to another phone; landlines; corrections by staff.
SELECT 1;
