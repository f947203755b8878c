"""The texts of the web in both languages, and the sentence of each outcome."""
