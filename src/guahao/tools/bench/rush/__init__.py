"""`guahao bench rush`: people against bots at releases, over HTTP."""
