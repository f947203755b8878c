"""From the home page to a booking."""
