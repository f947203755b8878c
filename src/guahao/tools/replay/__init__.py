"""`guahao replay`."""
