"""The pages from the home page to a booking."""
