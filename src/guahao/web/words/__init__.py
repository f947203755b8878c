"""Both languages: catalogues, and the sentence of each outcome."""
