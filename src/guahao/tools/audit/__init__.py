"""`guahao audit`."""
