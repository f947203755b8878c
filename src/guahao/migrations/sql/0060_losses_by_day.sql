-- The day of the last draw that the application lost; `lost` counts such days.
ALTER TABLE applications ADD COLUMN lost_on date;
