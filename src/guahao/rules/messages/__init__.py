"""What is sent to people, and when."""
