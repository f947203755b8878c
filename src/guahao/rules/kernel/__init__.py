"""What every room of the rules builds on."""
