-- Which bookings of the staff the trail may lack is asked every minute.
CREATE INDEX booking_requests_of_staff ON booking_requests (decided_at)
    WHERE actor_kind = 'staff' AND outcome = 'booked';
