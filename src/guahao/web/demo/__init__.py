"""Pages of the demo mode only."""
