"""Booking and cancelling."""
