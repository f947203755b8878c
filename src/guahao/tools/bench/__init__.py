"""How fast the desk books, beside the same transaction one at a time, in one run."""
