"""What SQL can tell of the platform's own operation."""
