"""All SQL. Functions take the transaction; the noun names the file."""
