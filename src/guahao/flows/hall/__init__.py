"""The waiting hall on the visit day: queue numbers, time ranges and calls."""
