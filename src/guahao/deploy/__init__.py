"""What an operator copies to a city's machines, made from a few answers (`guahao deploy init`)."""
