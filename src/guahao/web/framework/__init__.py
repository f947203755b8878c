"""What turns handlers into endpoints and pages."""
