"""Contract tests that a third party's space or proxy inherits; they need pytest."""
