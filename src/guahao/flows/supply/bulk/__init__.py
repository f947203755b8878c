"""What a scheduler does to many sessions at once: shown first, done whole, undone whole."""
