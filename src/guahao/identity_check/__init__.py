"""The real-name check: asking whether a name and an identity document belong together."""
