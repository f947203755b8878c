"""Whether the platform is well, for operators, monitoring and citizens."""
