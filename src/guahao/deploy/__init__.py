"""Render the files of a city's machines from a few answers (`guahao deploy init`)."""
