"""Pages of one hospital that several roles share."""
