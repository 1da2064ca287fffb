"""Word lists, a word or two words a line."""
