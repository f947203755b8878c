"""`guahao bench read`: single reads, and the rate of answers that are the same for everybody."""
