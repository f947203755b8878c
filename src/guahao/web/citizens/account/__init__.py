"""The pages for logging in, patients and privacy."""
