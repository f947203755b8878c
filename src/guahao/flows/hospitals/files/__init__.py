"""All hospitals into a file, and a file's hospitals into the directory: previewed, all or
nothing, and twice the same as once."""
