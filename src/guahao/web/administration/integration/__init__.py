"""Hospital clients and webhooks."""
