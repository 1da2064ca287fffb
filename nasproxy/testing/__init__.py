"""Contract tests that a third party's proxy or search space inherits (they need pytest)."""
