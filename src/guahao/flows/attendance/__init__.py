"""Pick-up, no-shows, suspensions."""
