"""`guahao bench scale`: what grows with the number of bookings, and what does not."""
