"""Fair release: what shows whether places reach people alike."""
