"""The real-name check: whether a name and an identity document belong together."""
