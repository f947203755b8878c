"""The law of the platform: pure functions on frozen dataclasses, standard library only."""
