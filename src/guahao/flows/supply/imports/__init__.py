"""The plan in files: sessions and weekly timetables, read, checked, compared and applied."""
