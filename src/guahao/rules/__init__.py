"""The law of the platform: pure functions on frozen dataclasses.

The standard library only, but for the two modules of docs/decisions/0002.
"""
