"""`guahao bench morning`: a whole city at the moment of a release, over HTTP."""
