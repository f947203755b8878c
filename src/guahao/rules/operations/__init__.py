"""How the platform itself does: what is too old, too far, too full."""
