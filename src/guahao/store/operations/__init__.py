"""What SQL can measure of the platform's own operation."""
