"""Tests to inherit, for what third parties add."""
