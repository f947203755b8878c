-- What reports read is the latest part of what only grows: bookings by the day they were made
-- or of their visit, messages by the day they were written. Rows lie in the order of time, so
-- that these indexes are a few pages, cost a booking next to nothing, and spare a report the
-- years before.

CREATE INDEX appointments_by_time ON appointments USING brin (booked_at, visit_date)
    WITH (pages_per_range = 32);
CREATE INDEX messages_by_time ON messages USING brin (created_at) WITH (pages_per_range = 32);
