"""Members of staff and the audit trail."""
