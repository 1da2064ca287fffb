"""Score architectures of a space: one, or many into a table that survives being interrupted."""
