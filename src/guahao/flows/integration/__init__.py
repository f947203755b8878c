"""Hospital clients, webhooks, reconciliation."""
