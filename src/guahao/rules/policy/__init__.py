"""The platform policy and what-if trials."""
