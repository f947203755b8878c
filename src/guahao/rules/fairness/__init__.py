"""Fair release: draws, returned places, the personal release moment, and their proof."""
